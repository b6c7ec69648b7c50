//! Taking a clone back to its template where it is: only the files that differ are copied. What is replaced is put aside, and
//! comes back if anything fails.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use backlot_postgres::{StorageError, remove_tree};

use crate::copy::{Manner, count_files, mode};
use crate::difference::{Difference, Sameness};
use crate::{Template, TemplateError};

/// A data directory that was taken back.
#[derive(Debug)]
pub struct TakenBack<'a> {
    data: &'a Path,
    aside: &'a Path,
    difference: Difference,
}

impl Template {
    /// What of the cluster in `data`, which nobody uses, is not as here. It was made since the machine was started.
    pub fn difference(&self, data: &Path) -> Result<Difference, TemplateError> {
        self.check(count_files(&self.data_dir)?)?;
        Ok(Difference::between(&self.data_dir, data, Sameness::Time, false)?)
    }

    /// Makes the cluster in `data` what this one is, of which it has this `difference`; what is replaced goes to `aside`, which must
    /// not be there.
    ///
    /// # Errors
    /// When something cannot be copied; then `data` is as it was.
    pub fn take_back<'a>(
        &self,
        data: &'a Path,
        difference: Difference,
        aside: &'a Path,
    ) -> Result<TakenBack<'a>, TemplateError> {
        let taken = TakenBack { data, aside, difference };
        let done = taken
            .put_aside()
            .and_then(|()| taken.difference.bring(&self.data_dir, data, &self.owner, Manner::default()));
        if let Err(error) = done {
            taken.undo()?;
            return Err(error.into());
        }
        Ok(taken)
    }
}

impl TakenBack<'_> {
    /// Moves out of the way what is to be replaced, and what is too much.
    fn put_aside(&self) -> Result<(), StorageError> {
        let Difference { changed, more, more_dirs, .. } = &self.difference;
        fs::create_dir(self.aside).map_err(StorageError::at("make", self.aside))?;
        for file in changed.iter().chain(more) {
            let (from, to) = (self.data.join(file), self.aside.join(file));
            rename_into(&from, &to).map_err(StorageError::at("rename", &from))?;
        }
        for dir in more_dirs.iter().rev() {
            let dir = self.data.join(dir);
            fs::remove_dir(&dir).map_err(StorageError::at("remove", &dir))?;
        }
        Ok(())
    }

    /// Makes it what it was before.
    ///
    /// # Errors
    /// When that is not possible.
    pub fn undo(self) -> Result<(), StorageError> {
        let Difference { changed, missing, more, missing_dirs, more_dirs, .. } = &self.difference;
        for file in missing {
            let file = self.data.join(file);
            match fs::remove_file(&file) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(StorageError::new("remove", &file, error));
                }
                Ok(()) | Err(_) => {}
            }
        }
        for dir in missing_dirs.iter().rev() {
            remove_tree(&self.data.join(dir))?;
        }
        for dir in more_dirs.iter().map(|dir| self.data.join(dir)).filter(|dir| !dir.exists()) {
            let like = mode(self.data)?;
            let made = DirBuilder::new().mode(like).create(&dir).and_then(|()| same_owner(self.data, &dir));
            made.map_err(StorageError::at("make", &dir))?;
        }
        // What was not put aside yet is as it was.
        let put_aside = |file: &&PathBuf| self.aside.join(file).symlink_metadata().is_ok();
        for file in changed.iter().chain(more).filter(put_aside) {
            let aside = self.aside.join(file);
            fs::rename(&aside, self.data.join(file)).map_err(StorageError::at("rename", &aside))?;
        }
        remove_tree(self.aside)
    }
}

/// Renames a file, whose new folder may not be there yet.
fn rename_into(from: &Path, to: &Path) -> io::Result<()> {
    match fs::rename(from, to) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let folder = to.parent().ok_or(error)?;
            fs::create_dir_all(folder)?;
            fs::rename(from, to)
        }
        done => done,
    }
}

