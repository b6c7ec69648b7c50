//! Running scripts, one after another in one shell, with a server that only its socket leads to.

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use backlot_process::{Child, Group, ProcessError, Program, SpawnOptions, Stream, describe_exit};
use backlot_view::View;
use secrecy::ExposeSecret;

use super::{INIT_DIR, Init, InitError, LIMIT, Onlooker, Workshop};
use crate::access::Access;
use crate::connection::Connection;
use crate::locate::Installation;
use crate::log::Log;
use crate::port::DEFAULT_PORT;
use crate::ready::{Outcome, until_ready};
use crate::running::{self, RunningCluster, StopMode};
use crate::settings;
use crate::spec::ClusterSpec;
use crate::storage::StorageError;

/// Runs them in their order. What runs in the image's shell, runs in one shell here, with what scripts of the image's own
/// and of others expect of it: `psql`, an array, and functions by the names that are documented.
const RUNNER: &str = r#"
set -Eeo pipefail
exec 2>&1
docker_process_sql() {
    local database=()
    if [ -n "${POSTGRES_DB:-}" ]; then database=(--dbname "$POSTGRES_DB"); fi
    command psql -v ON_ERROR_STOP=1 --no-psqlrc --no-password --username "$POSTGRES_USER" "${database[@]}" "$@"
}
file_env() {
    local name=$1 file=${1}_FILE
    if [ -n "${!file:-}" ] && [ -z "${!name:-}" ]; then export "$name=$(<"${!file}")"; unset "$file"
    else export "$name=${!name:-${2:-}}"; fi
}
psql=(docker_process_sql)
backlot_step=$1
shift
for f; do
    printf '%s' "${f##*/}" >"$backlot_step"
    case $f in
        *.sh) if [ -x "$f" ]; then echo "running $f"; "$f"; else echo "sourcing $f"; . "$f"; fi ;;
        *.sql) echo "running $f"; docker_process_sql -f "$f" ;;
        *.sql.gz) echo "running $f"; gunzip -c "$f" | docker_process_sql ;;
        *.sql.xz) echo "running $f"; xz -dc "$f" | docker_process_sql ;;
        *.sql.zst) echo "running $f"; zstd -dc "$f" | docker_process_sql ;;
        *) echo "ignoring $f" ;;
    esac
done
printf '' >"$backlot_step"
"#;
/// How often scripts that run are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(10);

impl Init {
    pub(super) fn fill(
        &self,
        installation: &Installation,
        access: &Access,
        (scripts, data_dir): (&[PathBuf], &Path),
        (workshop, view): (&Workshop, Option<&Arc<View>>),
        onlooker: &mut dyn Onlooker,
    ) -> Result<(), InitError> {
        let path =
            format!("{}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", installation.path());
        let shell = std::env::split_paths(&path).map(|dir| dir.join("bash")).find(|file| file.is_file());
        let step = workshop.scratch.join("step");
        let mut variables = self.variables.clone();
        variables.extend([
            ("PATH".to_owned(), path),
            ("PGDATA".to_owned(), view.map_or(data_dir, |_| &self.places.data).display().to_string()),
            ("PGHOST".to_owned(), access.host.clone()),
            ("PGPORT".to_owned(), access.port.to_string()),
            ("HOME".to_owned(), workshop.scratch.display().to_string()),
        ]);
        variables
            .entry("PGPASSWORD".to_owned())
            .or_insert_with(|| access.password.expose_secret().to_owned());
        let inside = |script: &PathBuf| match script.strip_prefix(&workshop.scratch) {
            Ok(path) if view.is_some() => Path::new("/").join(path),
            Ok(_) | Err(_) => script.clone(),
        };
        let program = Program::new(shell.ok_or(InitError::NoShell)?)
            .args(["-c", RUNNER, "docker-entrypoint.sh"])
            .arg(&step)
            .args(scripts.iter().map(inside))
            .envs(&variables)
            .current_dir(&workshop.scratch)
            .run_as(&workshop.owner);
        let program = entered(program, view);
        let printed = workshop.scratch.join("printed");
        let (log, file) = Log::open(printed)?;
        let options = SpawnOptions {
            group: Group::NewGroup,
            stdout: Stream::File(file.try_clone().map_err(StorageError::at("open", &log.path))?),
            stderr: Stream::File(file),
            ..SpawnOptions::default()
        };
        let mut child = program.spawn(options)?;
        let mut lines = Lines::new(&log.path, workshop)?;
        let status = attend(&mut child, &program, &mut lines, onlooker)?;
        let script = backlot_files::text(&step).unwrap_or_default();
        // A script that is sourced may end the shell, and no other comes after it.
        if status.success() && script.is_empty() {
            return Ok(());
        }
        let last_lines = log.last_lines().iter().map(|line| lines.as_in_container(line)).collect();
        Err(InitError::Script { script, status, last_lines })
    }
}

/// Waits for the scripts, and tells what they print.
fn attend(
    child: &mut Child,
    program: &Program,
    lines: &mut Lines,
    onlooker: &mut dyn Onlooker,
) -> Result<ExitStatus, InitError> {
    loop {
        let ended = child.try_wait()?;
        lines.tell(onlooker)?;
        if let Some(status) = ended {
            return Ok(status);
        }
        if !onlooker.goes_on() {
            child.kill()?;
            return Err(ProcessError::AskedToStop { program: program.path().to_owned() }.into());
        }
        thread::sleep(LOOK_EVERY);
    }
}

