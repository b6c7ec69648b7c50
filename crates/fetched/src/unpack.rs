//! Unpacking packages, which may hold anything: nothing gets out of the folder, links are refused, and all of it has limits.

use std::borrow::Cow;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, BufReader, Read};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Component, Path, PathBuf};

use backlot_postgres::StorageError;
use flate2::read::GzDecoder;

use crate::error::FetchError;

/// How much a package may hold. A server takes 60 MB in 1,000 files; one of pip's 40 MB in 2,100.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Of all files, unpacked, in bytes.
    pub(crate) bytes: u64,
    /// Files and folders.
    pub(crate) entries: usize,
    /// Of a path in it, in bytes.
    pub(crate) path: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes: 1 << 30, entries: 50_000, path: 512 }
    }
}

/// One package that is being unpacked.
struct Unpacking<'a> {
    package: &'a str,
    folder: &'a Path,
    left: Limits,
}

/// What an entry of a package is.
enum Kind {
    Folder,
    File {
        is_program: bool,
    },
    /// A link, a device, a pipe: in words.
    Other(&'static str),
}

/// Unpacks `archive` into `folder`, which must not exist. What fails leaves it half filled.
pub(crate) fn unpack(archive: &Path, package: &str, folder: &Path, limits: Limits) -> Result<(), FetchError> {
    make_folder(folder)?;
    let file = backlot_files::open(archive).map_err(StorageError::at("open", archive))?;
    let mut unpacking = Unpacking { package, folder, left: limits };
    if archive.extension().is_some_and(|extension| extension == "whl") {
        unpacking.wheel(file)
    } else {
        unpacking.tarball(file)
    }
}

impl Unpacking<'_> {
    fn tarball(&mut self, file: File) -> Result<(), FetchError> {
        let most = self.left.bytes;
        // One byte of a tarball may stand for a thousand: what comes out is counted, headers and padding included.
        let unzipped = GzDecoder::new(BufReader::new(file)).take(most + (most >> 2) + (1 << 20));
        let mut archive = tar::Archive::new(unzipped);
        let entries = archive.entries().map_err(|error| self.unreadable(&error))?;
        for entry in entries {
            let mut entry = entry.map_err(|error| self.unreadable(&error))?;
            let path = entry.path_bytes().into_owned();
            let path = String::from_utf8(path).map_err(|_| self.unfit("a path in it is not in UTF-8"))?;
            let mode = entry.header().mode().unwrap_or(0o644);
            let kind = match entry.header().entry_type() {
                tar::EntryType::Regular | tar::EntryType::Continuous => {
                    Kind::File { is_program: mode & 0o111 != 0 }
                }
                tar::EntryType::Directory => Kind::Folder,
                tar::EntryType::Symlink | tar::EntryType::Link => Kind::Other("a link"),
                // A remark on the whole archive.
                tar::EntryType::XGlobalHeader => continue,
                _ => Kind::Other("neither a file nor a folder"),
            };
            let size = entry.size();
            self.entry(&path, &kind, size, &mut entry)?;
        }
        Ok(())
    }

    fn wheel(&mut self, file: File) -> Result<(), FetchError> {
        let mut archive = zip::ZipArchive::new(BufReader::new(file))
            .map_err(|error| self.unfit(&format!("it cannot be read ({error})")))?;
        for index in 0..archive.len() {
            let mut entry = archive
                .by_index(index)
                .map_err(|error| self.unfit(&format!("it cannot be read ({error})")))?;
            let path = entry.name().map(Cow::into_owned);
            let path = path.map_err(|_| self.unfit("a path in it is not in UTF-8"))?;
            let mode = entry.unix_mode().unwrap_or(0o644);
            let kind = if entry.is_dir() {
                Kind::Folder
            } else {
                match mode & 0o170_000 {
                    0 | 0o100_000 => Kind::File { is_program: mode & 0o111 != 0 },
                    0o120_000 => Kind::Other("a link"),
                    _ => Kind::Other("neither a file nor a folder"),
                }
            };
            let size = entry.size();
            self.entry(&path, &kind, size, &mut entry)?;
        }
        Ok(())
    }

