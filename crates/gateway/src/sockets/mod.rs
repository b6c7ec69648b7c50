//! Connections as such: clients taken in, listened to, and bytes handed both ways.

pub(crate) mod accept;
pub(crate) mod auto;
pub(crate) mod client_stream;
mod gather;
pub(crate) mod pipe;
mod protocol;
pub(crate) mod replica_stream;
pub(crate) mod stall;
mod tcp;
pub(crate) mod workers;
