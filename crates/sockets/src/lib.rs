//! The sockets of a proxy: what is said first, what moves, and bytes handed both ways.
//!
//! A [`ClientStream`] listens for what its client speaks, notes what moves ([`Traffic`]) and gives up on one that does not
//! read; a [`ReplicaStream`] tells whether anything was written, and can be cut from outside ([`Sockets`]). [`pipe()`] joins
//! two of them. Of HTTP no more is known than how a request begins.

mod client_stream;
mod gather;
mod interim;
mod peer;
mod pipe;
mod protocol;
mod replica_stream;
mod stall;

pub use client_stream::{ClientStream, Opening, Traffic};
pub use interim::Interim;
pub use peer::is_gone;
pub use pipe::pipe;
pub use replica_stream::{ConnectError, ReplicaStream, Sockets};
pub use stall::Stall;
