//! Why a container could not be had.

use std::time::Duration;

use backlot_hint::{Explain, Hint};
use backlot_process::ProcessError;
use backlot_state::EngineError;

use crate::client::Kind;

/// Why something about containers could not be done.
#[derive(Debug, thiserror::Error)]
pub enum ContainersError {
    /// Neither Docker nor Podman is there for us.
    #[error("no container engine answers: {}", reasons.join("; "))]
    NoEngine {
        /// Why, for each that was looked for.
        reasons: Vec<String>,
    },
    /// `BACKLOT_CONTAINERS` names something else.
    #[error("BACKLOT_CONTAINERS is {named:?}, which is neither docker nor podman")]
    Unknown {
        /// What it says.
        named: String,
    },
    /// An image is neither here nor to be had.
    #[error("service {service}: its image {image} cannot be pulled with {engine}")]
    NoImage {
        /// The service.
        service: String,
        /// Its image.
        image: String,
        /// What should have pulled it.
        engine: Kind,
        /// What was said.
        last_lines: Vec<String>,
    },
    /// A build failed.
    #[error("service {service}: its image {image} cannot be built")]
    Build {
        /// The service.
        service: String,
        /// The image.
        image: String,
        /// What was said.
        last_lines: Vec<String>,
    },
    /// An image takes too long to come.
    #[error("service {service}: its image {image} did not come within {} min", limit.as_secs() / 60)]
    SlowImage {
        /// The service.
        service: String,
        /// Its image.
        image: String,
        /// How long it was waited.
        limit: Duration,
        /// What was said.
        last_lines: Vec<String>,
    },
    /// An image is not here, and is not to be pulled.
    #[error("service {service}: its image {image} is not here, and {why}")]
    NotHere {
        /// The service.
        service: String,
        /// Its image.
        image: String,
        /// Who says so.
        why: &'static str,
    },
    /// A program said that it failed.
    #[error("{command} failed: {}", said.last().map_or("it did not say why", String::as_str))]
    Failed {
        /// What was run.
        command: String,
        /// What was said.
        said: Vec<String>,
    },
    /// A program printed what is no answer.
    #[error("{command} printed what is no {expected}: {begin:?}")]
    Garbage {
        /// What was run.
        command: String,
        /// What was expected.
        expected: &'static str,
        /// How it began.
        begin: String,
    },
    /// The system starts no more threads.
    #[error("no thread can be started")]
    Thread(#[source] std::io::Error),
    /// The caller asked to stop.
    #[error("interrupted")]
    Interrupted,
    /// A program could not be run, or took too long.
    #[error("failed to {0}")]
    Process(#[from] ProcessError),
}

impl ContainersError {
    fn last_lines(&self) -> &[String] {
        match self {
            Self::NoImage { last_lines, .. }
            | Self::Build { last_lines, .. }
            | Self::SlowImage { last_lines, .. } => last_lines,
            Self::Failed { said, .. } => said,
            Self::NoEngine { .. }
            | Self::Unknown { .. }
            | Self::NotHere { .. }
            | Self::Garbage { .. }
            | Self::Thread(_)
            | Self::Interrupted
            | Self::Process(_) => &[],
        }
    }
}

impl Explain for ContainersError {
    fn code(&self) -> &'static str {
        match self {
            Self::NoEngine { .. } => "no-containers",
            Self::Unknown { .. } => "bad-variable",
            Self::NoImage { .. } | Self::SlowImage { .. } | Self::NotHere { .. } => "no-image",
            Self::Build { .. } => "build",
            Self::Failed { .. } | Self::Garbage { .. } | Self::Thread(_) | Self::Process(_) => "containers",
            Self::Interrupted => "interrupted",
        }
    }

    fn hint(&self) -> Option<Hint> {
        let said = self.last_lines();
        let text = match self {
            Self::NoEngine { .. } => "start Docker, or install it or podman".to_owned(),
            Self::Unknown { .. } => "say docker or podman, or leave it out: what answers is taken".to_owned(),
            Self::NoImage { service, .. } | Self::SlowImage { service, .. } | Self::Build { service, .. } => {
                format!("{}\nor leave the service out: `--without {service}`", said.join("\n"))
            }
            Self::NotHere { service, .. } => {
                format!("build or pull it, or leave the service out: `--without {service}`")
            }
            Self::Failed { said, .. } if said.len() > 1 => said.join("\n"),
            Self::Failed { .. }
            | Self::Garbage { .. }
            | Self::Thread(_)
            | Self::Interrupted
            | Self::Process(_) => return None,
        };
        Some(Hint::from(text))
    }
}

impl From<ContainersError> for EngineError {
    fn from(error: ContainersError) -> Self {
        match error {
            ContainersError::Interrupted => Self::Interrupted,
            error => Self::of(error),
        }
    }
}
