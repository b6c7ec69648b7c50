//! A project and a home for one round.

use std::collections::BTreeMap;
use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use backlot_process::{Output, Program};
use serde_json::Value;

use crate::Fault;
use crate::disk::Disk;
use crate::plan::Round;

/// No command takes longer, whatever was killed.
pub(crate) const LIMIT: Duration = Duration::from_secs(90);
/// Ports are taken from below those that Backlot and the system give out.
const PORTS: std::ops::Range<u16> = 12_000..20_000;
const PASSWORD: &str = "s3cret-word";

/// The replicas fork, as servers do; what they have forked knows nothing of the end of its parent.
const WEB: &str = "\
import http.server, os, time
if os.fork() == 0:
    while True:
        time.sleep(60)
address = ('127.0.0.1', int(os.environ['PORT']))
http.server.ThreadingHTTPServer(address, http.server.SimpleHTTPRequestHandler).serve_forever()
";

/// A big query in parallel, so that segments of shared memory are there, and some more work.
const FILL: &str = "\
CREATE TABLE users (id int);
INSERT INTO users SELECT generate_series(1, 200000);
ANALYZE users;
SET min_parallel_table_scan_size = 0; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0;
SELECT count(DISTINCT a.id) FROM users a JOIN users b USING (id);
";

/// The directory of one round.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) dir: PathBuf,
    backlot: PathBuf,
    variables: BTreeMap<String, String>,
    pub(crate) database_port: u16,
    pub(crate) web_port: u16,
    restored: Mutex<Option<Instant>>,
    /// Where its home is, if that is small.
    pub(crate) disk: Option<Disk>,
}

