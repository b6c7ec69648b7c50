//! Why there is no such view.

use std::io;
use std::path::PathBuf;

/// Why a view cannot be made. The messages fit after "failed to …".
#[derive(Debug, thiserror::Error)]
pub enum ViewError {
    /// One of its mounts.
    #[error("mount {}", target.display())]
    Mount {
        /// Where it was to be.
        target: PathBuf,
        /// What is wrong with it.
        #[source]
        reason: Reason,
    },
    /// The directory that the program is to start in.
    #[error("start in {}", directory.display())]
    Directory {
        /// The directory as it was named.
        directory: PathBuf,
        /// What is wrong with it.
        #[source]
        reason: Reason,
    },
    /// The process whose view was to be shared.
    #[error("see the file system of process {pid}")]
    Process {
        /// The process.
        pid: i32,
        /// What the system said.
        source: io::Error,
    },
    /// The machine's own directories.
    #[error("lay out the file system")]
    Machine(#[source] Reason),
    /// This system has nothing of the kind.
    #[error("give a program paths of its own: that is not possible on this system")]
    NotHere,
}

/// What is wrong with a mount or a directory.
#[derive(Debug, thiserror::Error)]
pub enum Reason {
    /// A path does not begin at `/`.
    #[error("{} is not absolute", .0.display())]
    Relative(PathBuf),
    /// A path holds a NUL byte.
    #[error("a path holds a NUL byte")]
    NulByte,
    /// The file or folder of the machine does not exist.
    #[error("{} does not exist", .0.display())]
    Missing(PathBuf),
    /// It lies in a folder that the caller may not enter.
    #[error("{} is closed to this account", .0.display())]
    Closed(PathBuf),
    /// The target is `/` itself.
    #[error("it is the root of the file system")]
    Root,
    /// The target is one of the system's own folders, or in one.
    #[error("{} is the system's own", .0.display())]
    System(PathBuf),
    /// There is a file on the way.
    #[error("{} is a file", .0.display())]
    BelowFile(PathBuf),
    /// A folder was to be there, and this machine has a file.
    #[error("a folder cannot be put over the file {}", .0.display())]
    FolderOverFile(PathBuf),
    /// A file was to be there, and this machine has a folder.
    #[error("a file cannot be put over the folder {}", .0.display())]
    FileOverFolder(PathBuf),
    /// Another mount is there.
    #[error("another mount is at {}", .0.display())]
    Twice(PathBuf),
    /// It would hide other mounts.
    #[error("it would hide other mounts below {}", .0.display())]
    Hides(PathBuf),
    /// Symbolic links that lead in circles.
    #[error("too many symbolic links")]
    Links,
    /// The machine lacks the folders that every one has.
    #[error("none of {0} is a folder")]
    NoStage(String),
    /// A folder has to be spread, and may not be listed.
    #[error("{} cannot be read", path.display())]
    Unreadable {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Why a child could not enter its view. The message fits after "failed to …".
#[derive(Debug, thiserror::Error)]
#[error("{doing}")]
pub struct EnterError {
    /// What failed.
    pub doing: String,
    /// What the system said.
    pub source: io::Error,
}
