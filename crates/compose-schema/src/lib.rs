#![doc = include_str!("../README.md")]

mod check;
mod keys;
mod path;
mod resources;
mod service;
mod tables;
mod types;
mod units;

pub use check::check;
pub use keys::keys;
pub use path::Path;
pub use tables::MODEL;
pub use types::{Field, Form, Table};
pub use units::{format_duration, parse_bytes, parse_duration, split_words};
