//! From an environment to what its supervisor runs: every service's command, directory, variables and ports, as they are
//! on this machine.

mod addresses;
mod cast;
mod error;
mod fingerprint;
mod front;
mod hooks;
mod keeping;
mod notes;
mod ports;
mod process;
mod runbook;
mod service;
mod template;
mod translation;
mod view;

pub(crate) use cast::Cast;
pub use error::StackError;
pub(crate) use translation::Translation;
