//! Every kind of thing that can be wrong with Compose files and what belongs to them.

use std::path::PathBuf;

use backlot_yaml::{Fault, Problem as YamlProblem};

/// Why a Compose file could not be read.
pub type Error = Fault<Problem>;

/// The kinds of [`crate::Error`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// A file that cannot be read, or values that are not what Compose takes.
    #[error(transparent)]
    Yaml(#[from] YamlProblem),
    /// A file that should be there.
    #[error("{path} does not exist", path = .path.display())]
    FileMissing {
        /// The file.
        path: PathBuf,
    },
    /// A project name with other characters than `a-z0-9_-`, or none.
    #[error("the project name {name:?} is not one that Compose takes")]
    ProjectName {
        /// The name.
        name: String,
    },
    /// A variable name that is empty, or has `=` or a NUL.
    #[error("{name:?} cannot be the name of a variable")]
    VariableName {
        /// The name.
        name: String,
    },
    /// A value that no process can be given.
    #[error("the value of {name:?} has a NUL character")]
    VariableValue {
        /// The variable.
        name: String,
    },
    /// An env file that cannot be understood.
    #[error("{message}")]
    DotEnv {
        /// What is wrong.
        message: String,
    },
    /// Ranges of ports beyond reason.
    #[error("the services have more than {limit} ports in all")]
    TooManyPorts {
        /// How many they may.
        limit: usize,
    },
    /// Variables that make the text beyond reason.
    #[error("with its variables in, the file has more than {limit} bytes of text")]
    TooMuchText {
        /// How many it may.
        limit: usize,
    },
    /// Files or services that lead on to others without end.
    #[error("{what} lead on through more than {limit} steps")]
    ChainTooLong {
        /// What: `extends` or `include`.
        what: &'static str,
        /// How many there may be.
        limit: usize,
    },
    /// A Compose file without content.
    #[error("{path} has no services", path = .path.display())]
    EmptyCompose {
        /// The file.
        path: PathBuf,
    },
    /// A bad `${…}`.
    #[error("{template:?} has a variable that cannot be understood")]
    Interpolation {
        /// The text.
        template: String,
    },
    /// A `${…:?}` that found nothing.
    #[error("the variable {variable} must be set{}", explained(.message))]
    VariableRequired {
        /// The variable.
        variable: String,
        /// What the file says about it.
        message: String,
    },
    /// Two files that give one key different types.
    #[error("{at} is {base} and cannot be overridden by {over}")]
    CannotOverride {
        /// The key's path.
        at: String,
        /// The type below.
        base: &'static str,
        /// The type on top.
        over: &'static str,
    },
    /// A port that cannot be understood.
    #[error("{value:?} is not a port: {reason}")]
    Port {
        /// What is there.
        value: String,
        /// Why not.
        reason: String,
    },
    /// A volume of a service that cannot be understood.
    #[error("{value:?} is not a volume: {reason}")]
    Mount {
        /// What is there.
        value: String,
        /// Why not.
        reason: &'static str,
    },
    /// A command whose quotes do not close.
    #[error("{value:?} cannot be split into words: {reason}")]
    Command {
        /// What is there.
        value: String,
        /// Why not.
        reason: &'static str,
    },
    /// An `env_file` that is not there.
    #[error("the env file {path} does not exist", path = .path.display())]
    EnvFileMissing {
        /// The file.
        path: PathBuf,
    },
    /// A reference to what is not there.
    #[error("service {service:?} {verb} {target:?}, which is not defined")]
    ServiceUndefined {
        /// The service that refers.
        service: String,
        /// How it refers: `depends on`, `extends`, …
        verb: &'static str,
        /// The service, network, volume, secret or config referred to.
        target: String,
    },
    /// A circle.
    #[error("{what} go round in a circle: {}", .path.join(" → "))]
    Cycle {
        /// What: dependencies, `extends`, `include`.
        what: &'static str,
        /// The circle, its first member again at the end.
        path: Vec<String>,
    },
    /// Two different definitions through `include`.
    #[error("{at} is defined here and in {other} as well", other = .other.display())]
    IncludeConflict {
        /// The resource.
        at: String,
        /// The other file.
        other: PathBuf,
    },
    /// A Compose file from the network.
    #[error("{path:?} is not a local path")]
    Remote {
        /// What is there.
        path: String,
    },
    /// A service of nothing.
    #[error("service {service:?} has neither an image nor a build")]
    NoImage {
        /// The service.
        service: String,
    },
    /// Keys that exclude each other.
    #[error("{at}: {reason}")]
    Conflict {
        /// The path.
        at: String,
        /// What excludes what.
        reason: &'static str,
    },
    /// One container name for two services.
    #[error("services {first:?} and {second:?} both want the container name {name:?}")]
    ContainerName {
        /// The container name.
        name: String,
        /// One service.
        first: String,
        /// The other.
        second: String,
    },
}

impl Problem {
    /// A stable name of the kind of error, for programs: a name that was given stays.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Yaml(problem) => problem.code(),
            Self::FileMissing { .. } => "file-missing",
            Self::ProjectName { .. } => "project-name-invalid",
            Self::VariableName { .. } => "variable-name-invalid",
            Self::VariableValue { .. } => "variable-value-invalid",
            Self::DotEnv { .. } => "env-file-syntax",
            Self::TooManyPorts { .. } => "ports-too-many",
            Self::TooMuchText { .. } => "text-too-long",
            Self::ChainTooLong { .. } => "chain-too-long",
            Self::EmptyCompose { .. } => "compose-empty",
            Self::Interpolation { .. } => "interpolation-syntax",
            Self::VariableRequired { .. } => "variable-required",
            Self::CannotOverride { .. } => "merge-types",
            Self::Port { .. } => "port-invalid",
            Self::Mount { .. } => "volume-invalid",
            Self::Command { .. } => "command-quotes",
            Self::EnvFileMissing { .. } => "env-file-missing",
            Self::ServiceUndefined { .. } => "service-undefined",
            Self::Cycle { .. } => "cycle",
            Self::IncludeConflict { .. } => "include-conflict",
            Self::Remote { .. } => "remote-unsupported",
            Self::NoImage { .. } => "service-without-image",
            Self::Conflict { .. } => "keys-conflict",
            Self::ContainerName { .. } => "container-name-taken",
        }
    }
}

fn explained(message: &str) -> String {
    if message.is_empty() { String::new() } else { format!(": {message}") }
}
