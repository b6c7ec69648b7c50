//! Making a template: `initdb`, then its databases.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use std::time::Duration;

use backlot_process::{Owner, ProcessError, Program};
use secrecy::ExposeSecret;

use super::{DATA, TemplateError};
use crate::locate::Installation;
use crate::log::tells_full_disk;
use crate::spec::{ClusterSpec, Durability};
use crate::sql::quote_identifier;
use crate::storage::StorageError;

/// How long each of the programs may take.
const LIMIT: Duration = Duration::from_mins(1);

/// `C.UTF-8` is the same everywhere and sorts fastest. macOS has none: its `C` sorts the same, and only case mapping needs
/// a real locale.
#[cfg(not(target_os = "macos"))]
const LOCALE: &[&str] = &["--locale=C.UTF-8"];
#[cfg(target_os = "macos")]
const LOCALE: &[&str] = &["--locale=C", "--lc-ctype=en_US.UTF-8"];

/// Fills the folder `staging`, which must not exist. What fails leaves it half filled.
pub(super) fn make(
    staging: &Path,
    installation: &Installation,
    spec: &ClusterSpec,
    owner: &Owner,
) -> Result<(), TemplateError> {
    let made = DirBuilder::new().mode(0o700).create(staging).and_then(|()| owner.take(staging));
    made.map_err(StorageError::at("make", staging))?;
    let data_dir = staging.join(DATA);
    let password_file = staging.join("password");
    write_password(&password_file, spec, owner).map_err(StorageError::at("write", &password_file))?;

    let mut args =
        vec![format!("--pwfile={}", password_file.display()), format!("--username={}", spec.superuser)];
    args.extend(["--auth=scram-sha-256", "--no-sync"].map(str::to_owned));
    args.extend(LOCALE.iter().map(|&arg| arg.to_owned()));
    match spec.durability {
        // A segment is as much as is written at the least, and so copied: 1 MiB instead of 16.
        Durability::Ephemeral => args.push("--wal-segsize=1".to_owned()),
        Durability::Durable => {}
    }
    // The last one wins.
    args.extend(spec.initdb_args.iter().cloned());
    run(&initdb(&installation.program("initdb"), &data_dir, owner).args(args), &[], &data_dir)?;
    fs::remove_file(&password_file).map_err(StorageError::at("remove", &password_file))?;

    make_databases(installation, spec, owner, &data_dir)?;
    // The server removes them when it starts, so they need not be copied.
    remove_caches(&data_dir)?;
    run(&initdb(&installation.program("initdb"), &data_dir, owner).arg("--sync-only"), &[], &data_dir)
}

/// `initdb` for this data directory, with nothing said but where it is.
pub(super) fn initdb(program: &Path, data_dir: &Path, owner: &Owner) -> Program {
    let program = Program::new(program).arg("--pgdata").arg(data_dir);
    in_surroundings(program, data_dir.parent().unwrap_or(data_dir), owner)
}

/// Messages in English, since we read some; the time zone of the official image; a folder that the account may be in.
fn in_surroundings(program: Program, dir: &Path, owner: &Owner) -> Program {
    program
        .env("PATH", "/usr/bin:/bin")
        .env("LC_ALL", "C")
        .env("TZ", "Etc/UTC")
        .current_dir(dir)
        .run_as(owner)
}

fn write_password(path: &Path, spec: &ClusterSpec, owner: &Owner) -> std::io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    owner.take(path)?;
    file.write_all(spec.password.expose_secret().as_bytes())
}

/// A server without network, socket or other processes reads the statements from its input. It ends at the first error.
fn make_databases(
    installation: &Installation,
    spec: &ClusterSpec,
    owner: &Owner,
    data_dir: &Path,
) -> Result<(), TemplateError> {
    let names = spec.databases_to_make();
    if names.is_empty() {
        return Ok(());
    }
    // With `-j`, a statement ends with a semicolon and an empty line, whatever else is in it.
    let statements: Vec<String> =
        names.into_iter().map(|name| format!("CREATE DATABASE {};\n\n", quote_identifier(name))).collect();
    let server = Program::new(installation.program("postgres"))
        .args(["--single", "-F", "-j", "-c", "exit_on_error=true", "-D"])
        .arg(data_dir)
        .arg("template1");
    run(&in_surroundings(server, data_dir, owner), statements.concat().as_bytes(), data_dir)
}

fn remove_caches(data_dir: &Path) -> Result<(), StorageError> {
    let base = data_dir.join("base");
    let databases = fs::read_dir(&base).map_err(StorageError::at("read", &base))?;
    let folders = databases.filter_map(Result::ok).map(|entry| entry.path()).chain([data_dir.join("global")]);
    for cache in folders.map(|folder| folder.join("pg_internal.init")).filter(|cache| cache.exists()) {
        fs::remove_file(&cache).map_err(StorageError::at("remove", &cache))?;
    }
    Ok(())
}

fn run(program: &Program, input: &[u8], data_dir: &Path) -> Result<(), TemplateError> {
    let done = program.succeed_with(input, LIMIT);
    done.map(|_output| ()).map_err(|error| or_full_disk(error, data_dir, TemplateError::Make))
}

/// The same error, unless the program says that it was the disk.
pub(super) fn or_full_disk(
    error: ProcessError,
    data_dir: &Path,
    otherwise: fn(ProcessError) -> TemplateError,
) -> TemplateError {
    match &error {
        ProcessError::Failed { last_lines, .. } if tells_full_disk(last_lines) => {
            StorageError::Full { path: data_dir.to_owned(), source: None }.into()
        }
        ProcessError::Start { .. }
        | ProcessError::NulByte { .. }
        | ProcessError::TimedOut { .. }
        | ProcessError::Failed { .. }
        | ProcessError::Wait { .. } => otherwise(error),
    }
}
