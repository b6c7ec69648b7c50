//! Copying a data directory, fast.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read};
use std::ops::RangeInclusive;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::SystemTime;

use backlot_postgres::{StorageError, remove_tree};
use backlot_process::Owner;

use crate::difference::{Difference, LOG, Sameness};
use crate::folder::VERSION;

/// How the copies are to be.
pub(crate) struct Copier<'a> {
    pub(crate) from: &'a Path,
    pub(crate) to: &'a Path,
    pub(crate) owner: &'a Owner,
    pub(crate) file_mode: u32,
    /// Whether the file system can make one file share the blocks of another (btrfs, XFS, APFS).
    pub(crate) reflink: bool,
    /// Whether files may be gone by the time it is their turn.
    pub(crate) is_used: bool,
    /// How many bytes have not been written through yet, where that is done bit by bit.
    pub(crate) unwritten: Option<AtomicU64>,
    /// Set when nobody wants the copy any more.
    pub(crate) stop: &'a AtomicBool,
}

/// Where nobody can say that the copy is not wanted any more.
static NEVER: AtomicBool = AtomicBool::new(false);

/// So much is copied before it is written through, for a server whose own writes to that disk are waited for: all at the end would
/// hold these up for as long as that takes.
const PART: u64 = 8 << 20;

/// Copies the data directory `from`, which nobody uses, to `to`, which must not exist, and gives it to `owner`. Nothing is
/// synced. All of Postgres' files have the same mode, which is that of `PG_VERSION`. Returns how many files there are.
pub(crate) fn copy_cluster(from: &Path, to: &Path, owner: &Owner) -> Result<usize, StorageError> {
    copy_folder(from, to, owner, Manner::default(), &|_| true)
}

/// The same, until `stop` is set: then it fails. A file that is gone before it was copied is an error.
pub fn copy_unused(from: &Path, to: &Path, owner: &Owner, stop: &AtomicBool) -> Result<(), StorageError> {
    copy_folder(from, to, owner, Manner { stop, ..Manner::default() }, &|_| true).map(drop)
}

/// The same of one that somebody uses, whose files come and go meanwhile, or of a folder of it.
pub fn copy_while_used(from: &Path, to: &Path, owner: &Owner) -> Result<(), StorageError> {
    copy_folder(from, to, owner, Manner { is_used: true, ..Manner::default() }, &|_| true).map(drop)
}

/// Makes a copy the same again as what it was made of, which nobody uses, and of which nothing has changed before `since` that is
/// not in it.
pub fn copy_again(from: &Path, to: &Path, owner: &Owner, since: SystemTime) -> Result<(), StorageError> {
    make_same(from, to, owner, Sameness::Since(since), Manner::default())
}

/// Makes a copy at `to` of one that somebody uses: whole, or only what is not as in a cluster that is there already, if that and
/// `from` were made of the same template since the machine was started.
pub fn copy_upon(from: &Path, to: &Path, owner: &Owner, stop: &AtomicBool) -> Result<(), StorageError> {
    copy_there(from, to, owner, Manner { is_used: true, is_gentle: false, stop })
}

/// The same for a server that waits for its disk when it writes: the copy goes there bit by bit. Of its log there is nothing yet:
/// what a backup needs of that is known at its end ([`copy_log`]).
pub fn copy_gently(from: &Path, to: &Path, owner: &Owner, stop: &AtomicBool) -> Result<(), StorageError> {
    copy_there(from, to, owner, Manner { stop, ..GENTLE })
}

/// Copies of a cluster's log what is between two segments, these included, to the copy at `to`, and nothing else.
pub fn copy_log(
    from: &Path,
    to: &Path,
    owner: &Owner,
    segments: RangeInclusive<&str>,
) -> Result<(), StorageError> {
    let (from, to) = (from.join(LOG), to.join(LOG));
    remove_tree(&to)?;
    let is_needed = |file: &Path| {
        let name = file.to_str().unwrap_or_default();
        segments.contains(&name) || name.ends_with(".history")
    };
    copy_folder(&from, &to, owner, GENTLE, &is_needed).map(drop)
}

