//! Ports: which one is wished for, and who has it.

/// The TCP port that a server should listen on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PortWish {
    /// This one or none.
    Exact(u16),
    /// The first free one from `preferred` on.
    Free {
        /// Where to begin: 20000 to 31999 keeps clear of the ports that the kernel gives to outgoing connections.
        preferred: u16,
    },
}

/// The process that listens on a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// Its number.
    pub pid: i32,
    /// Its command line, shortened.
    pub command: String,
}
