//! Why a dump cannot be loaded.

use std::io;
use std::path::PathBuf;

use backlot_hint::{Explain, Hint};
use backlot_postgres::DatabaseError;
use backlot_process::ProcessError;

/// Why a dump cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum DumpError {
    /// It cannot be read.
    #[error("cannot read {}", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is something else.
    #[error("{} is no dump: {what}", file.display())]
    NoDump {
        /// The file.
        file: PathBuf,
        /// What it is.
        what: &'static str,
    },
    /// It is packed in a way that is not read here.
    #[error("{} is packed by {by}", file.display())]
    Packed {
        /// The file.
        file: PathBuf,
        /// What has packed it.
        by: &'static str,
    },
    /// Its data would not come into the database that it is meant for.
    #[error("line {line} of {} leads to another database: {statement}", file.display())]
    Elsewhere {
        /// The file.
        file: PathBuf,
        /// Where.
        line: u64,
        /// What is said there.
        statement: String,
    },
    /// It is of all databases of a server.
    #[error("{} is of a whole server (pg_dumpall), and a snapshot is of one database", file.display())]
    Cluster {
        /// The file.
        file: PathBuf,
    },
    /// Its end is missing.
    #[error("{} is not whole: it ends in line {line}{}", file.display(), in_object(object.as_ref()))]
    Cut {
        /// The file.
        file: PathBuf,
        /// Its last line.
        line: u64,
        /// What that belongs to.
        object: Option<String>,
    },
    /// A program is not there.
    #[error("there is no {program} to load {} with", file.display())]
    NoProgram {
        /// The program.
        program: &'static str,
        /// The file.
        file: PathBuf,
    },
    /// `pg_restore` cannot read it.
    #[error("pg_restore cannot read {}: {}", file.display(), said.join("\n"))]
    Archive {
        /// The file.
        file: PathBuf,
        /// What it says.
        said: Vec<String>,
    },
    /// A statement of it fails.
    #[error("{} does not load{}{}: {}", file.display(), in_object(object.as_ref()), at(*line), said.join("\n"))]
    Statement {
        /// The file.
        file: PathBuf,
        /// The line of the SQL.
        line: Option<u64>,
        /// What the statement belongs to.
        object: Option<String>,
        /// What the server says.
        said: Vec<String>,
        /// The versions that have made it, and that should read it.
        versions: Option<(u32, u32)>,
    },
    /// The server cannot be asked.
    #[error("cannot load {}", file.display())]
    Server {
        /// The file.
        file: PathBuf,
        /// Why.
        source: DatabaseError,
    },
    /// A program cannot be run.
    #[error("cannot load {}", file.display())]
    Process {
        /// The file.
        file: PathBuf,
        /// Why.
        source: ProcessError,
    },
    /// The caller asked to stop.
    #[error("interrupted")]
    Interrupted,
}

fn in_object(object: Option<&String>) -> String {
    object.map(|object| format!(", in {object}")).unwrap_or_default()
}

fn at(line: Option<u64>) -> String {
    line.map(|line| format!(", line {line}")).unwrap_or_default()
}

impl Explain for DumpError {
    fn code(&self) -> &'static str {
        match self {
            Self::Read { .. } => "cannot-read",
            Self::NoDump { .. } | Self::Packed { .. } | Self::Cluster { .. } | Self::Elsewhere { .. } => {
                "no-dump"
            }
            Self::NoProgram { .. } => "no-program",
            Self::Cut { .. } | Self::Archive { .. } | Self::Statement { .. } => "dump-fails",
            Self::Server { .. } | Self::Process { .. } => "server",
            Self::Interrupted => "interrupted",
        }
    }

    fn hint(&self) -> Option<Hint> {
        Some(match self {
            Self::NoDump { .. } => "what pg_dump writes can be loaded: plain SQL, -Fc, -Ft, or a folder of -Fd".into(),
            Self::Packed { .. } => "unpack it first; what gzip and zstd have packed is unpacked on the way".into(),
            Self::Elsewhere { .. } => "dump without --create, or take that line out".into(),
            Self::Cluster { .. } => "dump the database itself: pg_dump -Fc DATABASE".into(),
            Self::Cut { .. } => "nothing of it was kept; copy or dump it again".into(),
            Self::NoProgram { .. } => "install PostgreSQL's client programs".into(),
            Self::Statement { versions: Some((made, reads)), .. } if made > reads => format!(
                "PostgreSQL {made} has dumped it, and the service is PostgreSQL {reads}: ask for {made}, or dump it with \
                 pg_dump {reads}; nothing of it was kept"
            )
            .into(),
            Self::Statement { .. } => "nothing of it was kept".into(),
            Self::Read { .. }
            | Self::Archive { .. }
            | Self::Server { .. }
            | Self::Process { .. }
            | Self::Interrupted => return None,
        })
    }
}
