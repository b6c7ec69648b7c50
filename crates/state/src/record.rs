//! The record of an environment: what runs, and how to reach it. The only state that is written, in this module only.

mod error;
mod file;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use backlot_postgres::DEFAULT_PORT;
use backlot_process::ProcessId;
use backlot_project::ComposeCall;
use serde::{Deserialize, Serialize};

pub use self::error::RecordError;
use self::file::write_state;
pub use self::file::{VERSION, read, write};

/// What is known of an environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The format's version.
    pub version: u32,
    /// The project's directory.
    pub project: PathBuf,
    /// The environment's name.
    pub environment: String,
    /// The scenario's name, for a scenario.
    pub scenario: Option<String>,
    /// What runs it.
    pub engine: EngineKind,
    /// When it was made, in seconds since 1970.
    pub created: u64,
    /// How far its filling came.
    pub filling: Filling,
    /// Its database server, once it was started, on the native engine.
    pub database: Option<DatabaseRecord>,
    /// What runs on Docker; since format 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub docker: Option<DockerRecord>,
    /// What has migrated its database, as a hash of that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub migrated: Option<String>,
    /// The template that its database can be made of again as it was when it was made, migrated and filled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<String>,
    /// The start of the machine since which its throw-away cluster is there, as [`backlot_templates::boot`] tells it: by the times of its
    /// files it is known what has changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boot: Option<String>,
}

/// What runs an environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EngineKind {
    /// Processes of this machine.
    Native,
    /// Docker Compose.
    Docker,
}

impl fmt::Display for EngineKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Native => "native",
            Self::Docker => "docker",
        })
    }
}

/// How far a scenario's filling came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "state")]
pub enum Filling {
    /// Nothing to fill, or not begun.
    None,
    /// Begun, and not finished as far as the record knows.
    Begun,
    /// Ended well.
    Done,
    /// Ended with this exit code.
    Failed {
        /// The exit code, 128 + signal for a signal.
        code: u8,
    },
}

/// A running database server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatabaseRecord {
    /// Its Compose service.
    pub service: String,
    /// Its postmaster.
    pub process: ProcessId,
    /// Its version, `15.18`.
    pub version: String,
    /// Its programs' directory.
    pub bin_dir: PathBuf,
    /// The directory of `psql` and its like, where they are not beside its programs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clients: Option<PathBuf>,
    /// Its TCP port on 127.0.0.1.
    pub port: u16,
    /// The directory of its Unix socket.
    pub socket_dir: PathBuf,
    /// Its data directory.
    pub data_dir: PathBuf,
    /// The volume that the data is in, for a durable one.
    pub volume: Option<String>,
    /// The superuser.
    pub user: String,
    /// The superuser's password; the record is private to us (0600).
    pub password: String,
    /// The application's database.
    pub database: String,
    /// The settings that its command gives, to start it again with.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub settings: Vec<(String, String)>,
    /// The variables of its service, for what is run beside it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub variables: BTreeMap<String, String>,
    /// The port at which its service listens in a container.
    #[serde(default = "usual_port", skip_serializing_if = "is_usual")]
    pub inside_port: u16,
}

fn usual_port() -> u16 {
    DEFAULT_PORT
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_usual(port: &u16) -> bool {
    *port == DEFAULT_PORT
}

/// A Compose project of ours on Docker: all that it takes to call Compose for it again.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DockerRecord {
    /// Its name (`-p`).
    pub project: String,
    /// How Compose is called for it.
    #[serde(flatten)]
    pub call: ComposeCall,
    /// The variables that the Compose files are read with, secrets among them.
    pub variables: BTreeMap<String, String>,
    /// The ports at which each service is known to listen in its container.
    pub ports: BTreeMap<String, BTreeSet<u16>>,
    /// The services that each nginx passes requests to.
    pub fronts: BTreeMap<String, BTreeSet<String>>,
    /// Whether nothing of it is to outlive it.
    pub throwaway: bool,
    /// Whether an `up` got to its end.
    pub prepared: bool,
    /// Its database.
    pub database: Option<ContainerDatabase>,
}

/// Without the values of variables.
impl fmt::Debug for DockerRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut record = f.debug_struct("DockerRecord");
        record.field("project", &self.project).field("files", &self.call.files).finish_non_exhaustive()
    }
}

/// A database in a container; its address is Docker's to tell.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContainerDatabase {
    /// Its Compose service.
    pub service: String,
    /// The volume that the data is in, for a durable one.
    pub volume: Option<String>,
    /// The superuser.
    pub user: String,
    /// The superuser's password.
    pub password: String,
    /// The database that exists from the start.
    pub initial: String,
    /// The application's database.
    pub database: String,
}

/// Without the password.
impl fmt::Debug for ContainerDatabase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContainerDatabase").field("service", &self.service).finish_non_exhaustive()
    }
}

impl Record {
    /// Reads the record at `path`; none is none, and a damaged one is an error, never a clean start.
    ///
    /// # Errors
    /// [`RecordError::Read`], [`RecordError::Damaged`] or [`RecordError::Newer`].
    pub fn read(path: &Path) -> Result<Option<Self>, RecordError> {
        read(path)
    }

