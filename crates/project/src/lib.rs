//! Reads a project's config and Compose files into environments and stacks.
//!
//! Pure reading: files → [`Project`] → [`Environment`] → [`Stack`]. The crate loads files and nothing else: it never
//! prints, never reads the process environment (a [`Lookup`] carries it in), and knows no engine.

mod config;
mod error;
mod git;
pub mod keys;
mod name;
mod project;
#[doc(hidden)]
pub mod readers;
mod secret;
pub mod stack;
mod variables;

pub use backlot_compose::{parse_duration, split_words};
pub use backlot_yaml::{Location, Place};
pub use error::{Problem, ProjectError};
pub use git::Git;
pub use name::{EnvironmentName, NameError, ScenarioName};
pub use project::{ComposeCall, Environment, Layout, Lookup, Project, ScenarioSource, variables_in};
pub use secret::{MASK, is_secret, mask};
pub use stack::{Service, Stack};
pub use variables::{Origin, Variable, Variables};
