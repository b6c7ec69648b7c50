//! Why a database service cannot become a native server.

use std::path::PathBuf;

use backlot_hint::{Explain, Hint};
use backlot_postgres::ConfError;
use backlot_project::Location;

use crate::storage::StorageError;

/// The code of what the official image refuses as well.
pub const OF_ALL_ENGINES: &str = "database-password";

/// A database service that cannot become a native server.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// The official image would refuse to start, too.
    #[error("service {service} has no POSTGRES_PASSWORD")]
    NoPassword {
        /// The service.
        service: String,
        /// Whether it has one that is empty.
        is_empty: bool,
        /// Where it is defined.
        at: Location,
    },
    /// The same.
    #[error(
        "service {service} has both {variable} and {variable}_FILE, of which the official image takes one only"
    )]
    Both {
        /// The service.
        service: String,
        /// The variable.
        variable: String,
        /// Where it is defined.
        at: Location,
    },
    /// A `*_FILE` variable leads nowhere.
    #[error("cannot read {path:?}, which {variable} of service {service} names")]
    SecretFile {
        /// The service.
        service: String,
        /// The variable.
        variable: String,
        /// Its value.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
        /// Where the service is defined.
        at: Location,
    },
    /// Words that a shell would not take.
    #[error("{variable} of service {service} is no list of arguments: {reason}")]
    Words {
        /// The service.
        service: String,
        /// The variable.
        variable: &'static str,
        /// What is wrong.
        reason: String,
        /// Where it is defined.
        at: Location,
    },
    /// The command's arguments are not those of Postgres.
    #[error("service {service} has the command {command:?}, of which {argument:?} is no setting of Postgres")]
    Command {
        /// The service.
        service: String,
        /// The command.
        command: String,
        /// The argument that was not understood.
        argument: String,
        /// Where it is defined.
        at: Location,
    },
    /// A file of Postgres' own cannot be read.
    #[error("the {setting} of service {service} cannot be used")]
    Conf {
        /// The service.
        service: String,
        /// The setting that names it.
        setting: &'static str,
        /// Why.
        source: Box<ConfError>,
        /// Where the service is defined.
        at: Location,
    },
    /// Its data cannot be where the service has it.
    #[error(transparent)]
    Storage(#[from] Box<StorageError>),
}

impl DatabaseError {
    /// The way out.
    pub fn hint(&self) -> String {
        match self {
            Self::NoPassword { is_empty: true, at, .. } => format!(
                "the one that the file gives it is empty ({at}): set the variable of which it is made, in `.env` or the environment; or \
                 POSTGRES_HOST_AUTH_METHOD: trust, and nobody is asked for one"
            ),
            Self::NoPassword { at, .. } => format!(
                "set it under `environment:` of the service ({at}); a value is enough for throw-away databases; or \
                 POSTGRES_HOST_AUTH_METHOD: trust, and nobody is asked for one"
            ),
            Self::Both { at, .. } => format!("take one of them away ({at})"),
            Self::Storage(error) => error.hint(),
            Self::SecretFile { at, .. } => format!(
                "make that file, or give the service another (`secrets:`, `volumes:`), or set the variable itself ({at})"
            ),
            Self::Words { at, .. } => format!("close its quotes ({at})"),
            Self::Command { at, .. } => {
                format!("natively, the command may only set parameters: `postgres -c name=value` ({at})")
            }
            Self::Conf { at, .. } => format!("mount the file where the service looks for it ({at})"),
        }
    }
}

impl Explain for DatabaseError {
    fn code(&self) -> &'static str {
        match self {
            Self::NoPassword { .. } | Self::Both { .. } => OF_ALL_ENGINES,
            Self::SecretFile { .. }
            | Self::Words { .. }
            | Self::Command { .. }
            | Self::Conf { .. }
            | Self::Storage(_) => "database",
        }
    }

    fn hint(&self) -> Option<Hint> {
        Some(Self::hint(self).into())
    }
}
