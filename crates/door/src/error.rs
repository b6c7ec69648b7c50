//! Why there is no door.

use std::io;

use backlot_hint::{Explain, Hint};
use backlot_process::ProcessError;
use backlot_state::{EngineError, RecordError};

/// Why there is no door.
#[derive(Debug, thiserror::Error)]
pub enum DoorError {
    /// The variable says something else than a port.
    #[error("BACKLOT_DOOR is {value:?}, which is neither a port nor off")]
    Setting {
        /// Its value.
        value: String,
    },
    /// No port is free.
    #[error("no port is free for the front door: {port} is not, nor is any of those that are tried then")]
    NoPort {
        /// The first that was tried.
        port: u16,
        /// What the system says of it.
        source: io::Error,
    },
    /// Another one is open that does not end.
    #[error("the front door of another version of Backlot does not end")]
    OtherStays,
    /// TLS cannot be had.
    #[error("the front door cannot {what}")]
    Tls {
        /// What it cannot do.
        what: &'static str,
    },
    /// What is kept of it cannot be read or written.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// Something of the home cannot be used.
    #[error(transparent)]
    State(#[from] EngineError),
    /// Its process cannot be started.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// Something of the system cannot be had.
    #[error("the front door cannot {what}")]
    Io {
        /// What it cannot do.
        what: &'static str,
        /// Why.
        source: io::Error,
    },
}

impl DoorError {
    pub(crate) fn io(what: &'static str) -> impl Fn(io::Error) -> Self {
        move |source| Self::Io { what, source }
    }
}

impl Explain for DoorError {
    fn code(&self) -> &'static str {
        match self {
            Self::Setting { .. } => "door-setting",
            Self::State(error) => error.code(),
            Self::NoPort { .. }
            | Self::OtherStays
            | Self::Tls { .. }
            | Self::Record(_)
            | Self::Process(_)
            | Self::Io { .. } => "door",
        }
    }

    fn hint(&self) -> Option<Hint> {
        match self {
            Self::Setting { .. } => Some("BACKLOT_DOOR=7355 is the usual one".into()),
            Self::State(error) => error.hint(),
            Self::NoPort { .. }
            | Self::OtherStays
            | Self::Tls { .. }
            | Self::Record(_)
            | Self::Process(_)
            | Self::Io { .. } => None,
        }
    }
}
