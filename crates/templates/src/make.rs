//! Making a template: `initdb`, then its databases.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use backlot_postgres::{
    ClusterSpec, Durability, Installation, StorageError, identifier_in_any_encoding, make_private,
    settings_in, tells_full_disk, with_host_auth,
};
use backlot_process::{Owner, ProcessError, Program};
use secrecy::ExposeSecret;

use crate::TemplateError;
use crate::folder::DATA;
use crate::segments;

/// Where nothing is said, see [`backlot_postgres::LocaleWish`].
#[cfg(not(target_os = "macos"))]
const LOCALE: &[&str] = &["--locale=C.UTF-8"];
#[cfg(target_os = "macos")]
const LOCALE: &[&str] = &["--locale=C", "--lc-ctype=en_US.UTF-8"];
/// The major version from which on passwords are kept so that nobody can use them who reads them.
const SCRAM: u32 = 14;
/// The time zone of the official image.
const TIMEZONE: &str = "Etc/UTC";
/// Who gets to the socket may do everything anyway, as in the official image.
const AUTH: &[&str] = &["--auth-local=trust", "--auth-host=trust", "--no-sync"];

/// A cluster that is being made ready to be copied.
struct Making<'a> {
    installation: &'a Installation,
    spec: &'a ClusterSpec,
    owner: &'a Owner,
    data_dir: &'a Path,
    limit: Duration,
}

/// Fills the folder `staging`, which must not exist. What fails leaves it half filled.
pub(crate) fn make(
    staging: &Path,
    installation: &Installation,
    spec: &ClusterSpec,
    owner: &Owner,
    limit: Duration,
) -> Result<(), TemplateError> {
    make_private(staging, owner)?;
    let data_dir = &staging.join(DATA);
    let password_file = staging.join("password");
    write_password(&password_file, spec, owner).map_err(StorageError::at("write", &password_file))?;

    let making = Making { installation, spec, owner, data_dir, limit };
    making.init(&password_file)?;
    fs::remove_file(&password_file).map_err(StorageError::at("remove", &password_file))?;
    making.make_databases()?;
    making.drop_the_needless()?;
    sync(&installation.program("initdb"), data_dir, owner, limit)
}

/// Drops from a cluster whose server has stopped what its copies do not need.
pub(crate) fn drop_the_needless(
    installation: &Installation,
    spec: &ClusterSpec,
    owner: &Owner,
    data_dir: &Path,
    limit: Duration,
) -> Result<(), TemplateError> {
    Making { installation, spec, owner, data_dir, limit }.drop_the_needless()
}

