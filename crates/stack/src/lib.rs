//! From an environment to what its supervisor runs: every service's command, directory, variables and ports, as they are
//! on this machine.

mod addresses;
mod builds;
mod cast;
mod claim;
mod contained;
mod containers;
mod database;
mod doubled;
mod error;
mod fingerprint;
mod front;
mod hooks;
mod inside;
mod keeping;
mod lines;
mod notes;
mod packages;
mod ports;
mod process;
mod runbook;
mod scripts;
mod service;
mod texts;
mod translation;
mod twins;
mod view;

pub use cast::{Cast, Looked};
pub use claim::Claim;
pub use containers::Containers;
pub use database::database_variables;
pub use error::{OF_ALL_ENGINES, StackError};
pub use fingerprint::{of_file, of_project, of_texts};
pub use keeping::Kept;
pub use packages::{Chooser, Provided, provided};
pub use translation::Translation;
