//! An environment's variables, in the order in which the files give them.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use crate::secret::{is_secret, mask};

/// Where a variable's value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The caller's own environment, which wins over every file.
    Process,
    /// A config file of the seed layout.
    ConfigFile(PathBuf),
    /// A `.env` file.
    DotEnv(PathBuf),
    /// Backlot set it.
    Backlot,
}

/// One variable's value and where it comes from.
#[derive(Clone, PartialEq, Eq)]
pub struct Variable {
    /// The value; never contains a NUL.
    pub value: String,
    /// Where it comes from.
    pub origin: Origin,
}

/// The variables that an environment's files name, in their order. Secrets are masked in `Debug`.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Variables {
    order: Vec<String>,
    by_name: BTreeMap<String, Variable>,
}

/// Without the value, which may be a secret: only its name would tell.
impl fmt::Debug for Variable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Variable").field("origin", &self.origin).finish_non_exhaustive()
    }
}

impl fmt::Debug for Variables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map()
            .entries(self.iter().map(|(name, variable)| (name, mask(name, &variable.value))))
            .finish()
    }
}

impl Variables {
    /// The variable of this name.
    pub fn get(&self, name: &str) -> Option<&Variable> {
        self.by_name.get(name)
    }

    /// The value of the variable of this name.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.get(name).map(|variable| variable.value.as_str())
    }

    /// All variables, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Variable)> {
        self.order.iter().filter_map(|name| Some((name.as_str(), self.by_name.get(name)?)))
    }

    /// Sets a variable; a new one goes to the end, a known one keeps its place.
    pub fn set(&mut self, name: impl Into<String>, value: impl Into<String>, origin: Origin) {
        let name = name.into();
        let variable = Variable { value: value.into(), origin };
        if self.by_name.insert(name.clone(), variable).is_none() {
            self.order.push(name);
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// Says whether the variable of this name holds a secret, see [`is_secret`].
    pub fn is_secret(&self, name: &str) -> bool {
        is_secret(name)
    }
}
