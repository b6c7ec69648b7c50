//! The sockets of a proxy: what is said first, what moves, and bytes handed both ways.
//!
//! A [`ClientStream`] listens for what its client speaks and notes what moves ([`Traffic`]); a [`ReplicaStream`] tells
//! whether it is at rest, and can be cut from outside ([`Sockets`]). [`pipe()`] joins
//! two of them. Of HTTP no more is known than how a request begins.

mod client_stream;
mod peer;
mod pipe;
mod protocol;
mod replica_stream;

pub use client_stream::{ClientStream, Opening, Traffic};
pub use peer::Living;
pub use pipe::pipe;
pub use replica_stream::{ConnectError, ReplicaStream, Sockets};
