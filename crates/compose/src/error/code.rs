//! Stable names of the kinds of errors. Programs rely on them: a name that was given stays.

use super::problem::Problem;

impl Problem {
    /// A stable name of the kind of error, for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "file-unreadable",
            Self::TooLarge { .. } => "file-too-large",
            Self::NotUtf8 { .. } => "file-not-utf8",
            Self::FileMissing { .. } => "file-missing",
            Self::ProjectName { .. } => "project-name-invalid",
            Self::VariableName { .. } => "variable-name-invalid",
            Self::VariableValue { .. } => "variable-value-invalid",
            Self::DotEnv { .. } => "env-file-syntax",
            Self::Yaml { .. } => "yaml-syntax",
            Self::KeyNotString { .. } => "yaml-key",
            Self::DuplicateKey { .. } => "key-repeated",
            Self::MergeKey { .. } => "yaml-merge",
            Self::AliasLoop => "yaml-alias-loop",
            Self::TooDeep { .. } => "yaml-too-deep",
            Self::TooManyValues { .. } => "yaml-too-many-values",
            Self::TooManyPorts { .. } => "ports-too-many",
            Self::TooMuchText { .. } => "text-too-long",
            Self::ChainTooLong { .. } => "chain-too-long",
            Self::EmptyCompose { .. } => "compose-empty",
            Self::Interpolation { .. } => "interpolation-syntax",
            Self::VariableRequired { .. } => "variable-required",
            Self::Cast { .. } | Self::WrongType { .. } => "value-type",
            Self::UnknownKey { .. } => "key-unknown",
            Self::KeyMissing { .. } => "key-missing",
            Self::NotUnique { .. } => "value-repeated",
            Self::NotAllowed { .. } => "value-not-allowed",
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
