//! Systems without views.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::calls::Network;
use crate::error::ViewError;
use crate::mount::{Called, Mount, Rung, Setting};

/// A world of its own for a program; none is ever made on this system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View(());

impl View {
    /// Always an error here.
    pub fn new(_mounts: &[Mount], _directory: &Path) -> Result<Self, ViewError> {
        Err(ViewError::NotHere)
    }

    /// Always an error here.
    pub fn of(_pid: i32, _directory: &Path) -> Result<Self, ViewError> {
        Err(ViewError::NotHere)
    }

    /// The same with a name of its own.
    #[must_use]
    pub fn called(self, _called: &Called) -> Self {
        self
    }

    /// The same with addresses of its own.
    pub fn with_network(self, _network: Arc<Network>) -> io::Result<Self> {
        Ok(self)
    }

    /// Enters it.
    pub fn enter(&self) -> io::Result<()> {
        Ok(())
    }

    /// What an error of [`View::enter`] is about.
    pub fn explain(&self, error: io::Error) -> io::Error {
        error
    }

    /// The folders of the machine that it has a copy of the list of.
    pub fn spread(&self) -> &[(PathBuf, PathBuf)] {
        &[]
    }
}

/// How much of a view a program can be given.
pub fn rung() -> Rung {
    Rung::None
}

/// Why it is not more.
pub fn why_not() -> Option<String> {
    Some("mounts and addresses of a program's own are a thing of Linux".to_owned())
}

/// No setting can change that.
pub fn obstacle() -> Option<Setting> {
    None
}