    /// Unpacks one entry; `size` is what the archive says that it has.
    fn entry(
        &mut self,
        path: &str,
        kind: &Kind,
        size: u64,
        content: &mut dyn Read,
    ) -> Result<(), FetchError> {
        let entries = self.left.entries.checked_sub(1);
        self.left.entries = entries.ok_or_else(|| self.unfit("it holds too many files"))?;
        let Some(relative) = within(path, self.left.path) else {
            return Err(self.unfit(&format!("it would put something at {path:?}")));
        };
        let target = self.folder.join(relative);
        let is_program = match kind {
            Kind::Folder => return self.folders(&target),
            Kind::File { is_program } => *is_program,
            Kind::Other(what) => return Err(self.unfit(&format!("{path:?} in it is {what}"))),
        };
        if size > self.left.bytes {
            return Err(self.unfit("it is too large unpacked"));
        }
        if let Some(parent) = target.parent() {
            self.folders(parent)?;
        }
        let mode = if is_program { 0o755 } else { 0o644 };
        let opened = OpenOptions::new().write(true).create_new(true).mode(mode).open(&target);
        let mut file = match opened {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                return Err(self.unfit(&format!("it holds {path:?} twice")));
            }
            opened => opened.map_err(StorageError::at("make", &target))?,
        };
        let written = io::copy(&mut Marked(content).take(self.left.bytes + 1), &mut file);
        let written = written.map_err(|error| match Unreadable::of(&error) {
            Some(said) => self.unfit(&format!("it cannot be read ({said})")),
            None => StorageError::new("write", &target, error).into(),
        })?;
        if written != size {
            return Err(self.unfit(&format!("{path:?} in it is not as long as it says")));
        }
        self.left.bytes -= written;
        // Whatever the umask is: the account that runs Postgres reads it, too.
        let permissions = file.set_permissions(Permissions::from_mode(mode));
        Ok(permissions.map_err(StorageError::at("open up", &target))?)
    }

    /// Makes the folders down to `path`, which is in ours; no link can be among them.
    fn folders(&self, path: &Path) -> Result<(), FetchError> {
        let Ok(below) = path.strip_prefix(self.folder) else { return Ok(()) };
        let mut folder = self.folder.to_owned();
        for name in below {
            folder.push(name);
            match fs::symlink_metadata(&folder) {
                Ok(metadata) if metadata.is_dir() => {}
                Ok(_) => return Err(self.unfit(&format!("{} in it is a file and a folder", name.display()))),
                Err(_) => make_folder(&folder)?,
            }
        }
        Ok(())
    }

    fn unreadable(&self, error: &io::Error) -> FetchError {
        self.unfit(&format!("it cannot be read ({error})"))
    }

    fn unfit(&self, what: &str) -> FetchError {
        FetchError::Unfit { package: self.package.to_owned(), what: what.to_owned() }
    }
}

/// The path of an entry within its folder; none if it leads elsewhere, or is none that files have.
pub(crate) fn within(path: &str, longest: usize) -> Option<PathBuf> {
    if path.is_empty() || path.len() > longest || path.contains(['\0', '\\', '\n']) {
        return None;
    }
    let mut within = PathBuf::new();
    for component in Path::new(path).components() {
        match component {
            Component::Normal(name) if name.len() <= 255 => within.push(name),
            Component::CurDir => {}
            Component::Normal(_) | Component::ParentDir | Component::RootDir | Component::Prefix(_) => {
                return None;
            }
        }
    }
    (!within.as_os_str().is_empty()).then_some(within)
}

/// A folder that everybody may look into.
pub(crate) fn make_folder(path: &Path) -> Result<(), FetchError> {
    fs::create_dir(path).map_err(StorageError::at("make", path))?;
    let permissions = fs::set_permissions(path, Permissions::from_mode(0o755));
    Ok(permissions.map_err(StorageError::at("open up", path))?)
}

/// A source whose errors are told from those of where it is copied to.
struct Marked<'a>(&'a mut dyn Read);

/// That the source failed.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Unreadable(io::Error);

impl Unreadable {
    fn of(error: &io::Error) -> Option<&Self> {
        error.get_ref()?.downcast_ref()
    }
}

impl Read for Marked<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer).map_err(|error| match error.kind() {
            io::ErrorKind::Interrupted => error,
            kind => io::Error::new(kind, Unreadable(error)),
        })
    }
}

#[cfg(test)]
mod tests;
