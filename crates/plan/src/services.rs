//! What an `up` does to the services beside the database.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Something that is done to services; nothing is said of those that stay as they are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ServiceStep {
    /// Start these, in the order of their dependencies.
    Start(Vec<String>),
    /// Start this one anew: what it is made of has changed.
    Replace(String),
    /// Run so many replicas of this one.
    Scale(String, u32),
    /// Judge, restart or reach this one in another way, without a new process.
    Adjust(String),
    /// Stop this one: the files do not have it any more.
    Stop(String),
}

impl fmt::Display for ServiceStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start(services) => write!(f, "start {}", services.join(", ")),
            Self::Replace(service) => write!(f, "replace {service}"),
            Self::Scale(service, replicas) => write!(f, "scale {service} to {replicas}"),
            Self::Adjust(service) => write!(f, "change how {service} is checked, restarted or reached"),
            Self::Stop(service) => write!(f, "stop {service}, which is not in the files any more"),
        }
    }
}

/// A service as it is, and as it is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServiceChange<'a> {
    /// Its name.
    pub name: &'a str,
    /// How many replicas are asked for now; none when it does not run.
    pub running: Option<u32>,
    /// How many are wanted; none when the files do not have it any more.
    pub wanted: Option<u32>,
    /// What differs of it.
    pub difference: Difference,
}

/// What differs of a service that runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Difference {
    /// Nothing.
    None,
    /// When it is ready, what is done at its end, or where it is reached.
    Terms,
    /// What its processes are made of.
    Substance,
}

/// The steps that bring services from what they are to what is wanted.
#[must_use]
pub fn service_steps(changes: &[ServiceChange<'_>]) -> Vec<ServiceStep> {
    let (mut start, mut steps) = (Vec::new(), Vec::new());
    for change in changes {
        let name = change.name.to_owned();
        match (change.running, change.wanted) {
            (None, None) => {}
            (None, Some(_)) => start.push(name),
            (Some(_), None) => steps.push(ServiceStep::Stop(name)),
            (Some(running), Some(wanted)) => {
                match change.difference {
                    Difference::None => {}
                    Difference::Terms => steps.push(ServiceStep::Adjust(name.clone())),
                    Difference::Substance => steps.push(ServiceStep::Replace(name.clone())),
                }
                if running != wanted {
                    steps.push(ServiceStep::Scale(name, wanted));
                }
            }
        }
    }
    if !start.is_empty() {
        steps.push(ServiceStep::Start(start));
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::{Difference, ServiceChange, service_steps};

    #[test]
    fn nothing_is_said_of_what_stays() {
        let change = |name, running, wanted, difference| ServiceChange { name, running, wanted, difference };
        let steps = service_steps(&[
            change("db", Some(1), Some(1), Difference::None),
            change("gone", Some(2), None, Difference::None),
            change("never", None, None, Difference::None),
            change("new", None, Some(1), Difference::Substance),
            change("other", None, Some(3), Difference::None),
            change("check", Some(1), Some(1), Difference::Terms),
            change("web", Some(1), Some(3), Difference::Substance),
            change("idle", Some(1), Some(0), Difference::None),
        ]);
        let said: Vec<String> = steps.iter().map(ToString::to_string).collect();
        assert_eq!(
            said,
            [
                "stop gone, which is not in the files any more",
                "change how check is checked, restarted or reached",
                "replace web",
                "scale web to 3",
                "scale idle to 0",
                "start new, other",
            ]
        );
    }
}
