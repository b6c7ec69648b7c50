//! Reads a project's config and Compose files into environments and stacks.
//!
//! Pure reading: files → [`Project`] → [`Environment`] → [`Stack`]. The crate loads files and nothing else: it never
//! prints, never reads the process environment (a [`Lookup`] carries it in), and knows no engine.

mod compose;
mod config;
mod dotenv;
mod error;
mod interpolate;
mod name;
mod problem;
mod project;
#[doc(hidden)]
pub mod readers;
mod secret;
mod source;
pub mod stack;
mod variables;
mod yaml;

pub use error::{Location, Place, Problem, ProjectError};
pub use name::{EnvironmentName, NameError, ScenarioName};
pub use project::{ComposeCall, Environment, Layout, Lookup, Project, ScenarioSource};
pub use secret::{MASK, is_secret, mask};
pub use stack::{Service, Stack};
pub use variables::{Origin, Variable, Variables};