impl Making<'_> {
    fn init(&self, password_file: &Path) -> Result<(), TemplateError> {
        let Self { spec, .. } = self;
        let mut args =
            vec![format!("--pwfile={}", password_file.display()), format!("--username={}", spec.superuser)];
        args.extend(AUTH.iter().chain(LOCALE).map(|&arg| arg.to_owned()));
        match spec.durability {
            // A segment is as much as is written at the least, and so copied: 1 MiB instead of 16.
            Durability::Ephemeral => args.push("--wal-segsize=1".to_owned()),
            Durability::Durable => {}
        }
        // The last one wins.
        args.extend(spec.initdb_args.iter().cloned());
        // `initdb` writes it into the configuration.
        let timezone = self.spec.timezone.as_deref().unwrap_or(TIMEZONE);
        self.run(&self.initdb().args(args).env("TZ", timezone), &[])?;
        let hba = self.data_dir.join("pg_hba.conf");
        let text = backlot_files::text(&hba).map_err(StorageError::at("read", &hba))?;
        let text = with_host_auth(&text, &self.host_auth()?);
        Ok(fs::write(&hba, text).map_err(StorageError::at("write", &hba))?)
    }

    /// As it is told, else as the new cluster keeps passwords: `initdb` may have been told so by its own arguments.
    fn host_auth(&self) -> Result<String, TemplateError> {
        if let Some(method) = &self.spec.host_auth {
            return Ok(method.clone());
        }
        let conf = self.data_dir.join("postgresql.conf");
        let text = backlot_files::text(&conf).map_err(StorageError::at("read", &conf))?;
        let kept = settings_in(&text).into_iter().rfind(|(name, _)| name == "password_encryption");
        let usual = if self.installation.version.major < SCRAM { "md5" } else { "scram-sha-256" };
        Ok(kept.map_or_else(|| usual.to_owned(), |(_, method)| method))
    }

    /// A server without network, socket or other processes reads the statements from its input. It ends at the first error.
    fn make_databases(&self) -> Result<(), TemplateError> {
        let names = self.spec.databases_to_make();
        if names.is_empty() {
            return Ok(());
        }
        // With `-j`, a statement ends with a semicolon and an empty line, whatever else is in it.
        let statements: Vec<String> = names
            .into_iter()
            .map(|name| format!("CREATE DATABASE {};\n\n", identifier_in_any_encoding(name)))
            .collect();
        let server = Program::new(self.installation.program("postgres"))
            .args(["--single", "-F", "-j", "-c", "exit_on_error=true", "-D"])
            .arg(self.data_dir)
            .arg("template1");
        self.run(&self.in_surroundings(server), statements.concat().as_bytes())
    }

    /// What a start does not need, need not be copied: segments of the log that wait to be used again, and caches that the
    /// server throws away when it starts.
    fn drop_the_needless(&self) -> Result<(), TemplateError> {
        let reset = self.installation.program("pg_resetwal");
        if reset.exists() {
            self.run(&self.in_surroundings(Program::new(reset).arg("-D").arg(self.data_dir)), &[])?;
        } else {
            segments::drop_unused(self.data_dir)?;
        }
        let base = self.data_dir.join("base");
        let databases = fs::read_dir(&base).map_err(StorageError::at("read", &base))?;
        let folders =
            databases.filter_map(Result::ok).map(|entry| entry.path()).chain([self.data_dir.join("global")]);
        for cache in folders.map(|folder| folder.join("pg_internal.init")).filter(|cache| cache.exists()) {
            fs::remove_file(&cache).map_err(StorageError::at("remove", &cache))?;
        }
        Ok(())
    }

    fn initdb(&self) -> Program {
        initdb(&self.installation.program("initdb"), self.data_dir, self.owner)
    }

    fn in_surroundings(&self, program: Program) -> Program {
        in_surroundings(program, self.data_dir.parent().unwrap_or(self.data_dir), self.owner)
    }

    fn run(&self, program: &Program, input: &[u8]) -> Result<(), TemplateError> {
        let done = program.succeed_with(input, self.limit);
        done.map(|_output| ()).map_err(|error| or_full_disk(error, self.data_dir, TemplateError::Make))
    }
}

/// Writes all files of a cluster through to the disk.
pub(crate) fn sync(
    program: &Path,
    data_dir: &Path,
    owner: &Owner,
    limit: Duration,
) -> Result<(), TemplateError> {
    let done = initdb(program, data_dir, owner).arg("--sync-only").succeed_with(&[], limit);
    done.map(|_output| ()).map_err(|error| or_full_disk(error, data_dir, TemplateError::Sync))
}

/// `initdb` for this data directory, with nothing said but where it is.
fn initdb(program: &Path, data_dir: &Path, owner: &Owner) -> Program {
    let program = Program::new(program).arg("--pgdata").arg(data_dir);
    in_surroundings(program, data_dir.parent().unwrap_or(data_dir), owner)
}

/// Messages in English, since we read some; the image's time zone; a folder that the account may be in.
fn in_surroundings(program: Program, dir: &Path, owner: &Owner) -> Program {
    program.env("PATH", "/usr/bin:/bin").env("LC_ALL", "C").env("TZ", TIMEZONE).current_dir(dir).run_as(owner)
}

fn write_password(path: &Path, spec: &ClusterSpec, owner: &Owner) -> std::io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    owner.take(path)?;
    file.write_all(spec.password.expose_secret().as_bytes())?;
    // `initdb` takes no file without a line.
    file.write_all(b"\n")
}

/// The same error, unless the program says that it was the disk.
fn or_full_disk(
    error: ProcessError,
    data_dir: &Path,
    otherwise: fn(ProcessError) -> TemplateError,
) -> TemplateError {
    match error {
        ProcessError::Failed { last_lines, .. } if tells_full_disk(&last_lines) => {
            StorageError::full(data_dir.to_owned(), None).into()
        }
        ProcessError::Failed { program, status, mut last_lines } => {
            // `initdb` quotes the statement that sets the password when that fails.
            last_lines.retain(|line| !line.contains("PASSWORD"));
            otherwise(ProcessError::Failed { program, status, last_lines })
        }
        ProcessError::Start { .. }
        | ProcessError::NulByte { .. }
        | ProcessError::ViewOfAnother { .. }
        | ProcessError::AskedToStop { .. }
        | ProcessError::TimedOut { .. }
        | ProcessError::Wait { .. } => otherwise(error),
    }
}
