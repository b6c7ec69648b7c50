//! Takes what is in a cluster over into one of a newer major version: dumped from the one, restored into the other, while
//! nobody else can reach either. The old one stays as it is.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use backlot_postgres::{
    Access, ClusterSpec, Connection, DatabaseError, InitError, Installation, RunningCluster, StopError,
    StopMode, StorageError, Syncing, Workshop, make_private, quote_identifier, start_aside,
};
use backlot_process::{Owner, ProcessError, Program};

/// How long a dump or a restore may take.
const LIMIT: Duration = Duration::from_hours(24);
/// How long a server may take to answer a question, or to stop.
const ANSWER_LIMIT: Duration = Duration::from_mins(2);
/// The major version whose dumps begin with a setting that older servers do not know.
const TRANSACTION_TIMEOUT: (u32, &str) = (17, "SET transaction_timeout = 0;");
/// The programs that it takes.
const PROGRAMS: [&str; 3] = ["pg_dump", "pg_dumpall", "psql"];

/// A cluster, and the server that it was made by.
#[derive(Debug, Clone, Copy)]
pub struct Side<'a> {
    /// The programs.
    pub installation: &'a Installation,
    /// Its superuser above all.
    pub spec: &'a ClusterSpec,
    /// Where it is.
    pub data_dir: &'a Path,
}

/// Why it could not be taken over. The messages fit after "failed to …".
#[derive(Debug, thiserror::Error)]
pub enum UpgradeError {
    /// A server does not start.
    #[error(transparent)]
    Server(#[from] InitError),
    /// A server does not stop.
    #[error(transparent)]
    Stop(#[from] StopError),
    /// A server does not answer.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// A file could not be used.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// A part of it could not be dumped or restored.
    #[error("{what}")]
    Part {
        /// `dump the database shop`.
        what: String,
        /// What the program said.
        source: ProcessError,
    },
    /// There are places outside of the cluster in which it keeps data.
    #[error("take over the tablespaces {names}: they are outside of the volume")]
    Tablespaces {
        /// Their names.
        names: String,
    },
    /// What was restored is not what was dumped.
    #[error(
        "restore the database {database}: {found} of its {expected} tables, views and sequences are there"
    )]
    Lost {
        /// The database.
        database: String,
        /// How many there are in the old one.
        expected: String,
        /// How many there are in the new one.
        found: String,
    },
    /// The caller asked to stop.
    #[error("go on: interrupted")]
    Interrupted,
}

/// The installation whose programs dump a cluster of this major version the best: of the next one that is not older.
pub fn dumper(candidates: &[Installation], major: u32) -> Option<&Installation> {
    let has_all = |one: &&Installation| PROGRAMS.iter().all(|name| one.program(name).is_file());
    let fitting = candidates.iter().filter(|one| one.version.major >= major).filter(has_all);
    fitting.min_by_key(|one| (one.version.major, std::cmp::Reverse(one.version.minor)))
}

/// Takes all databases and roles of `old` over into `new`, which holds nothing yet. `scratch` is a folder to be made, and
/// `go_on` is told what is done, and says whether to do it.
pub fn take_over(
    old: Side<'_>,
    new: Side<'_>,
    dumper: &Installation,
    scratch: &Path,
    owner: &Owner,
    go_on: &mut dyn FnMut(Option<&str>) -> bool,
) -> Result<(), UpgradeError> {
    make_private(scratch, owner)?;
    // A socket's path is short: they are in the system's own folder for what is thrown away.
    let sockets = Sockets::make(owner)?;
    let room = |name: &str| Workshop {
        scratch: scratch.join(name),
        socket_dir: sockets.0.join(name),
        log_file: scratch.join(format!("{name}.log")),
        owner: owner.clone(),
    };
    let from = Running::start(old, Syncing::On, &room("old"))?;
    let to = Running::start(new, Syncing::Off, &room("new"))?;
    let outcome = Transfer { from: &from, to: &to, dumper, new, scratch, owner }.run(go_on);
    // Both stop in good order, whatever came of it.
    let stopped = to.stop().and(from.stop());
    outcome?;
    stopped?;
    fs::remove_dir_all(scratch).map_err(StorageError::at("remove", scratch))?;
    Ok(())
}

/// A folder for two sockets, which goes with this.
struct Sockets(PathBuf);

impl Sockets {
    fn make(owner: &Owner) -> Result<Self, StorageError> {
        let dir = std::env::temp_dir().join(format!("backlot-upgrade-{}", std::process::id()));
        make_private(&dir, owner)?;
        Ok(Self(dir))
    }
}

