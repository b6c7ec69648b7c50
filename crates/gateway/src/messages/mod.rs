//! The messages of HTTP/1: read once where they lie, and written as they came, but for what is meant for one connection.
//!
//! Nothing in here waits, connects or knows a socket. [`rules`] says what becomes of each header, which requests are refused
//! and which may be given to another replica; [`head`] reads heads; [`request`] and [`response`] write what the other side
//! gets; [`body`] takes bodies out of their frames.

pub(crate) mod body;
pub(crate) mod date;
pub(crate) mod feed;
pub(crate) mod head;
pub(crate) mod request;
pub(crate) mod response;
pub(crate) mod rules;
