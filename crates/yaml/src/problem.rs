//! What can be wrong with a file of YAML: its text, and the values in it.

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
    /// A file too large to be read.
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
    /// A text that is no YAML.
    #[error("this is not YAML: {message}")]
    Syntax {
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
    /// A key that nobody knows.
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
    /// A value outside of those that are taken.
    #[error("{at} cannot be {value:?}")]
    NotAllowed {
        /// The key's path.
        at: String,
        /// What is there.
        value: String,
        /// What may be there; empty when it is no short list.
        allowed: Vec<String>,
    },
}

impl Problem {
    /// A stable name of the kind of error, for programs: a name that was given stays.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "file-unreadable",
            Self::TooLarge { .. } => "file-too-large",
            Self::NotUtf8 { .. } => "file-not-utf8",
            Self::Syntax { .. } => "yaml-syntax",
            Self::KeyNotString { .. } => "yaml-key",
            Self::DuplicateKey { .. } => "key-repeated",
            Self::MergeKey { .. } => "yaml-merge",
            Self::AliasLoop => "yaml-alias-loop",
            Self::TooDeep { .. } => "yaml-too-deep",
            Self::TooManyValues { .. } => "yaml-too-many-values",
            Self::Cast { .. } | Self::WrongType { .. } => "value-type",
            Self::UnknownKey { .. } => "key-unknown",
            Self::KeyMissing { .. } => "key-missing",
            Self::NotUnique { .. } => "value-repeated",
            Self::NotAllowed { .. } => "value-not-allowed",
        }
    }
}
