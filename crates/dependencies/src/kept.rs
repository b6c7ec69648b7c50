//! What is kept, and goes when nobody uses it any more.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::SystemTime;

use backlot_process::is_named_by_anybody;

use crate::error::DependencyError;
use crate::folder;
use crate::folder::MARK;
use crate::lock;

/// Packages that are there.
#[derive(Debug, Clone)]
pub struct Kept {
    /// Where.
    pub folder: PathBuf,
    /// When somebody needed them last.
    pub used: SystemTime,
}

/// All that are kept in `home`, by folder. Those that are being made are not among them.
///
/// # Errors
/// When the folder cannot be read.
pub fn kept(home: &Path) -> Result<Vec<Kept>, DependencyError> {
    let entries = match fs::read_dir(home).and_then(Iterator::collect::<io::Result<Vec<_>>>) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(DependencyError::io("read", home)(error)),
    };
    let mut all: Vec<Kept> = entries
        .into_iter()
        .filter_map(|entry| {
            let folder = entry.path();
            let used = fs::metadata(folder.join(MARK)).and_then(|mark| mark.modified()).ok()?;
            Some(Kept { folder, used })
        })
        .collect();
    all.sort_by(|a, b| a.folder.cmp(&b.folder));
    Ok(all)
}

/// Takes away what was begun in `home` and is not whole, where nobody is at work.
pub(crate) fn clear_begun(home: &Path, clear: &dyn Fn(&Path) -> Result<(), DependencyError>) {
    let folders = fs::read_dir(home).into_iter().flatten().flatten().map(|entry| entry.path());
    for begun in folders.filter(|folder| folder.is_dir() && !folder.join(MARK).exists()) {
        if let Some(_lock) = lock::free(&folder::lock_of(&begun)) {
            // What is not removed now is the next time.
            let _ = clear(&begun);
        }
    }
}

/// So many builds of the same lines are kept: sources change often.
const BUILDS: usize = 3;

/// Removes the builds of the same lines that were used before the last ones, unless a program is at work with them.
pub(crate) fn forget_earlier(folder: &Path, interrupted: &AtomicBool) {
    let lines = |path: &Path| Some(path.file_name()?.to_str()?.rsplit_once('-')?.0.to_owned());
    let Some(home) = folder.parent() else { return };
    // What is not removed now, `prune` does.
    let mut all = kept(home).unwrap_or_default();
    all.retain(|one| lines(&one.folder) == lines(folder));
    all.sort_by_key(|one| std::cmp::Reverse(one.used));
    for earlier in all.iter().skip(BUILDS) {
        let _ = earlier.remove(interrupted);
    }
}

impl Kept {
    /// Removes them, unless a program is at work with them. Returns whether they are gone.
    ///
    /// # Errors
    /// When they cannot be removed.
    pub fn remove(&self, interrupted: &AtomicBool) -> Result<bool, DependencyError> {
        let _lock = lock::acquire(&folder::lock_of(&self.folder), interrupted, &mut |_| {})?;
        if is_named_by_anybody(&self.folder) {
            return Ok(false);
        }
        // Without it they do not count, however far we come.
        let mark = self.folder.join(MARK);
        fs::remove_file(&mark).map_err(DependencyError::io("remove", &mark))?;
        folder::remove(&self.folder).map(|()| true)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::sync::atomic::AtomicBool;
    use std::time::{Duration, SystemTime};

    use backlot_process::{Program, SpawnOptions};

    use super::{MARK, kept};
    use crate::folder::note_use;

    #[test]
    fn what_nobody_uses_goes() {
        let home = tempfile::tempdir().unwrap();
        assert!(kept(&home.path().join("none")).unwrap().is_empty());
        for (name, is_whole) in [("python-1", true), ("python-2", true), ("node-3", false)] {
            fs::create_dir(home.path().join(name)).unwrap();
            if is_whole {
                fs::write(home.path().join(name).join(MARK), "").unwrap();
            }
        }
        let all = kept(home.path()).unwrap();
        assert_eq!(all.len(), 2);
        let program = Program::new("/bin/sleep").arg("60").env("VIRTUAL_ENV", all[0].folder.as_os_str());
        let mut child = program.spawn(SpawnOptions::default()).unwrap();
        if cfg!(target_os = "linux") {
            assert!(!all[0].remove(&AtomicBool::new(false)).unwrap());
        }
        child.kill().unwrap();
        assert!(all[0].remove(&AtomicBool::new(false)).unwrap() && !all[0].folder.exists());
        let long_ago = SystemTime::now() - Duration::from_hours(99);
        let mark = fs::File::options().append(true).open(all[1].folder.join(MARK)).unwrap();
        mark.set_modified(long_ago).unwrap();
        assert_eq!(kept(home.path()).unwrap()[0].used, long_ago);
        note_use(&all[1].folder);
        assert!(kept(home.path()).unwrap()[0].used > long_ago + Duration::from_hours(98));
    }
}