fn copy_there(from: &Path, to: &Path, owner: &Owner, manner: Manner<'_>) -> Result<(), StorageError> {
    if to.exists() {
        return make_same(from, to, owner, Sameness::Time, manner);
    }
    copy_folder(from, to, owner, manner, &|file| manner.has(file)).map(drop)
}

/// How a cluster is copied.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Manner<'a> {
    /// Whether somebody uses it: files may be gone by the time it is their turn.
    pub(crate) is_used: bool,
    /// Whether what is copied is written through bit by bit, and the log is left for later.
    pub(crate) is_gentle: bool,
    /// Set when nobody wants the copy any more.
    pub(crate) stop: &'a AtomicBool,
}

impl Default for Manner<'_> {
    fn default() -> Self {
        Self { is_used: false, is_gentle: false, stop: &NEVER }
    }
}

const GENTLE: Manner<'_> = Manner { is_used: true, is_gentle: true, stop: &NEVER };

impl Manner<'_> {
    fn has(self, file: &Path) -> bool {
        !(self.is_gentle && file.starts_with(LOG))
    }

    pub(crate) fn unwritten(self) -> Option<AtomicU64> {
        self.is_gentle.then(AtomicU64::default)
    }
}

fn make_same(
    from: &Path,
    to: &Path,
    owner: &Owner,
    sameness: Sameness,
    manner: Manner<'_>,
) -> Result<(), StorageError> {
    let mut difference = Difference::between(from, to, sameness, manner.is_used)?;
    difference.leave_out(&|file| !manner.has(file));
    difference.clear(to)?;
    difference.bring(from, to, owner, manner)
}

/// Whether files of the one folder can share their blocks with files of the other.
pub(crate) fn can_reflink(from: &Path, to: &Path) -> bool {
    let probe = to.join(".backlot-probe");
    let can = reflink_copy::reflink(from.join(VERSION), &probe).is_ok();
    let _ = fs::remove_file(&probe);
    can
}

fn copy_folder(
    from: &Path,
    to: &Path,
    owner: &Owner,
    manner: Manner<'_>,
    has: &dyn Fn(&Path) -> bool,
) -> Result<usize, StorageError> {
    let dir_mode = mode(from)?;
    let (dirs, mut files) = list(from, manner.is_used)?;
    files.retain(|file| has(file));
    let Some(first) = files.first() else {
        let made = DirBuilder::new().mode(dir_mode).create(to).and_then(|()| owner.take(to));
        return made.map(|()| 0).map_err(StorageError::at("make", to));
    };
    let version = Path::new(VERSION);
    let version = if from.join(version).is_file() { version } else { first };
    let file_mode = mode(&from.join(version))?;
    for dir in dirs {
        let dir = to.join(dir);
        let made = DirBuilder::new().mode(dir_mode).create(&dir).and_then(|()| owner.take(&dir));
        made.map_err(StorageError::at("make", &dir))?;
    }
    let (is_used, stop, unwritten) = (manner.is_used, manner.stop, manner.unwritten());
    let mut copier = Copier { from, to, owner, file_mode, reflink: true, is_used, unwritten, stop };
    // One file tells whether the file system can do it, so that this is found out once and not a thousand times.
    let probe = copier.to.join(version);
    copier.reflink = copier.reflink(&copier.from.join(version), &probe).is_ok();
    if copier.reflink {
        fs::remove_file(&probe).map_err(StorageError::at("remove", &probe))?;
    }
    copier.copy_all(&files)?;
    Ok(files.len())
}

/// How many files are in `dir` and below.
pub(crate) fn count_files(dir: &Path) -> Result<usize, StorageError> {
    Ok(list(dir, false)?.1.len())
}

