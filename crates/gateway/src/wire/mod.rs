//! Bytes in and out of sockets: read into buffers that are used again, written in as few calls as can be, each with a limit.

pub(crate) mod buffer;
pub(crate) mod moving;
pub(crate) mod timer;
