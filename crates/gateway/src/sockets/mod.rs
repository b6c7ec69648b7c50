//! Connections as such: clients taken in, listened to, and bytes handed both ways.

pub(crate) mod accept;
pub(crate) mod auto;
mod gather;
pub(crate) mod lanes;
pub(crate) mod pipe;
mod speech;
pub(crate) mod stall;
mod tcp;
pub(crate) mod visitor;
pub(crate) mod wire;