    /// Writes the record to `path`, readable by us alone, so that a reader finds the old one or the new one, whole,
    /// whatever happens. The environment's lock is held by the caller.
    ///
    /// That of a throw-away database is not waited for until it is on the disk, which takes some milliseconds: after a crash of the
    /// machine its data is good for nothing either, and a record of which nothing was written by then is none.
    pub fn write(&self, path: &Path) -> Result<(), RecordError> {
        let is_thrown_away = self.database.as_ref().is_some_and(|database| database.volume.is_none());
        write_state(self, path, !is_thrown_away)
    }
}

/// What is kept beside the record, in the version of its format.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Noted<T> {
    pub(crate) version: u32,
    pub(crate) client: T,
}

/// Seconds since 1970.
pub fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{
        ComposeCall, ContainerDatabase, DatabaseRecord, DockerRecord, EngineKind, Filling, Record,
        RecordError, VERSION,
    };
    use backlot_process::ProcessId;

    fn record() -> Record {
        Record {
            version: VERSION,
            project: "/home/ada/blog".into(),
            environment: "scenario_users".into(),
            scenario: Some("users".into()),
            engine: EngineKind::Native,
            created: 1_795_382_400,
            filling: Filling::Failed { code: 3 },
            database: Some(DatabaseRecord {
                service: "db".into(),
                process: ProcessId { pid: 4711, started: 987_654 },
                version: "15.18".into(),
                bin_dir: "/usr/lib/postgresql/15/bin".into(),
                clients: None,
                port: 23456,
                socket_dir: "/home/ada/.local/share/backlot/run/0123abcd".into(),
                data_dir: "/home/ada/.local/share/backlot/projects/blog-89abcdef/scenario_users/live/data"
                    .into(),
                volume: None,
                user: "postgres".into(),
                password: "postgres".into(),
                database: "application".into(),
                settings: Vec::new(),
                variables: BTreeMap::new(),
                inside_port: 5432,
            }),
            docker: None,
            migrated: None,
            snapshot: None,
            boot: None,
        }
    }

    fn docker_record() -> Record {
        Record {
            engine: EngineKind::Docker,
            filling: Filling::Done,
            database: None,
            docker: Some(DockerRecord {
                project: "scenario_users".into(),
                call: ComposeCall {
                    files: vec![
                        "/home/ada/.local/share/backlot/projects/blog-89abcdef/scenario_users/live/compose.json"
                            .into(),
                    ],
                    working_dir: "/home/ada/blog/docker".into(),
                    caller_dir: "/home/ada/blog".into(),
                    profiles: vec!["debug".into()],
                    env_files: Vec::new(),
                },
                variables: [("POSTGRES_PASSWORD".to_owned(), "postgres".to_owned())].into(),
                ports: [("web".to_owned(), [5000].into())].into(),
                fronts: [("nginx".to_owned(), ["web".to_owned()].into())].into(),
                throwaway: true,
                prepared: true,
                database: Some(ContainerDatabase {
                    service: "db".into(),
                    volume: None,
                    user: "postgres".into(),
                    password: "postgres".into(),
                    initial: "postgres".into(),
                    database: "application".into(),
                }),
            }),
            ..record()
        }
    }

    #[test]
    fn what_is_written_is_read_again_and_private() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("record.json");
        assert_eq!(Record::read(&path).unwrap(), None);
        record().write(&path).unwrap();
        assert_eq!(Record::read(&path).unwrap(), Some(record()));
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn the_first_format_still_loads() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/records/v1.json");
        assert_eq!(Record::read(&path).unwrap(), Some(Record { version: 1, ..record() }));
    }

    #[test]
    fn the_second_format_loads_and_is_written() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/records/v2.json");
        assert_eq!(Record::read(&path).unwrap(), Some(docker_record()));
        let text = std::fs::read_to_string(path).unwrap();
        let written = serde_json::to_string(&docker_record()).unwrap();
        assert_eq!(written, text.split_whitespace().collect::<String>());
    }

    #[test]
    fn a_record_shows_no_secret() {
        let record = format!("{:?}", docker_record().docker);
        assert!(!record.contains("POSTGRES_PASSWORD"), "{record}");
    }

    #[test]
    fn a_damaged_or_newer_file_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("record.json");
        for text in ["", "{", "[]", "{\"version\": 1}", "\0\0\0"] {
            std::fs::write(&path, text).unwrap();
            assert!(matches!(Record::read(&path), Err(RecordError::Damaged { .. })), "{text:?}");
        }
        // What was lost in a crash of the machine was nobody's data.
        for (text, is_none) in [("", true), ("\0\0\0", true), ("{", false)] {
            std::fs::write(&path, text).unwrap();
            let file = std::fs::File::options().write(true).open(&path).unwrap();
            file.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
            assert_eq!(
                matches!(Record::read(&path), Ok(None)),
                is_none && cfg!(target_os = "linux"),
                "{text:?}"
            );
        }
        std::fs::write(&path, r#"{"version": 99, "of": "the future"}"#).unwrap();
        assert!(matches!(Record::read(&path), Err(RecordError::Newer { version: 99, .. })));
    }
}
