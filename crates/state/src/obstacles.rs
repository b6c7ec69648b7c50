//! All that keeps something from being started, told at once.

use std::error::Error;
use std::fmt;

use backlot_hint::{Explain, Hint, Obstacle};
use backlot_process::in_full;

use crate::error::EngineError;

/// What is in the way: several things, or one that the rest can do without.
#[derive(Debug)]
pub struct Obstacles {
    all: Vec<EngineError>,
    rest: Vec<String>,
}

impl Obstacles {
    /// Nothing is in the way; `rest` are the services that could run without what is.
    ///
    /// # Errors
    /// When something is.
    pub fn none(mut all: Vec<EngineError>, rest: Vec<String>) -> Result<(), EngineError> {
        match all.pop() {
            None => Ok(()),
            Some(one) if all.is_empty() && rest.is_empty() => Err(one),
            Some(last) => {
                all.push(last);
                Err(EngineError::of(Self { all, rest }))
            }
        }
    }
}

/// One of them as it is; several a line each.
impl fmt::Display for Obstacles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let [one] = self.all.as_slice() {
            return one.fmt(f);
        }
        write!(f, "{} things are in the way:", self.all.len())?;
        self.all.iter().try_for_each(|one| write!(f, "\n  {}", in_full(one).replace('\n', "\n  ")))
    }
}

impl Error for Obstacles {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        let [one] = self.all.as_slice() else { return None };
        one.source()
    }
}

impl Explain for Obstacles {
    fn code(&self) -> &'static str {
        self.all.first().map_or("impossible", EngineError::code)
    }

    fn hint(&self) -> Option<Hint> {
        let mut hints: Vec<Hint> = Vec::new();
        for hint in self.all.iter().filter_map(EngineError::hint) {
            if !hints.contains(&hint) {
                hints.push(hint);
            }
        }
        if !self.rest.is_empty() {
            let words: Vec<&str> = ["up"].into_iter().chain(self.rest.iter().map(String::as_str)).collect();
            hints.push(Hint::from("or run the rest: `").then(Hint::command(&words)).then("`"));
        }
        hints.into_iter().reduce(|one, other| one.then("\n").then(other))
    }

    fn obstacles(&self) -> Vec<Obstacle> {
        let of = |one: &EngineError| Obstacle { code: one.code(), message: in_full(one), hint: one.hint() };
        self.all.iter().map(of).collect()
    }
}
