//! What commands on all environments of a project have in common.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use backlot_project::{Project, ScenarioSource};

use crate::error::EngineError;
use crate::home::Home;

/// What all environments of a project share.
#[derive(Debug, Clone, Copy)]
pub struct Ground<'a> {
    /// Where state is kept.
    pub home: &'a Home,
    /// The project.
    pub project: &'a Project,
    /// The caller's variables.
    pub caller: &'a BTreeMap<String, String>,
    /// Set when the caller asks to stop (Ctrl-C).
    pub interrupted: &'a AtomicBool,
}

impl Ground<'_> {
    /// A scenario's source as people know it: `scenarios/users.py`.
    pub fn shown(&self, source: &ScenarioSource) -> Option<String> {
        let path = source.path()?;
        Some(path.strip_prefix(self.project.root()).unwrap_or(path).display().to_string())
    }

    /// Whether to go on.
    ///
    /// # Errors
    /// [`EngineError::Interrupted`] when the caller has asked to stop.
    pub fn go_on(&self) -> Result<(), EngineError> {
        go_on(self.interrupted)
    }
}

/// Whether to go on, where nothing has asked to stop.
///
/// # Errors
/// [`EngineError::Interrupted`] when the caller has asked to stop.
pub fn go_on(interrupted: &AtomicBool) -> Result<(), EngineError> {
    if interrupted.load(Ordering::Relaxed) { Err(EngineError::Interrupted) } else { Ok(()) }
}
