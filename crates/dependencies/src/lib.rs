//! What services need of packages, as their Dockerfiles install it: virtual environments, `node_modules` and gems of Backlot's own, outside
//! of every source tree, each made once for what decides (lock files, requirements, the interpreter, the tool) and kept by the hash
//! of that. One is whole or does not count: a mark comes into it last, and what has none is made anew.

mod before;
mod builds;
mod environment;
mod error;
mod folder;
mod kept;
mod key;
mod lock;
mod machine;
mod make;
mod modules;
mod node;
mod project;
mod python;
mod requires;
mod sources;
mod system;
mod tool_version;
mod tools;

pub use builds::Stage;
pub use environment::{Ecosystem, Environment, Wanted, environments};
pub use error::DependencyError;
pub use kept::{Kept, kept};
pub use key::state_of;
pub use machine::{Machine, Version};
pub use make::Making;
pub use modules::own_modules;
pub use sources::copy;
pub use system::{Missing as MissingPackages, missing as missing_packages};
pub use tool_version::lone_tools;
