#![doc = include_str!("../README.md")]

mod fault;
mod lenient;
mod node;
mod parse;
mod problem;
mod scalar;
mod source;

pub use fault::{Error, Fault, Location, Place};
pub use node::{Entry, Map, Node, Value};
pub use parse::{MAX_NODES, documents};
pub use problem::Problem;
pub use source::{Source, Span};
