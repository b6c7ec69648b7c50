//! A volume that takes the place of another, which is kept.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::{ClusterRecord, Held, VolumeRecord, check_name, exists, write};
use crate::error::EngineError;
use crate::home::Home;

/// A volume that takes the place of another: out of sight until it is whole.
#[derive(Debug)]
pub struct Successor {
    making: PathBuf,
    kept: String,
    home: Home,
}

/// What the name of one begins with while it is made.
const SUCCESSOR: &str = ".successor-";

impl Successor {
    /// An empty one. `kept` is the name by which all projects know the volume that it replaces from then on, and a number where
    /// there is such a volume already. What a killed one has left is removed.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn new(home: &Home, kept: &str) -> Result<Self, EngineError> {
        let numbered = (2..).map(|number| format!("{kept}-{number}"));
        let free = std::iter::once(kept.to_owned()).chain(numbered).find(|name| !exists(home, name));
        let kept = free.unwrap_or_else(|| kept.to_owned());
        check_name(&kept)?;
        let making = home.volumes().join(format!("{SUCCESSOR}{kept}"));
        home.make(&home.volumes())?;
        let failed = |source| EngineError::Io { what: "remove", path: making.clone(), source };
        match fs::remove_dir_all(&making) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
            Ok(()) | Err(_) => {}
        }
        home.make(&making)?;
        Ok(Self { making, kept, home: home.clone() })
    }

    /// Where its content goes.
    pub fn content(&self) -> PathBuf {
        self.making.join("data")
    }

    /// The name by which the other one is kept.
    pub fn kept(&self) -> &str {
        &self.kept
    }

    /// Has it take the place of the volume that is `held`, of which `cluster` is known from then on; that one is kept.
    ///
    /// Where the system can, in one step: whoever looks finds the one or the other.
    ///
    /// # Errors
    /// When it cannot; then all is as it was.
    pub fn take_place(
        self,
        held: &Held,
        below: &Path,
        cluster: ClusterRecord,
    ) -> Result<String, EngineError> {
        let record =
            VolumeRecord { clusters: BTreeMap::from([(below.to_owned(), cluster)]), ..held.record.clone() };
        write(&self.making, &record)?;
        let kept = self.home.volumes().join(&self.kept);
        let failed = |path: &Path| {
            let path = path.to_owned();
            |source| EngineError::Io { what: "move", path, source }
        };
        // From here on it can be seen, under the name of what it is about to become.
        fs::rename(&self.making, &kept).map_err(failed(&self.making))?;
        exchange(&kept, &held.keeper).map_err(failed(&kept))?;
        // What is kept belongs to nobody: no environment removes it.
        let old = VolumeRecord { name: self.kept.clone(), maker: None, ..held.record.clone() };
        write(&kept, &old)?;
        Ok(self.kept.clone())
    }
}

impl Drop for Successor {
    /// One that has not taken its place is nothing.
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.making);
    }
}

/// Has two folders change their places.
fn exchange(one: &Path, other: &Path) -> io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    match renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE) {
        // Not every file system can.
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS | rustix::io::Errno::NOTSUP) => {
            let aside = one.with_extension("exchanged");
            fs::rename(other, &aside)?;
            fs::rename(one, other)?;
            fs::rename(aside, one)
        }
        outcome => Ok(outcome?),
    }
}