impl Drop for Sockets {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A server that nobody else can reach.
struct Running {
    cluster: RunningCluster,
    access: Access,
}

impl Running {
    fn start(side: Side<'_>, syncing: Syncing, room: &Workshop) -> Result<Self, UpgradeError> {
        make_private(&room.socket_dir, &room.owner)?;
        let spec = ClusterSpec { databases: Vec::new(), ..side.spec.clone() };
        let (cluster, access) = start_aside(side.installation, &spec, side.data_dir, room, syncing)?;
        Ok(Self { cluster, access })
    }

    fn stop(&self) -> Result<(), UpgradeError> {
        self.cluster.stop(StopMode::Fast, ANSWER_LIMIT)?;
        Ok(())
    }

    fn ask(&self, database: &str, question: &str) -> Result<String, UpgradeError> {
        let mut connection = Connection::open(&self.access.with_database(database), ANSWER_LIMIT)?;
        Ok(connection.query_one_text(question)?.unwrap_or_default())
    }
}

/// All that dumping and restoring takes.
struct Transfer<'a> {
    from: &'a Running,
    to: &'a Running,
    dumper: &'a Installation,
    new: Side<'a>,
    scratch: &'a Path,
    owner: &'a Owner,
}

impl Transfer<'_> {
    fn run(&self, go_on: &mut dyn FnMut(Option<&str>) -> bool) -> Result<(), UpgradeError> {
        const TABLESPACES: &str = "SELECT string_agg(spcname, ', ') FROM pg_tablespace WHERE oid >= 16384";
        const DATABASES: &str =
            "SELECT json_agg(datname ORDER BY datname) FROM pg_database WHERE datname <> 'template0'";
        let names = self.from.ask("postgres", TABLESPACES)?;
        if !names.is_empty() {
            return Err(UpgradeError::Tablespaces { names });
        }
        self.roles(go_on)?;
        let databases = self.from.ask("postgres", DATABASES)?;
        let databases: Vec<String> = serde_json::from_str(&databases).unwrap_or_default();
        databases.iter().try_for_each(|database| self.database(database, go_on))
    }

    /// Roles, with their passwords and memberships.
    fn roles(&self, go_on: &mut dyn FnMut(Option<&str>) -> bool) -> Result<(), UpgradeError> {
        let file = self.scratch.join("roles.sql");
        let dump = ["--globals-only", "--database=postgres", "--file"];
        let dump = self.program("pg_dumpall", self.from).args(dump).arg(&file);
        carry_out("dump the roles", &dump, go_on)?;
        // It is there already, and all else that is said of it holds.
        let user = &self.new.spec.superuser;
        let own = [format!("CREATE ROLE {user};"), format!("CREATE ROLE {};", quote_identifier(user))];
        let file = self.without(&file, &|line| own.iter().any(|own| own.as_bytes() == line))?;
        self.restore("restore the roles", "postgres", &file, go_on)
    }

    fn database(&self, name: &str, go_on: &mut dyn FnMut(Option<&str>) -> bool) -> Result<(), UpgradeError> {
        const COUNT: &str = "SELECT count(*) FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace \
            WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'";
        let file = self.scratch.join("database.sql");
        // These two are in every cluster.
        let is_there = matches!(name, "postgres" | "template1");
        let create = if is_there { None } else { Some("--create") };
        let dump = self.program("pg_dump", self.from).args(create).arg("--file").arg(&file);
        let dump = dump.arg("--").arg(connection_string(name));
        carry_out(&format!("dump the database {name}"), &dump, go_on)?;
        let (since, line) = TRANSACTION_TIMEOUT;
        let is_new = self.dumper.version.major >= since && self.new.installation.version.major < since;
        let file = if is_new { self.without(&file, &|found| found == line.as_bytes())? } else { file };
        let target = if is_there { name } else { "postgres" };
        self.restore(&format!("restore the database {name}"), target, &file, go_on)?;
        let (expected, found) = (self.from.ask(name, COUNT)?, self.to.ask(name, COUNT)?);
        if expected != found {
            return Err(UpgradeError::Lost { database: name.to_owned(), expected, found });
        }
        let analyze = self.program("psql", self.to).args(["-X", "-q", "-c", "ANALYZE", "--dbname"]);
        carry_out(&format!("analyze the database {name}"), &analyze.arg(connection_string(name)), go_on)
    }

    fn restore(
        &self,
        what: &str,
        database: &str,
        file: &Path,
        go_on: &mut dyn FnMut(Option<&str>) -> bool,
    ) -> Result<(), UpgradeError> {
        let options = ["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--output=/dev/null", "--dbname"];
        let restore = self.program("psql", self.to).args(options).arg(connection_string(database));
        carry_out(what, &restore.arg("--file").arg(file), go_on)?;
        Ok(fs::remove_file(file).map_err(StorageError::at("remove", file))?)
    }

    /// A client's program for one of the two servers.
    fn program(&self, name: &str, server: &Running) -> Program {
        let access = &server.access;
        let variables = [("PGHOST", access.host.clone()), ("PGPORT", access.port.to_string())];
        Program::new(self.dumper.program(name))
            .envs(variables)
            .env("PGUSER", &access.user)
            .env("PATH", "/usr/bin:/bin")
            .env("LC_ALL", "C")
            .current_dir(self.scratch)
            .run_as(self.owner)
    }

    /// The same file without the lines that are not meant; it takes the place of the other.
    fn without(&self, file: &Path, is_meant: &dyn Fn(&[u8]) -> bool) -> Result<PathBuf, UpgradeError> {
        let target = file.with_extension("kept.sql");
        filter(file, &target, is_meant).map_err(StorageError::at("copy", file))?;
        self.owner.take(&target).map_err(StorageError::at("give away", &target))?;
        fs::remove_file(file).map_err(StorageError::at("remove", file))?;
        Ok(target)
    }
}

