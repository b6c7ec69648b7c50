//! Every kind of thing that can be wrong with Compose files and what belongs to them.

use std::io;
use std::path::PathBuf;

/// The kinds of [`crate::Error`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// A file that cannot be read.
    #[error("{path} cannot be read", path = .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file too large to be a config or Compose file.
    #[error("{path} is larger than {limit} bytes", path = .path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The largest size, in bytes.
        limit: u64,
    },
    /// A file that is no text.
    #[error("{path} is not UTF-8 from byte {offset} on", path = .path.display())]
    NotUtf8 {
        /// The file.
        path: PathBuf,
        /// The first byte that does not fit, from 0.
        offset: usize,
    },
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
    /// A Compose file that is no YAML.
    #[error("this is not YAML: {message}")]
    Yaml {
        /// What the reader says.
        message: String,
    },
    /// A mapping key that is no string.
    #[error("a key must be a string, but this is {found}")]
    KeyNotString {
        /// What it is.
        found: &'static str,
    },
    /// A key twice in one mapping.
    #[error("the key {key:?} is there a second time; line {first_line} has it first")]
    DuplicateKey {
        /// The key.
        key: String,
        /// The first one's line.
        first_line: usize,
    },
    /// A merge key with nothing to merge.
    #[error("`<<` takes a mapping or a list of mappings, but this is {found}")]
    MergeKey {
        /// What it is.
        found: &'static str,
    },
    /// An alias inside the value of its own anchor.
    #[error("this alias is part of what it stands for")]
    AliasLoop,
    /// Nesting beyond reason.
    #[error("lists and mappings nest deeper than {limit} levels")]
    TooDeep {
        /// How deep they may.
        limit: usize,
    },
    /// More values than reason has, aliases expanded.
    #[error("the file has more than {limit} values")]
    TooManyValues {
        /// How many it may.
        limit: usize,
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
    /// Text where a number or boolean belongs.
    #[error("{at} must be {expected}, but {value:?} is not")]
    Cast {
        /// The key's path.
        at: String,
        /// What should be there.
        expected: &'static str,
        /// What is there.
        value: String,
    },
    /// A value of the wrong type.
    #[error("{at} must be {expected}, but this is {found}")]
    WrongType {
        /// The key's path.
        at: String,
        /// What should be there.
        expected: String,
        /// What is there.
        found: &'static str,
    },
    /// A key that Compose does not know.
    #[error("{at} has no key {key:?}")]
    UnknownKey {
        /// The path of the mapping.
        at: String,
        /// The key.
        key: String,
    },
    /// A key that must be there.
    #[error("{at} needs the key {key:?}")]
    KeyMissing {
        /// The path of the mapping.
        at: String,
        /// The key.
        key: &'static str,
    },
    /// A list that may not repeat a value.
    #[error("{at} has {value:?} twice")]
    NotUnique {
        /// The list's path.
        at: String,
        /// The value.
        value: String,
    },
    /// A value outside of those that Compose takes.
    #[error("{at} cannot be {value:?}")]
    NotAllowed {
        /// The key's path.
        at: String,
        /// What is there.
        value: String,
        /// What may be there; empty when it is no short list.
        allowed: Vec<String>,
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

fn explained(message: &str) -> String {
    if message.is_empty() { String::new() } else { format!(": {message}") }
}
