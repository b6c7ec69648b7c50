//! Reads files that may be anything.
//!
//! A path that a project names can lead to a named pipe, which keeps whoever opens it waiting, to a device without an end, or
//! to a file of gigabytes. All reading of whole files goes through here (a test sees to it): regular files only, up to a
//! limit, opened so that nothing is waited for.

pub mod litter;

use std::fs::{self, File, FileType, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;

use nix::fcntl::OFlag;

/// The largest file that is read, in bytes. A Compose file, a secret or a record of this size is surely not meant.
pub const MOST: u64 = 4 << 20;

/// Why a file is not read. It is the inner error of the [`io::Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// Reading it might never end, or change something.
    #[error("it is {0}, not a regular file")]
    Kind(&'static str),
    /// It is too large.
    #[error("it is larger than {} MiB", .limit >> 20)]
    TooLarge {
        /// The limit, in bytes.
        limit: u64,
    },
}

impl Unfit {
    /// What made reading fail, if it was that.
    pub fn of(error: &io::Error) -> Option<Self> {
        error.get_ref()?.downcast_ref().copied()
    }
}

/// Refuses what is no regular file.
///
/// # Errors
/// When it is something else, which the error tells ([`Unfit`]).
pub fn check(kind: FileType) -> io::Result<()> {
    let other = match kind {
        kind if kind.is_file() => return Ok(()),
        kind if kind.is_dir() => return Err(io::ErrorKind::IsADirectory.into()),
        kind if kind.is_fifo() => "a named pipe",
        kind if kind.is_socket() => "a socket",
        kind if kind.is_char_device() || kind.is_block_device() => "a device",
        _ => "something else",
    };
    Err(io::Error::new(io::ErrorKind::InvalidInput, Unfit::Kind(other)))
}

/// Opens a regular file to be read.
///
/// # Errors
/// When it cannot be opened, or is something else ([`Unfit`]).
pub fn open(path: &Path) -> io::Result<File> {
    // Looked at first: to open a device may already do something, and who waits to write to a pipe would be let go on.
    check(fs::metadata(path)?.file_type())?;
    let file = OpenOptions::new().read(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(path)?;
    // And again: another one may have taken its place.
    check(file.metadata()?.file_type())?;
    Ok(file)
}

/// All bytes of a file of at most `limit` bytes.
///
/// # Errors
/// When it cannot be read, is too large, or no regular file ([`Unfit`]).
pub fn bytes(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open(path)?.take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, Unfit::TooLarge { limit }));
    }
    Ok(bytes)
}

/// The text of a file of at most [`MOST`] bytes.
///
/// # Errors
/// When it cannot be read, is too large, no regular file ([`Unfit`]) or not in UTF-8.
pub fn text(path: &Path) -> io::Result<String> {
    let bytes = bytes(path, MOST)?;
    String::from_utf8(bytes).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error.utf8_error()))
}

/// Writes the whole file system of `file` through to the disk: a thousand files one by one take seconds.
pub fn write_through(file: &File) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    nix::unistd::syncfs(file)?;
    #[cfg(not(target_os = "linux"))]
    nix::unistd::sync();
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::{MOST, Unfit, bytes, text};
    use std::io::ErrorKind;
    use std::os::unix::net::UnixListener;
    use std::path::Path;

    #[test]
    fn regular_files_are_read() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        std::fs::write(&file, "text").unwrap();
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(&file, &link).unwrap();
        assert_eq!((text(&file).unwrap(), text(&link).unwrap()), ("text".to_owned(), "text".to_owned()));
        assert_eq!(bytes(&file, 4).unwrap(), b"text");
        assert_eq!(text(&dir.path().join("none")).unwrap_err().kind(), ErrorKind::NotFound);
        std::fs::write(&file, b"\xff").unwrap();
        assert_eq!(text(&file).unwrap_err().kind(), ErrorKind::InvalidData);
    }

    #[test]
    fn nothing_else_is_and_nothing_is_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let pipe = dir.path().join("pipe");
        nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
        let socket = dir.path().join("socket");
        let _listener = UnixListener::bind(&socket).unwrap();
        for (path, said) in [
            (pipe.as_path(), "it is a named pipe, not a regular file"),
            (&socket, "it is a socket, not a regular file"),
            (Path::new("/dev/zero"), "it is a device, not a regular file"),
        ] {
            let error = text(path).unwrap_err();
            assert_eq!(error.to_string(), said, "{}", path.display());
            assert!(matches!(Unfit::of(&error), Some(Unfit::Kind(_))));
        }
        assert_eq!(text(dir.path()).unwrap_err().kind(), ErrorKind::IsADirectory);
    }

    #[test]
    fn large_ones_are_refused_without_being_read() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("huge");
        std::fs::File::create(&file).unwrap().set_len(1 << 40).unwrap();
        let error = text(&file).unwrap_err();
        assert_eq!(Unfit::of(&error), Some(Unfit::TooLarge { limit: MOST }));
        assert_eq!(error.to_string(), "it is larger than 4 MiB");
        assert!(bytes(&file, 3).is_err());
    }
}
