//! Clients taken in, and served as they turn out to speak.

pub(crate) mod accept;
mod auto;
pub(crate) mod doors;
mod tcp;
