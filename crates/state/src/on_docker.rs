//! What an environment has on Docker, which outlives what is up of it.

use std::collections::BTreeSet;

use crate::checkout::{Checkouts, OnDocker};
use crate::error::EngineError;
use crate::site::Site;

impl Site {
    /// Forgets what it had on Docker, but for these volumes, which are still there.
    pub fn forget_on_docker(&self, still_there: BTreeSet<String>) -> Result<(), EngineError> {
        self.change_on_docker(|has| {
            (!still_there.is_empty()).then_some(OnDocker { volumes: still_there, ..has })
        })
    }

    /// Keeps that it runs natively from now on, whatever data of it is on Docker.
    pub fn leave_docker(&self) -> Result<(), EngineError> {
        self.change_on_docker(|has| Some(OnDocker { is_left: true, ..has }))
    }

    fn change_on_docker(&self, change: impl FnOnce(OnDocker) -> Option<OnDocker>) -> Result<(), EngineError> {
        match self.project_and_hash() {
            Some((_, hash)) => Checkouts::of(self.home()).change_on_docker(&hash, &self.key(), change),
            None => Ok(()),
        }
    }

    /// What it has on Docker, if data of it may be there in volumes.
    pub fn data_on_docker(&self) -> Result<Option<OnDocker>, EngineError> {
        let Some((_, hash)) = self.project_and_hash() else { return Ok(None) };
        let has = Checkouts::of(self.home()).on_docker(&hash, &self.key())?;
        Ok(has.filter(|has| !has.volumes.is_empty()))
    }
}
