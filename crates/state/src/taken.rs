//! An environment that a command changes.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::checkout::Checkouts;
use crate::error::EngineError;
use crate::lock::Lock;
use crate::record::{self, Filling, Noted, VERSION};
use crate::site::Site;

/// An environment that is ours to change, until this is dropped.
#[derive(Debug)]
pub struct Taken {
    pub(crate) site: Site,
    pub(crate) _lock: Lock,
}

impl Taken {
    /// The environment's place.
    pub fn site(&self) -> &Site {
        &self.site
    }

    /// Removes what a killed command has left under another name than its own.
    pub fn tidy(&self) -> Result<(), EngineError> {
        if !self.site.has_leftovers() {
            return Ok(());
        }
        remove(&self.site.doomed())?;
        self.settle_aside()?;
        if !self.site.live().exists() {
            self.remove_sockets()?;
            remove(&self.site.control_dir())?;
        }
        for partial in self.site.partial_copies() {
            remove(&partial)?;
            // The volume's directory, when there is nothing else in it.
            if let Some(volume) = partial.parent() {
                let _ = fs::remove_dir(volume);
                let _ = fs::remove_dir(self.site.volumes());
            }
        }
        Ok(())
    }

    /// Keeps what is live, and does not run any more, until what takes its place is whole.
    pub fn put_aside(&self) -> Result<(), EngineError> {
        remove(&self.site.before())?;
        self.remove_sockets()?;
        remove(&self.site.control_dir())?;
        let live = self.site.live();
        fs::rename(&live, self.site.before()).map_err(|source| EngineError::Io {
            what: "rename",
            path: live,
            source,
        })
    }

    /// Removes it.
    pub fn drop_aside(&self) -> Result<(), EngineError> {
        self.put_away(&self.site.before())
    }

    /// Of what was put aside and what was to take its place, that stays which is whole.
    fn settle_aside(&self) -> Result<(), EngineError> {
        let before = self.site.before();
        if !before.exists() {
            return Ok(());
        }
        let record = self.site.record().ok().flatten();
        if record.is_some_and(|record| matches!(record.filling, Filling::None | Filling::Done)) {
            return self.drop_aside();
        }
        if self.site.is_running()? {
            return Ok(());
        }
        let live = self.site.live();
        self.put_away(&live)?;
        fs::rename(&before, &live).map_err(|source| EngineError::Io { what: "rename", path: before, source })
    }

    /// Makes the directory that holds what is live.
    pub fn make_live(&self) -> Result<(), EngineError> {
        Ok(self.site.home().make(&self.site.live())?)
    }

    /// Removes the sockets' directory.
    pub fn remove_sockets(&self) -> Result<(), EngineError> {
        remove(&self.site.sockets())
    }

    /// Removes the lock file of a supervisor that was killed: by this its guard sees that somebody has taken over.
    pub fn remove_supervisor_lock(&self) -> Result<(), EngineError> {
        remove_file(self.site.supervisor_lock())
    }

    /// Removes the record: nothing is known of the environment any more.
    pub fn remove_record(&self) -> Result<(), EngineError> {
        remove_file(self.site.record_path())
    }

    /// Keeps who makes containers for the environment, before the first is made.
    pub fn note_containers<T: Serialize>(&self, client: &T) -> Result<(), EngineError> {
        let noted = Noted { version: VERSION, client };
        record::write(&noted, &self.site.containers_path())
            .map_err(|source| EngineError::Record { environment: self.site.name().to_owned(), source })
    }

    /// None is left.
    pub fn forget_containers(&self) -> Result<(), EngineError> {
        remove_file(self.site.containers_path())
    }

    /// Removes all that is live, and the sockets. What is left of a removal that was cut short goes, too.
    pub fn remove_live(&self) -> Result<(), EngineError> {
        self.remove_sockets()?;
        remove(&self.site.control_dir())?;
        self.put_away(&self.site.live())
    }

    /// Removes the volumes of its own: the durable data.
    pub(crate) fn remove_own_volumes(&self) -> Result<(), EngineError> {
        self.put_away(&self.site.volumes())
    }

    /// Removes what is at `path`: out of sight in one step first, as whoever looks meanwhile is to see nothing rather than
    /// half of it.
    fn put_away(&self, path: &Path) -> Result<(), EngineError> {
        let doomed = self.site.doomed();
        remove(&doomed)?;
        match fs::rename(path, &doomed) {
            Ok(()) => remove(&doomed),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(source) => Err(EngineError::Io { what: "remove", path: path.to_owned(), source }),
        }
    }
}

impl Drop for Taken {
    /// Leaves no empty directory behind: neither the environment's, nor the project's.
    fn drop(&mut self) {
        let (live, volumes) = (self.site.live(), self.site.volumes());
        if live.exists() || (self.site.service().is_none() && volumes.exists()) {
            return;
        }
        let _ = fs::remove_file(self.site.busy_lock());
        let _ = fs::remove_dir(self.site.dir());
        if let Some(project) = self.site.dir().parent()
            && fs::remove_dir(project).is_ok()
        {
            let _ = Checkouts::of(self.site.home()).forget_empty(project);
        }
    }
}

/// Removes a file; one that is not there is as good as removed.
fn remove_file(path: PathBuf) -> Result<(), EngineError> {
    match fs::remove_file(&path) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(source) => Err(EngineError::Io { what: "remove", path, source }),
    }
}

/// Removes a directory with all that is in it; one that is not there is as good as removed.
fn remove(dir: &Path) -> Result<(), EngineError> {
    match fs::remove_dir_all(dir) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(source) => Err(EngineError::Io { what: "remove", path: dir.to_owned(), source }),
    }
}