/// How many bytes the files in `dir` and below have; what cannot be read has none.
pub fn size_of(dir: &Path) -> u64 {
    let files = list(dir, true).map(|(_, files)| files).unwrap_or_default();
    files.iter().filter_map(|file| Some(fs::metadata(dir.join(file)).ok()?.len())).sum()
}

pub(crate) fn mode(path: &Path) -> Result<u32, StorageError> {
    let metadata = fs::metadata(path).map_err(StorageError::at("look at", path))?;
    Ok(metadata.permissions().mode() & 0o777)
}

/// All directories, parents first, and all files, as paths below `root`; the root itself is the empty path.
/// The log may be a link to where it is. In a folder that `is_used`, some may be gone before they are looked at.
pub(crate) fn list(root: &Path, is_used: bool) -> Result<(Vec<PathBuf>, Vec<PathBuf>), StorageError> {
    let (mut dirs, mut files) = (vec![PathBuf::new()], Vec::new());
    let mut next = 0;
    while let Some(dir) = dirs.get(next).cloned() {
        next += 1;
        let path = root.join(&dir);
        let entries = match fs::read_dir(&path).and_then(Iterator::collect::<io::Result<Vec<_>>>) {
            Err(error)
                if is_used && error.kind() == io::ErrorKind::NotFound && !dir.as_os_str().is_empty() =>
            {
                continue;
            }
            entries => entries,
        };
        for entry in entries.map_err(StorageError::at("read", &path))? {
            let below = dir.join(entry.file_name());
            let kind =
                entry.file_type().map_err(|error| StorageError::new("look at", &root.join(&below), error))?;
            let is_log = kind.is_symlink() && below.as_os_str() == "pg_wal";
            if kind.is_dir() || is_log { dirs.push(below) } else { files.push(below) }
        }
    }
    Ok((dirs, files))
}

impl Copier<'_> {
    /// One thread begins at the front and one at the back, so that they seldom make files in the same directory, which only
    /// one can do at a time.
    pub(crate) fn copy_all(&self, files: &[PathBuf]) -> Result<(), StorageError> {
        let taken = AtomicUsize::new(0);
        thread::scope(|scope| {
            let other = scope.spawn(|| self.copy_in_turn(files.iter().rev(), files.len(), &taken));
            let own = self.copy_in_turn(files.iter(), files.len(), &taken);
            match other.join() {
                Ok(result) => own.and(result),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        })
    }

    /// Copies one file after the other until `all` have been taken, by this thread or the other.
    fn copy_in_turn<'f>(
        &self,
        files: impl Iterator<Item = &'f PathBuf>,
        all: usize,
        taken: &AtomicUsize,
    ) -> Result<(), StorageError> {
        for file in files {
            if taken.fetch_add(1, Ordering::Relaxed) >= all {
                break;
            }
            let is_stopped = self.stop.load(Ordering::Relaxed);
            let stopped = || StorageError::new("copy", self.from, io::ErrorKind::Interrupted.into());
            if let Err(error) = if is_stopped { Err(stopped()) } else { self.copy(file) } {
                // The other thread need not go on.
                taken.store(all, Ordering::Relaxed);
                return Err(error);
            }
        }
        Ok(())
    }

    fn copy(&self, file: &Path) -> Result<(), StorageError> {
        let (from, to) = (self.from.join(file), self.to.join(file));
        if self.is_used && from.symlink_metadata().is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
        {
            return Ok(());
        }
        if self.reflink {
            return self.reflink(&from, &to).map_err(StorageError::at("copy to", &to));
        }
        let source = match File::open(&from) {
            Err(error) if self.is_used && error.kind() == io::ErrorKind::NotFound => return Ok(()),
            source => source.map_err(StorageError::at("open", &from))?,
        };
        self.copy_bytes(source, &to).map_err(StorageError::at("copy to", &to))
    }

    fn reflink(&self, from: &Path, to: &Path) -> io::Result<()> {
        let source = File::open(from)?;
        let written = source.metadata()?.modified()?;
        reflink_copy::reflink(from, to)?;
        fs::set_permissions(to, fs::Permissions::from_mode(self.file_mode))?;
        keep_time(&source, written, &File::open(to)?)?;
        self.owner.take(to)
    }

    fn copy_bytes(&self, mut source: File, to: &Path) -> io::Result<()> {
        let written = source.metadata()?.modified()?;
        let mut target =
            OpenOptions::new().write(true).create(true).truncate(true).mode(self.file_mode).open(to)?;
        if let Owner::User { uid, gid, .. } = self.owner {
            fchown(&target, Some(*uid), Some(*gid))?;
        }
        // In the kernel, where it can do that (`copy_file_range`): half the time of reading and writing.
        match &self.unwritten {
            None => drop(io::copy(&mut source, &mut target)?),
            Some(unwritten) => gently(&mut source, &mut target, unwritten)?,
        }
        keep_time(&source, written, &target)
    }
}

