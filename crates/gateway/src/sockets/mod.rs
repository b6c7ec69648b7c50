//! Sockets as such: what is said first, what moves, and bytes handed both ways.

pub(crate) mod client_stream;
mod gather;
pub(crate) mod interim;
pub(crate) mod peer;
pub(crate) mod pipe;
mod protocol;
pub(crate) mod replica_stream;
pub(crate) mod stall;
pub(crate) mod workers;
