//! Names that become parts of paths, stack names and database names, so only harmless characters are let in.

use std::fmt;

/// The longest name, in characters: what a label of a host name and a Postgres identifier both hold.
pub(crate) const MAX_NAME_LENGTH: usize = 63;

/// Why a name was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing at all.
    #[error("the {what} name is empty")]
    Empty {
        /// `environment` or `scenario`.
        what: &'static str,
    },
    /// More than 63 characters.
    #[error("the {what} name has {length} characters, more than the {MAX_NAME_LENGTH} allowed")]
    TooLong {
        /// `environment` or `scenario`.
        what: &'static str,
        /// How many characters it has.
        length: usize,
    },
    /// A character other than a letter, a digit, `_` and `-`, or a first one that is no letter or digit.
    #[error("the {what} name {name:?} has {character:?} {position}; {rule}", position = Position(*.index), rule = RULE)]
    Character {
        /// `environment` or `scenario`.
        what: &'static str,
        /// The name as given.
        name: String,
        /// The first character that does not fit.
        character: char,
        /// Its index in characters, from 0.
        index: usize,
    },
}

impl NameError {
    /// A stable name of the kind of error, for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Empty { .. } | Self::TooLong { .. } | Self::Character { .. } => "name-invalid",
        }
    }
}

const RULE: &str = "a name is made of ASCII letters, digits, _ and -, and starts with a letter or digit";

struct Position(usize);

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 { f.write_str("as its first character") } else { f.write_str("in it") }
    }
}

fn check(what: &'static str, name: &str) -> Result<(), NameError> {
    if name.is_empty() {
        return Err(NameError::Empty { what });
    }
    let length = name.chars().count();
    if length > MAX_NAME_LENGTH {
        return Err(NameError::TooLong { what, length });
    }
    for (index, character) in name.chars().enumerate() {
        let fits = character.is_ascii_alphanumeric() || (index > 0 && matches!(character, '_' | '-'));
        if !fits {
            return Err(NameError::Character { what, name: name.to_owned(), character, index });
        }
    }
    Ok(())
}

macro_rules! name_type {
    ($(#[$doc:meta])* $type:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $type(String);

        impl $type {
            /// Takes a name as a user wrote it.
            pub fn parse(name: &str) -> Result<Self, NameError> {
                check($what, name)?;
                Ok(Self(name.to_owned()))
            }

            /// The name.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl std::str::FromStr for $type {
            type Err = NameError;

            fn from_str(name: &str) -> Result<Self, NameError> {
                Self::parse(name)
            }
        }
    };
}

name_type!(
    /// The name of an environment: `development`, `testing`, `scenario_users`.
    EnvironmentName,
    "environment"
);
name_type!(
    /// The name of a scenario: the `users` of `scenarios/users.py`.
    ScenarioName,
    "scenario"
);

/// What the names of scenarios' environments begin with.
const SCENARIO: &str = "scenario_";

impl ScenarioName {
    /// The scenario whose environment is called so; none of another environment.
    pub fn of_environment(name: &str) -> Option<Self> {
        name.strip_prefix(SCENARIO).and_then(|name| Self::parse(name).ok())
    }

    /// The environment of this scenario: `scenario_<name>`. Not bound by 63, its prefix comes on top.
    pub fn environment_name(&self) -> EnvironmentName {
        EnvironmentName(format!("{SCENARIO}{}", self.0))
    }
}
