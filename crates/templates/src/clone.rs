//! From a template to a data directory.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use backlot_postgres::{StorageError, remove_tree};

use crate::copy::copy_cluster;
use crate::folder::{UNFINISHED, VERSION, fresh};
use crate::{MARKER, Template, TemplateError, make};

/// How long the sync of a durable clone may take.
const SYNCING: Duration = Duration::from_mins(5);

/// Fills a copy that is not in its place yet.
pub type Fill<'a> = &'a mut dyn FnMut(&Path) -> Result<(), TemplateError>;

impl Template {
    /// Makes `data_dir` a copy, complete or not there at all; its parent must exist. A durable one is synced to disk first.
    /// With a spare on the same file system this takes no time.
    pub fn clone_into(&self, data_dir: &Path) -> Result<(), TemplateError> {
        self.clone_and_fill(data_dir, None)
    }

    /// The same; `fill` is called with the copy before it is in its place, and if that fails, there is none.
    pub fn clone_and_fill(&self, data_dir: &Path, fill: Option<Fill<'_>>) -> Result<(), TemplateError> {
        if data_dir.symlink_metadata().is_ok() {
            return Err(TemplateError::Exists { path: data_dir.to_owned() });
        }
        self.owner.check_reach(data_dir)?;
        // Whoever clones holds the lock of the cluster, so nobody else is at its unfinished copies.
        let partial = match (data_dir.parent(), data_dir.file_name().and_then(OsStr::to_str)) {
            (Some(parent), Some(name)) => fresh(parent, &format!("{name}.partial-"))?,
            _ => return Err(StorageError::new("make", data_dir, io::ErrorKind::InvalidInput.into()).into()),
        };
        if fill.is_none() && self.take_spare(data_dir)? {
            return self.settle(data_dir);
        }
        self.copy(&partial, data_dir, fill)?;
        self.settle(data_dir)
    }

    /// Makes a copy in `folder`, which is there and empty, or holds what an earlier call has left unfinished; it may be the
    /// root of a file system. A durable one is synced to disk.
    pub fn clone_within(&self, folder: &Path, fill: Option<Fill<'_>>) -> Result<(), TemplateError> {
        self.owner.check_reach(folder)?;
        let partial = folder.join(UNFINISHED);
        let entries = entries(folder)?;
        if entries.contains(&partial) {
            // It was empty when that began. What tells of it goes last.
            entries.iter().filter(|entry| **entry != partial).try_for_each(|entry| remove_tree(entry))?;
            remove_tree(&partial)?;
        } else if !entries.is_empty() {
            return Err(TemplateError::Exists { path: folder.to_owned() });
        }
        let mode = fs::Permissions::from_mode(0o700);
        let ours = fs::set_permissions(folder, mode).and_then(|()| self.owner.take(folder));
        ours.map_err(StorageError::at("take", folder))?;
        let files = copy_cluster(&self.data_dir, &partial, &self.owner)?;
        self.check(files)?;
        if let Some(fill) = fill
            && let Err(error) = fill(&partial)
        {
            // That error matters more than what is left behind, which the next try removes.
            let _ = remove_tree(&partial);
            return Err(error);
        }
        self.sync(&partial)?;
        let mut parts = self::entries(&partial)?;
        parts.sort_by_key(|part| part.ends_with(VERSION));
        for part in parts {
            let target = folder.join(part.file_name().unwrap_or_default());
            fs::rename(&part, &target).map_err(StorageError::at("make", &target))?;
        }
        fs::remove_dir(&partial).map_err(StorageError::at("remove", &partial))?;
        self.settle(&partial)
    }

    /// Copies to `partial`, and renames that when it is complete.
    pub(crate) fn copy(
        &self,
        partial: &Path,
        target: &Path,
        fill: Option<Fill<'_>>,
    ) -> Result<(), TemplateError> {
        let done = copy_cluster(&self.data_dir, partial, &self.owner).map_err(TemplateError::from);
        let done = done.and_then(|files| self.check(files));
        let done = done.and_then(|()| fill.map_or(Ok(()), |fill| fill(partial)));
        let done = done.and_then(|()| self.sync(partial));
        let done = done.and_then(|()| {
            fs::rename(partial, target).map_err(|error| StorageError::new("make", target, error).into())
        });
        if done.is_err() {
            // That error matters more than what is left behind, which the next try removes.
            let _ = remove_tree(partial);
        }
        done
    }

    /// Whether all files are there that the template was made with. One that has lost some loses its mark, too.
    pub(crate) fn check(&self, found: usize) -> Result<(), TemplateError> {
        match self.held.files {
            Some(expected) if expected != found => {
                // Were it to stay, the same error would come again, and tell.
                let _ = fs::remove_file(self.data_dir.with_file_name(MARKER));
                Err(TemplateError::Damaged { path: self.data_dir.clone(), expected, found })
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Writes all files of a durable copy through to the disk.
    fn sync(&self, data_dir: &Path) -> Result<(), TemplateError> {
        let Some(initdb) = &self.syncer else { return Ok(()) };
        make::sync(initdb, data_dir, &self.owner, SYNCING)
    }

    /// The same for the name of a durable data directory.
    fn settle(&self, data_dir: &Path) -> Result<(), TemplateError> {
        if let (Some(_), Some(parent)) = (&self.syncer, data_dir.parent()) {
            let synced = File::open(parent).and_then(|dir| dir.sync_all());
            synced.map_err(StorageError::at("sync", parent))?;
        }
        Ok(())
    }
}

/// What is in a folder.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, StorageError> {
    let entries = fs::read_dir(folder).and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect());
    entries.map_err(StorageError::at("read", folder))
}