/// Runs a program that may take as long as it does.
fn carry_out(
    what: &str,
    program: &Program,
    go_on: &mut dyn FnMut(Option<&str>) -> bool,
) -> Result<(), UpgradeError> {
    let failed = |source| UpgradeError::Part { what: what.to_owned(), source };
    if !go_on(Some(what)) {
        return Err(UpgradeError::Interrupted);
    }
    let output = program.output_while(&[], LIMIT, &mut |_| go_on(None));
    let output = output.map_err(|error| match error {
        ProcessError::AskedToStop { .. } => UpgradeError::Interrupted,
        error => failed(error),
    })?;
    if output.status.success() {
        return Ok(());
    }
    let (program, last_lines) = (program.path().to_owned(), output.last_lines(10));
    Err(failed(ProcessError::Failed { program, status: output.status, last_lines }))
}

fn filter(from: &Path, to: &Path, leaves_out: &dyn Fn(&[u8]) -> bool) -> io::Result<()> {
    let (mut source, mut target) = (BufReader::new(File::open(from)?), BufWriter::new(File::create_new(to)?));
    let mut line = Vec::new();
    while source.read_until(b'\n', &mut line)? > 0 {
        if !leaves_out(line.trim_ascii_end()) {
            target.write_all(&line)?;
        }
        line.clear();
    }
    target.flush()
}

/// A database by its name, whatever characters are in it.
fn connection_string(name: &str) -> String {
    format!("dbname='{}'", name.replace('\\', r"\\").replace('\'', r"\'"))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;

    use backlot_postgres::{Installation, Version};

    use super::{connection_string, dumper, filter};

    fn installation(root: &Path, major: u32, programs: &[&str]) -> Installation {
        let bin_dir = root.join(major.to_string());
        fs::create_dir_all(&bin_dir).unwrap();
        for name in programs {
            fs::write(bin_dir.join(name), "").unwrap();
            fs::set_permissions(bin_dir.join(name), fs::Permissions::from_mode(0o755)).unwrap();
        }
        Installation { bin_dir, version: Version { major, minor: 1 }, clients: None }
    }

    #[test]
    fn a_cluster_is_dumped_by_the_next_version_that_is_not_older() {
        let dir = tempfile::tempdir().unwrap();
        let all = ["pg_dump", "pg_dumpall", "psql"];
        let found = [
            installation(dir.path(), 18, &all),
            installation(dir.path(), 16, &all),
            installation(dir.path(), 17, &["psql"]),
            installation(dir.path(), 14, &all),
        ];
        let chosen = |major| dumper(&found, major).map(|one| one.version.major);
        assert_eq!(
            [14, 15, 16, 17, 18, 19].map(chosen),
            [Some(14), Some(16), Some(16), Some(18), Some(18), None]
        );
    }

    #[test]
    fn lines_that_are_not_meant_are_left_out() {
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (dir.path().join("from"), dir.path().join("to"));
        fs::write(&from, b"a\nSET transaction_timeout = 0;\n\xff SET transaction_timeout = 0;\nb").unwrap();
        filter(&from, &to, &|line| line == b"SET transaction_timeout = 0;").unwrap();
        assert_eq!(fs::read(&to).unwrap(), b"a\n\xff SET transaction_timeout = 0;\nb");
    }

    #[test]
    fn a_database_may_have_any_name() {
        assert_eq!(connection_string("shop"), "dbname='shop'");
        assert_eq!(connection_string(r"it's a \ dbname=x"), r"dbname='it\'s a \\ dbname=x'");
    }
}
