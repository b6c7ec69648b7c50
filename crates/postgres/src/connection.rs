//! Talking to a server.

use std::time::Duration;

use crate::access::Access;

/// An open connection. Each call has the limit that the connection was opened with.
pub struct Connection {
    _limit: Duration,
}

/// Whether a thing was made, or was there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Creation {
    /// It was made.
    Created,
    /// It was there.
    AlreadyThere,
}

/// Why a connection or statement failed. The messages fit after "failed to …".
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// No answer within the limit.
    #[error("{action} within {} s", limit.as_secs_f64())]
    TimedOut {
        /// What was being done.
        action: &'static str,
        /// How long it was given.
        limit: Duration,
    },
}

impl Connection {
    /// Connects.
    pub fn open(_access: &Access, _limit: Duration) -> Result<Self, DatabaseError> {
        todo!()
    }

    /// Runs one or several statements.
    pub fn run(&mut self, _sql: &str) -> Result<(), DatabaseError> {
        todo!()
    }

    /// The first column of the first row, as text; `None` for no row and for NULL.
    pub fn query_one_text(&mut self, _sql: &str) -> Result<Option<String>, DatabaseError> {
        todo!()
    }

    /// Whether a database of this name is there.
    pub fn database_exists(&mut self, _name: &str) -> Result<bool, DatabaseError> {
        todo!()
    }

    /// Makes a database, unless it is there.
    pub fn create_database(&mut self, _name: &str) -> Result<Creation, DatabaseError> {
        todo!()
    }

    /// Drops a database and ends all connections to it; `false` if it was not there.
    pub fn drop_database(&mut self, _name: &str) -> Result<bool, DatabaseError> {
        todo!()
    }

    /// The size of a database on disk, in bytes.
    pub fn database_size(&mut self, _name: &str) -> Result<u64, DatabaseError> {
        todo!()
    }
}
