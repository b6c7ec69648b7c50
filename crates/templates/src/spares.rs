//! Spares: copies of a template that are made ahead of need, so that the next clone only has to be renamed.
//!
//! One comes to its name when it is whole, and the name tells since which start of the machine it is there: nothing of it was
//! written through to the disk, so it is no good after the next one. A clone that was replaced is handed over, and made a spare by
//! what differs, which is less than a copy.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use backlot_postgres::{StorageError, make_private, remove_tree};

use crate::boot;
use crate::copy::size_of;
use crate::folder::{fresh, lock_spares, remove_prefixed};
use crate::{MAKING_PREFIX, SPARES, Template, TemplateError, Templates, USED};

/// The names of complete spares begin so.
const SPARE: &str = "ready-";

impl Templates {
    /// Makes spares of the template `key` for throw-away clusters, until there are `count`, see [`Template::keep_spares`].
    /// Returns how many it made; none if there is no such template.
    pub fn keep_spares_of(&self, key: &str, count: usize, left: Option<u64>) -> Result<usize, TemplateError> {
        self.of_key(key)?.map_or(Ok(0), |template| template.keep_spares(count, left))
    }
}

impl Template {
    /// Whether a spare is there.
    pub fn has_spare(&self) -> bool {
        self.spares().is_ok_and(|spares| !spares.is_empty())
    }

    /// Puts a spare in the place `data_dir`, where nothing is; `false` if there is none.
    pub fn take_spare(&self, data_dir: &Path) -> Result<bool, StorageError> {
        Ok(self.spares()?.iter().any(|spare| fs::rename(spare, data_dir).is_ok()))
    }

    /// Takes over what is of no use any more, to be removed while nobody waits; or, if it `is_whole`, a clone of which it is known
    /// what has changed in it, to have a spare made of it. See [`Self::keep_spares`].
    pub fn take_over(&self, data: &Path, is_whole: bool) -> Result<(), StorageError> {
        let dir = self.spares_dir();
        make_private(&dir, &self.owner)?;
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let worth = if is_whole { boot::short() } else { "nothing".to_owned() };
        let used = dir.join(format!("{USED}{worth}-{}-{}", std::process::id(), now.as_nanos()));
        fs::rename(data, &used).map_err(StorageError::at("rename", data))
    }

    /// Makes copies ahead of need until `count` are there, so that the next clones need only be renamed, as far as that many bytes
    /// are `left` for them; none if there are too many already. Returns how many it made; none if another process is making some.
    pub fn keep_spares(&self, count: usize, left: Option<u64>) -> Result<usize, TemplateError> {
        let dir = self.spares_dir();
        make_private(&dir, &self.owner)?;
        let Some(_maker) = lock_spares(&dir)? else { return Ok(0) };
        self.drop_stale()?;
        let missing = if left.is_some() { count.saturating_sub(self.spares()?.len()) } else { 0 };
        let size = size_of(&self.data_dir);
        let mut made = 0;
        for used in named(&dir, &format!("{USED}{}-", boot::short()))? {
            made += usize::from(made < missing && self.recycle(&used, size));
        }
        remove_prefixed(&dir, USED)?;
        let mut left = left.unwrap_or_default();
        while made < missing && size <= left {
            let partial = fresh(&dir, MAKING_PREFIX)?;
            self.copy(&partial, &dir.join(ready(&partial)), None)?;
            left -= size;
            made += 1;
        }
        Ok(made)
    }

    /// Removes spares that nobody has taken, unless somebody makes some.
    pub(crate) fn drop_spares_in(dir: &Path) -> Result<(), StorageError> {
        if !dir.is_dir() {
            return Ok(());
        }
        let Some(_maker) = lock_spares(dir)? else { return Ok(()) };
        named(dir, SPARE)?.iter().try_for_each(|spare| drop_spare(spare))?;
        remove_prefixed(dir, USED)
    }

    /// Those that were there when the machine was started may have lost what was not on the disk.
    fn drop_stale(&self) -> Result<(), StorageError> {
        let fresh = self.spares()?;
        let all = named(&self.spares_dir(), SPARE)?;
        all.iter().filter(|spare| !fresh.contains(spare)).try_for_each(|spare| drop_spare(spare))
    }

    /// Makes a spare of a clone that was used, where that is less than half of a copy.
    fn recycle(&self, used: &Path, size: u64) -> bool {
        let Some(dir) = used.parent() else { return false };
        let made = || -> Result<bool, TemplateError> {
            let difference = self.difference(used)?;
            if difference.bytes > size / 2 {
                return Ok(false);
            }
            let aside = fresh(dir, MAKING_PREFIX)?;
            drop(self.take_back(used, difference, &aside)?);
            let spare = dir.join(ready(&aside));
            fs::rename(used, &spare).map_err(StorageError::at("rename", used))?;
            remove_tree(&aside)?;
            Ok(true)
        };
        // Whatever is wrong with it, it goes, and a copy is made.
        made().unwrap_or(false)
    }

    /// The spares that are there, and as they were made.
    fn spares(&self) -> Result<Vec<PathBuf>, StorageError> {
        named(&self.spares_dir(), &format!("{SPARE}{}-", boot::short()))
    }

    fn spares_dir(&self) -> PathBuf {
        self.data_dir.with_file_name(SPARES)
    }
}

/// The name of what is made at `making`, when it is whole.
fn ready(making: &Path) -> String {
    let name = making.file_name().and_then(OsStr::to_str).unwrap_or_default();
    name.replace(MAKING_PREFIX, &format!("{SPARE}{}-", boot::short()))
}

/// Out of reach first, so that nobody takes a part of it.
fn drop_spare(spare: &Path) -> Result<(), StorageError> {
    let name = spare.file_name().and_then(OsStr::to_str).unwrap_or_default();
    let doomed = spare.with_file_name(name.replace(SPARE, MAKING_PREFIX));
    match fs::rename(spare, &doomed) {
        // Somebody was faster.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(StorageError::new("rename", spare, error)),
        Ok(()) => remove_tree(&doomed),
    }
}

/// What in `dir` begins with this.
fn named(dir: &Path, prefix: &str) -> Result<Vec<PathBuf>, StorageError> {
    let entries = match fs::read_dir(dir).and_then(Iterator::collect::<io::Result<Vec<_>>>) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(StorageError::new("read", dir, error)),
    };
    let is_meant = |entry: &fs::DirEntry| entry.file_name().as_encoded_bytes().starts_with(prefix.as_bytes());
    Ok(entries.into_iter().filter(is_meant).map(|entry| entry.path()).collect())
}