fn same_owner(like: &Path, path: &Path) -> io::Result<()> {
    let like = fs::metadata(like)?;
    std::os::unix::fs::chown(path, Some(like.uid()), Some(like.gid()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;
    use std::path::{Path, PathBuf};
    use std::time::{Duration, SystemTime};

    use backlot_process::Owner;

    use crate::copy::{copy_cluster, list};
    use crate::{Held, Template};

    const FILES: [(&str, &str); 5] = [
        ("PG_VERSION", "15"),
        ("base/5/1", "one"),
        ("base/5/2", "two"),
        ("global/pg_control", "control"),
        ("pg_wal/0001", "log"),
    ];

    /// A template with a fraction of a second in its times, or none, and a clone of it.
    fn cloned(dir: &Path, nanos: u32) -> (Template, PathBuf) {
        let (data_dir, data) = (dir.join("template"), dir.join("data"));
        for (name, text) in FILES {
            let path = data_dir.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, text).unwrap();
            let time = SystemTime::UNIX_EPOCH + Duration::new(1_700_000_000, nanos);
            fs::File::options().write(true).open(&path).unwrap().set_modified(time).unwrap();
        }
        fs::create_dir(data_dir.join("pg_twophase")).unwrap();
        copy_cluster(&data_dir, &data, &Owner::Caller).unwrap();
        let held = Held { _lock: tempfile::tempfile().unwrap(), files: Some(FILES.len()) };
        let (key, owner) = ("15-1".to_owned(), Owner::Caller);
        (Template { key, was_made: false, data_dir, owner, syncer: None, held }, data)
    }

    fn all_in(dir: &Path) -> BTreeMap<PathBuf, Option<String>> {
        let (dirs, files) = list(dir, false).unwrap();
        let dirs = dirs.into_iter().map(|dir| (dir, None));
        dirs.chain(files.into_iter().map(|file| (file.clone(), fs::read_to_string(dir.join(file)).ok())))
            .collect()
    }

    /// As a server would that has run for a while.
    fn use_it(data: &Path) {
        // Of the same size: only its time tells.
        fs::write(data.join("base/5/1"), "ONE").unwrap();
        fs::remove_file(data.join("base/5/2")).unwrap();
        fs::create_dir(data.join("base/6")).unwrap();
        fs::write(data.join("base/6/1"), "more").unwrap();
        fs::rename(data.join("pg_wal/0001"), data.join("pg_wal/0002")).unwrap();
        fs::remove_dir(data.join("pg_twophase")).unwrap();
    }

    #[test]
    fn only_what_differs_is_copied() {
        let dir = tempfile::tempdir().unwrap();
        let (template, data) = cloned(dir.path(), 500);
        let aside = dir.path().join("aside");
        let same = template.difference(&data).unwrap();
        assert_eq!((same.changed, same.missing), (vec![PathBuf::from("pg_wal/0001")], Vec::new()));
        use_it(&data);
        let difference = template.difference(&data).unwrap();
        assert_eq!((difference.files(), difference.bytes), (3, 9));
        drop(template.take_back(&data, difference, &aside).unwrap());
        assert_eq!(all_in(&data), all_in(&template.data_dir));
        assert_eq!(fs::read_to_string(aside.join("base/6/1")).unwrap(), "more");
    }

    #[test]
    fn times_without_a_fraction_tell_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let (template, data) = cloned(dir.path(), 0);
        assert_eq!(template.difference(&data).unwrap().files(), FILES.len());
    }

    #[test]
    fn all_can_be_as_it_was_before() {
        let dir = tempfile::tempdir().unwrap();
        let (template, data) = cloned(dir.path(), 500);
        use_it(&data);
        let before = all_in(&data);
        let aside = dir.path().join("aside");
        let difference = template.difference(&data).unwrap();
        template.take_back(&data, difference, &aside).unwrap().undo().unwrap();
        assert_eq!(all_in(&data), before);
        assert!(!aside.exists());
        // One that fails does that by itself.
        let difference = template.difference(&data).unwrap();
        fs::remove_file(template.data_dir.join("base/5/2")).unwrap();
        assert!(template.take_back(&data, difference, &aside).is_err());
        assert_eq!(all_in(&data), before);
        assert!(!aside.exists());
    }

    #[test]
    fn a_template_that_has_lost_files_is_none() {
        let dir = tempfile::tempdir().unwrap();
        let (template, data) = cloned(dir.path(), 500);
        fs::remove_file(template.data_dir.join("base/5/2")).unwrap();
        assert!(template.difference(&data).is_err());
    }
}
