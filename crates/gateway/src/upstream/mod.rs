//! The way to a replica: connections to it at rest.

pub(crate) mod pool;
