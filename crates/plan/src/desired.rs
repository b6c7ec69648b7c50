//! What the project's files ask for.

/// An environment as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Desired {
    /// The Compose service that is the database.
    pub service: String,
    /// Where its data lives.
    pub storage: Storage,
    /// The port that it listens on.
    pub port: Port,
    /// Databases that exist from the start.
    pub databases: Vec<String>,
    /// What fills the database once, as it is shown to people (`scenarios/users.py`); none leaves it empty.
    pub fill: Option<String>,
}

/// Where a cluster's data lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Storage {
    /// Gone with the environment.
    Throwaway,
    /// In the named volume, which outlives the environment.
    Volume(String),
}

/// The port that a server is to listen on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Port {
    /// What the project's files publish: this one or an error.
    Exact(u16),
    /// Any free one; the same again for the same environment where it can be had.
    Free,
}