impl World {
    /// Makes it at `dir` for a round; templates are those in `templates`, unless it has to make its own.
    pub(crate) fn make(
        dir: PathBuf,
        backlot: &Path,
        templates: &Path,
        round: &Round,
        number: u64,
    ) -> std::io::Result<Self> {
        for folder in ["project/scenarios", "user", "tmp", "home"] {
            fs::create_dir_all(dir.join(folder))?;
        }
        let disk = if round.small { Disk::mount(&dir.join("home")) } else { None };
        for folder in [dir.clone(), dir.join("home")] {
            fs::set_permissions(folder, fs::Permissions::from_mode(0o755))?;
        }
        if !round.cold {
            symlink(templates, dir.join("home/templates"))?;
        }
        let (database_port, web_port) = (free_port(number * 2), free_port(number * 2 + 1));
        let compose = compose_file(database_port, web_port, round.replicas);
        let script = "#!/bin/sh\nset -e\npsql -qc 'CREATE TABLE t (n int)'\nsleep 0.2\npsql -qc 'INSERT INTO t VALUES (1)'\n";
        for (path, text) in [
            ("compose.yaml", compose.as_str()),
            ("Dockerfile", "FROM python:3\nWORKDIR /app\nCOPY . .\n"),
            ("web.py", WEB),
            ("scenarios/one.sql", FILL),
            ("scenarios/two.sh", script),
            ("tests.sh", "psql -qc 'CREATE TABLE t (n int)'\nsleep 60 &\nsleep 0.3\n"),
        ] {
            fs::write(dir.join("project").join(path), text)?;
        }
        fs::set_permissions(dir.join("project/scenarios/two.sh"), fs::Permissions::from_mode(0o755))?;
        let variables = [
            ("PATH", std::env::var("PATH").unwrap_or_default()),
            ("HOME", dir.join("user").display().to_string()),
            ("BACKLOT_HOME", dir.join("home").display().to_string()),
            ("LANG", "C.UTF-8".into()),
            ("TMPDIR", dir.join("tmp").display().to_string()),
            ("DOCKER_HOST", "unix:///nowhere/docker.sock".into()),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value)).into();
        let restored = Mutex::default();
        let backlot = backlot.to_owned();
        let world = Self { dir, backlot, variables, database_port, web_port, restored, disk };
        for line in ["init --quiet", "add --all", "commit --quiet --message all"] {
            world.git(line.split(' ')).output_with(b"", LIMIT).map_err(std::io::Error::other)?;
        }
        Ok(world)
    }

    /// Where the linked worktree is, when there is one.
    pub(crate) fn worktree(&self) -> PathBuf {
        self.dir.join("feature")
    }

    /// Makes the linked worktree if it is not there.
    pub(crate) fn add_worktree(&self) -> Result<(), Fault> {
        if self.worktree().is_dir() {
            return Ok(());
        }
        let add = self.git("worktree add --quiet --force --detach ../feature".split(' '));
        match add.output_with(b"", LIMIT) {
            // Two of them may be at it.
            Ok(output) if output.status.success() || self.worktree().is_dir() => Ok(()),
            Ok(output) => Err(Fault::new(String::from_utf8_lossy(&output.stderr).into_owned())),
            Err(error) => Err(Fault::new(format!("git: {error}"))),
        }
    }

    /// A command of git in the project.
    pub(crate) fn git<S: Into<String>>(&self, words: impl IntoIterator<Item = S>) -> Program {
        Program::new("git")
            .args(["-c", "user.name=t", "-c", "user.email=t@example.com"])
            .args(words.into_iter().map(Into::into))
            .envs(&self.variables)
            .current_dir(self.dir.join("project"))
    }

    /// Notes that the database may have been put back until now.
    pub(crate) fn note_restored(&self) {
        *self.restored.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// When it may have been put back last.
    pub(crate) fn restored(&self) -> Option<Instant> {
        *self.restored.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn home(&self) -> PathBuf {
        self.dir.join("home")
    }

    /// A command of Backlot in the project.
    pub(crate) fn backlot<S: Into<String>>(&self, words: impl IntoIterator<Item = S>) -> Program {
        Program::new(&self.backlot)
            .args(words.into_iter().map(Into::into))
            .envs(&self.variables)
            .current_dir(self.dir.join("project"))
    }

    /// Runs one that has to succeed.
    pub(crate) fn must(&self, line: &str) -> Result<Output, Fault> {
        let output = self.backlot(line.split(' ')).output_with(b"", LIMIT);
        let output = output.map_err(|error| Fault::new(format!("'{line}' does not end: {error}")))?;
        if output.status.success() {
            return Ok(output);
        }
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        Err(Fault::new(format!("'{line}' fails: {stderr}")))
    }

    /// What one says with `--json`.
    pub(crate) fn json(&self, line: &str) -> Result<Value, Fault> {
        let output = self.must(&format!("--json {line}"))?;
        serde_json::from_slice(&output.stdout)
            .map_err(|error| Fault::new(format!("'{line}' says no JSON: {error}")))
    }

    /// Runs SQL in the durable database, over the port that its file publishes; what it printed if it was acknowledged.
    pub(crate) fn sql(&self, sql: &str) -> Option<String> {
        let psql = Program::new("psql")
            .args(["-h", "127.0.0.1", "-U", "app", "-d", "blog", "-qAtX", "-c", sql])
            .args(["-p".to_owned(), self.database_port.to_string()])
            .env("PATH", self.variables.get("PATH").cloned().unwrap_or_default())
            .env("PGPASSWORD", PASSWORD)
            .env("PGCONNECT_TIMEOUT", "2")
            .current_dir("/");
        let output = psql.output_with(b"", Duration::from_secs(5)).ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }
}

/// A durable database at a port of its own, and a page behind another.
fn compose_file(database_port: u16, web_port: u16, replicas: u64) -> String {
    format!(
        "\
services:
  db:
    image: postgres:15
    environment:
      POSTGRES_USER: app
      POSTGRES_PASSWORD: {PASSWORD}
      POSTGRES_DB: blog
    ports: [\"{database_port}:5432\"]
    volumes: [pgdata:/var/lib/postgresql/data]
  web:
    build: .
    command: {} web.py
    environment: {{PORT: 8000}}
    ports: [\"{web_port}:8000\"]
    depends_on: [db]
    stop_grace_period: 2s
    restart: always
    deploy: {{replicas: {replicas}}}
volumes:
  pgdata:
",
        python().display()
    )
}

fn python() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let usual = std::iter::once(PathBuf::from("/usr/bin"));
    let found = usual.chain(std::env::split_paths(&path)).map(|dir| dir.join("python3"));
    found.into_iter().find(|file| file.is_file()).unwrap_or_else(|| "python3".into())
}

/// A port that is free now, and other than those of other rounds.
fn free_port(number: u64) -> u16 {
    let count = u64::from(PORTS.end - PORTS.start);
    let first = u64::from(std::process::id()) * 31 + number;
    let port = |offset| PORTS.start + u16::try_from((first + offset) % count).unwrap_or(0);
    // Far apart, so that two that look at the same time do not find the same.
    let mut candidates = (0..count).map(|step| port(step * 101));
    candidates.find(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok()).unwrap_or(PORTS.start)
}
