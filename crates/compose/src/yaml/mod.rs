//! YAML as a tree in which every value knows its place.

mod lenient;
mod node;
mod parse;
mod scalar;

pub(crate) use node::Mark;
pub use node::{Entry, Map, Node, Value};
pub(crate) use parse::{MAX_NODES, documents};
