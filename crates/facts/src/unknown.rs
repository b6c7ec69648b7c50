//! That somebody asks for a service which is not there.

use backlot_hint::{Explain, Hint};
use backlot_near::instead;
use backlot_project::Stack;

/// Somebody asked for a service that is not in the stack.
#[derive(Debug, thiserror::Error)]
#[error("there is no service {service} ({})", instead(service, known.iter().map(String::as_str)))]
pub struct NoService {
    service: String,
    known: Vec<String>,
}

impl NoService {
    /// Refuses the first of `names` that is no service of the stack.
    ///
    /// # Errors
    /// When there is one.
    pub fn check<'a>(stack: &Stack, names: impl IntoIterator<Item = &'a String>) -> Result<(), Self> {
        match names.into_iter().find(|name| !stack.services.contains_key(*name)) {
            None => Ok(()),
            Some(service) => Err(Self::of(service, stack)),
        }
    }

    /// That there is no `service` in the stack.
    pub fn of(service: &str, stack: &Stack) -> Self {
        Self { service: service.to_owned(), known: stack.services.keys().cloned().collect() }
    }
}

impl Explain for NoService {
    fn code(&self) -> &'static str {
        "no-service"
    }

    fn hint(&self) -> Option<Hint> {
        None
    }
}