/// What scripts print, line by line; it also goes into the log.
struct Lines {
    printed: PathBuf,
    file: File,
    log: File,
    log_file: PathBuf,
    scratch: String,
    rest: Vec<u8>,
}

impl Lines {
    fn new(printed: &Path, workshop: &Workshop) -> Result<Self, StorageError> {
        let file = File::open(printed).map_err(StorageError::at("open", printed))?;
        let (_, log) = Log::open(workshop.log_file.clone())?;
        let scratch = workshop.scratch.display().to_string();
        Ok(Self {
            printed: printed.to_owned(),
            file,
            log,
            log_file: workshop.log_file.clone(),
            scratch,
            rest: Vec::new(),
        })
    }

    /// A line with the paths of the container in it.
    fn as_in_container(&self, line: &str) -> String {
        line.replace(&self.scratch, "")
    }

    fn tell(&mut self, onlooker: &mut dyn Onlooker) -> Result<(), StorageError> {
        let mut piece = [0; 8 * 1024];
        loop {
            let count = self.file.read(&mut piece).map_err(StorageError::at("read", &self.printed))?;
            if count == 0 {
                return Ok(());
            }
            self.rest.extend_from_slice(&piece[..count]);
            while let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.rest.drain(..=end).collect();
                let line = self.as_in_container(String::from_utf8_lossy(&line).trim_end());
                writeln!(self.log, "{line}").map_err(StorageError::at("write", &self.log_file))?;
                // What programs print can be thousands of lines, and is in the log.
                if is_step(&line) {
                    onlooker.said(&line);
                }
            }
        }
    }
}

/// Whether it is the word that a script's turn has come.
fn is_step(line: &str) -> bool {
    let words = line.split_once(' ');
    words.is_some_and(|(verb, path)| {
        matches!(verb, "running" | "sourcing" | "ignoring") && path.starts_with(INIT_DIR)
    })
}

/// Whether what a server writes has to be on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Syncing {
    /// It has: it is somebody's data.
    On,
    /// Not yet: it is written through later, or thrown away.
    Off,
}

/// A server at a private socket alone, which ends with us: for scripts, and for what is done to a cluster while nobody else is to
/// reach it. What it says goes into the log.
///
/// # Errors
/// When it does not come up: with the last lines of its log.
pub fn start_aside(
    installation: &Installation,
    spec: &ClusterSpec,
    data_dir: &Path,
    workshop: &Workshop,
    syncing: Syncing,
) -> Result<(RunningCluster, Access), InitError> {
    start_within(installation, spec, data_dir, workshop, (syncing, None))
}

fn entered(program: Program, view: Option<&Arc<View>>) -> Program {
    match view {
        Some(view) => program.within(Arc::clone(view)),
        None => program,
    }
}

/// The same in a view.
pub(super) fn start_within(
    installation: &Installation,
    spec: &ClusterSpec,
    data_dir: &Path,
    workshop: &Workshop,
    (syncing, view): (Syncing, Option<&Arc<View>>),
) -> Result<(RunningCluster, Access), InitError> {
    let settings = settings::of_server(spec, installation.version.major, &workshop.socket_dir, DEFAULT_PORT);
    let settings = settings.into_iter();
    let fsync = match syncing {
        Syncing::On => "on",
        Syncing::Off => "off",
    };
    let last =
        [("listen_addresses", ""), ("fsync", fsync)].map(|(name, value)| (name.to_owned(), value.to_owned()));
    let settings =
        settings.chain(last).flat_map(|(name, value)| ["-c".to_owned(), format!("{name}={value}")]);
    let server = Program::new(installation.program("postgres"))
        .arg("-D")
        .arg(data_dir)
        .args(settings)
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .env("LC_ALL", "C")
        .current_dir(data_dir)
        .run_as(&workshop.owner);
    let server = entered(server, view);
    let (log, file) = Log::open(workshop.log_file.clone())?;
    let options = SpawnOptions {
        group: Group::NewSession,
        dies_with_parent: Some(running::IMMEDIATE),
        stdout: Stream::File(file.try_clone().map_err(StorageError::at("open", &log.path))?),
        stderr: Stream::File(file),
        ..SpawnOptions::default()
    };
    let mut child = server.spawn(options)?;
    let cluster = RunningCluster::attach(child.id(), DEFAULT_PORT, &workshop.socket_dir, data_dir);
    let access = cluster.socket(&spec.superuser, &spec.password, spec.first_database());
    let reason = match until_ready(&mut child, data_dir, &access, Instant::now() + LIMIT)? {
        Outcome::Ready => return Ok((cluster, access)),
        Outcome::Died(status) => format!("it ended with {}", describe_exit(status)),
        Outcome::NotYet(seen) => format!("the last try to connect gave: {seen}"),
        Outcome::Rejected(error) => error.to_string(),
    };
    let last_lines = log.last_lines();
    // That it did not come up is what matters.
    let _ = cluster.stop(StopMode::Immediate, LIMIT);
    Err(InitError::Server { reason: format!("{reason}\n{}", last_lines.join("\n")).trim_end().to_owned() })
}

/// Makes the databases that the scripts have not made.
pub(super) fn make_missing(spec: &ClusterSpec, access: &Access) -> Result<(), InitError> {
    let names = spec.databases_to_make();
    let mut connection = Connection::open(&access.with_database("postgres"), LIMIT)?;
    for name in names {
        if !connection.database_exists(name)? {
            connection.create_database(name)?;
        }
    }
    Ok(())
}