/// Copies in parts, each of which is on the disk before the next one comes.
fn gently(source: &mut File, target: &mut File, unwritten: &AtomicU64) -> io::Result<()> {
    loop {
        let bytes = io::copy(&mut source.by_ref().take(PART), target)?;
        if bytes == 0 {
            return Ok(());
        }
        if unwritten.fetch_add(bytes, Ordering::Relaxed) + bytes >= PART {
            unwritten.store(0, Ordering::Relaxed);
            backlot_files::write_through(target)?;
        }
    }
}

/// A copy has the time at which its source was `written`, unless somebody has written to that meanwhile: by its time and size it is
/// known later whether it is still the same (see [`crate::back`]).
fn keep_time(source: &File, written: SystemTime, copy: &File) -> io::Result<()> {
    if source.metadata()?.modified()? == written { copy.set_modified(written) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;

    use super::{StorageError, copy_cluster};

    const PIECE: usize = 256 * 1024;
    use crate::copy::Owner;

    fn write(path: &Path, bytes: &[u8]) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o640)).unwrap();
    }

    #[test]
    fn copies_everything_with_its_modes() {
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (dir.path().join("from"), dir.path().join("to"));
        let big: Vec<u8> = (0..=PIECE * 2).map(|i| u8::try_from(i % 251).unwrap()).collect();
        let exact = vec![7; PIECE];
        let files: [(&str, &[u8]); 5] = [
            ("PG_VERSION", b"15\n"),
            ("base/1/112", &big),
            ("base/1/113", b""),
            ("global/1", &exact),
            ("a/b/c/d", b"x"),
        ];
        for (name, bytes) in files {
            write(&from.join(name), bytes);
        }
        fs::create_dir(from.join("pg_twophase")).unwrap();
        fs::set_permissions(&from, fs::Permissions::from_mode(0o700)).unwrap();

        assert_eq!(copy_cluster(&from, &to, &Owner::Caller).unwrap(), files.len());
        for (name, bytes) in files {
            assert_eq!(fs::read(to.join(name)).unwrap(), bytes, "{name}");
            let (one, other) = (fs::metadata(from.join(name)).unwrap(), fs::metadata(to.join(name)).unwrap());
            assert_eq!(other.permissions().mode() & 0o777, 0o640, "{name}");
            assert_eq!(one.modified().unwrap(), other.modified().unwrap(), "{name}");
        }
        for name in ["", "pg_twophase", "base/1"] {
            assert_eq!(fs::metadata(to.join(name)).unwrap().permissions().mode() & 0o777, 0o700, "{name}");
        }
    }

    #[test]
    fn tells_what_is_missing() {
        let dir = tempfile::tempdir().unwrap();
        let error =
            copy_cluster(&dir.path().join("none"), &dir.path().join("to"), &Owner::Caller).unwrap_err();
        assert!(matches!(&error, StorageError::Other { path, .. } if path.ends_with("none")), "{error:?}");
    }
}
