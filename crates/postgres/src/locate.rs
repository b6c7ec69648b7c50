//! Finding the programs of Postgres on this machine.

mod error;

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use backlot_process::Program;

pub use self::error::LocateError;
use crate::version::Version;

/// The oldest major version that can be used.
pub const OLDEST_MAJOR: u32 = 12;

/// The programs of one version of Postgres.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installation {
    /// The folder of `postgres` and `initdb`, without symbolic links.
    pub bin_dir: PathBuf,
    /// Their version.
    pub version: Version,
    /// The folder of `psql` and its like, where they are not beside the server.
    pub clients: Option<PathBuf>,
}

/// Where to look.
#[derive(Debug, Clone, Default)]
pub struct SearchPlaces {
    /// The folder that was named (`x-backlot.bin`); then nothing else is looked at.
    pub explicit: Option<PathBuf>,
    /// The value of `PATH`.
    pub path: Option<OsString>,
    /// Folders that hold one folder a version; [`SearchPlaces::default_roots`].
    pub roots: Vec<PathBuf>,
}

impl SearchPlaces {
    /// Where packages put Postgres: Debian, Red Hat (`/usr/pgsql-15`), Alpine, a build of one's own, `MacPorts`, Homebrew,
    /// Postgres.app.
    pub fn default_roots() -> Vec<PathBuf> {
        let roots = [
            "/usr/lib/postgresql",
            "/usr",
            "/usr/libexec",
            "/usr/local",
            "/opt/local/lib",
            "/opt/homebrew/opt",
            "/usr/local/opt",
            "/home/linuxbrew/.linuxbrew/opt",
            "/Applications/Postgres.app/Contents/Versions",
        ];
        roots.map(PathBuf::from).into()
    }

    /// Every folder that may hold the programs.
    fn candidates(&self) -> Vec<PathBuf> {
        if let Some(dir) = &self.explicit {
            return vec![dir.clone()];
        }
        let on_path = self.path.iter().flat_map(std::env::split_paths).filter(|dir| dir.is_absolute());
        let in_roots =
            self.roots.iter().flat_map(|root| folders_of_versions(root)).map(|dir| dir.join("bin"));
        on_path.chain(in_roots).collect()
    }

    /// What `pg_config` on `PATH` says, for a Postgres that is in none of the usual places.
    fn ask_pg_config(&self) -> Option<PathBuf> {
        let path = self.path.as_ref()?;
        let program =
            std::env::split_paths(path).map(|dir| dir.join("pg_config")).find(|file| is_program(file))?;
        let output =
            Program::new(program).arg("--bindir").env("PATH", path).output(Duration::from_secs(5)).ok()?;
        let dir = PathBuf::from(String::from_utf8(output.stdout).ok()?.trim_end());
        dir.is_absolute().then_some(dir)
    }
}

impl Installation {
    /// The one to use: the folder that was named, else the newest of the wanted major version, else the newest.
    pub fn locate(places: &SearchPlaces, wanted_major: Option<u32>) -> Result<Self, LocateError> {
        let found = Self::find_all(places);
        if let (Some(dir), []) = (&places.explicit, found.as_slice()) {
            return Err(LocateError::NotThere { dir: dir.clone() });
        }
        Self::choose(&found, wanted_major)
    }

    /// All that can be found, the newest first, each once. No program is run for it, unless one is a script.
    pub fn find_all(places: &SearchPlaces) -> Vec<Self> {
        let mut found: Vec<Self> = Vec::new();
        for candidate in places.candidates() {
            found.extend(Self::at(&candidate).filter(|new| !found.contains(new)));
        }
        if found.is_empty() && places.explicit.is_none() {
            found.extend(places.ask_pg_config().and_then(|dir| Self::at(&dir)));
        }
        // Stable: of two with the same version, the one on PATH stays first.
        found.sort_by_key(|installation| std::cmp::Reverse(installation.version));
        found
    }

    /// The newest one of the wanted major version; of any, if none is wanted.
    pub fn choose(found: &[Self], wanted_major: Option<u32>) -> Result<Self, LocateError> {
        let fits =
            |installation: &&Self| wanted_major.is_none_or(|major| installation.version.major == major);
        let best = found
            .iter()
            .filter(fits)
            .max_by(|a, b| a.version.cmp(&b.version).then(std::cmp::Ordering::Greater));
        match (best, wanted_major) {
            (Some(best), _) if best.version.major < OLDEST_MAJOR => {
                Err(LocateError::TooOld { found: best.clone() })
            }
            (Some(best), _) => Ok(best.clone()),
            (None, Some(wanted)) if !found.is_empty() => {
                Err(LocateError::NotThisMajor { wanted, found: found.to_vec() })
            }
            (None, wanted) => Err(LocateError::Nothing { wanted }),
        }
    }

    /// The path of one of the server's own programs (`initdb`).
    pub fn program(&self, name: &str) -> PathBuf {
        self.bin_dir.join(name)
    }

    /// The path of a client's program (`psql`, `pg_dump`), if there is one.
    pub fn client(&self, name: &str) -> Option<PathBuf> {
        let folders = std::iter::once(&self.bin_dir).chain(&self.clients);
        folders.map(|folder| folder.join(name)).find(|file| is_program(file))
    }

    /// The folders of its programs, as a `PATH` has them.
    pub fn path(&self) -> String {
        let folders = std::iter::once(&self.bin_dir).chain(&self.clients);
        folders.map(|folder| folder.display().to_string()).collect::<Vec<_>>().join(":")
    }

    /// Whether it can sort with ICU: builds without it say in `initdb` that they cannot.
    pub fn has_icu(&self) -> bool {
        const WITHOUT: &[u8] = b"ICU is not supported in this build";
        let bytes = read_start(&self.program("initdb")).unwrap_or_default();
        !bytes.windows(WITHOUT.len()).any(|window| window == WITHOUT)
    }

    /// Whether an extension's files are there (`postgis`).
    pub fn has_extension(&self, name: &str) -> bool {
        let control = format!("extension/{name}.control");
        let beside = ["../share", "../share/postgresql"].map(|share| self.bin_dir.join(share));
        let debian = PathBuf::from(format!("/usr/share/postgresql/{}", self.version.major));
        if beside.iter().chain([&debian]).any(|share| share.join(&control).exists()) {
            return true;
        }
        let asked = Program::new(self.program("pg_config")).arg("--sharedir").output(Duration::from_secs(5));
        let share = asked.ok().and_then(|output| String::from_utf8(output.stdout).ok());
        share.is_some_and(|share| Path::new(share.trim_end()).join(&control).exists())
    }

    /// What is in this folder, if it holds a server.
    pub fn at(dir: &Path) -> Option<Self> {
        if !is_program(&dir.join("postgres")) || !is_program(&dir.join("initdb")) {
            return None;
        }
        // `/usr/local/bin/postgres` and Homebrew's `opt` are links into one real folder.
        let real = fs::canonicalize(dir.join("postgres")).ok()?.parent()?.to_owned();
        let bin_dir = if is_program(&real.join("initdb")) { real } else { fs::canonicalize(dir).ok()? };
        let version = version_of(&bin_dir)?;
        Some(Self { bin_dir, version, clients: None })
    }
}

/// The folders in `root` that are named like a version or like Postgres, and `root` itself is not looked into further.
fn folders_of_versions(root: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(root) else { return Vec::new() };
    let fits = |name: &str| {
        name.starts_with(|c: char| c.is_ascii_digit())
            || ["postgresql", "pgsql"].iter().any(|p| name.starts_with(p))
    };
    let mut folders: Vec<PathBuf> = entries
        .filter_map(Result::ok)
        .filter(|entry| entry.file_name().to_str().is_some_and(fits))
        .map(|entry| entry.path())
        .collect();
    // The order of a directory is accidental.
    folders.sort();
    folders
}

fn is_program(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

/// The version is written in every program, so none has to be run: 0.1 ms instead of 10. `initdb` is a small one.
fn version_of(bin_dir: &Path) -> Option<Version> {
    let bytes = read_start(&bin_dir.join("initdb")).unwrap_or_default();
    if let Some(version) = find_version(&bytes) {
        return Some(version);
    }
    let program = Program::new(bin_dir.join("postgres")).arg("--version").env("PATH", "/usr/bin:/bin");
    let output = program.output(Duration::from_secs(5)).ok()?;
    Version::parse(&String::from_utf8_lossy(&output.stdout))
}

/// As much of a program as texts in it are looked for in.
fn read_start(program: &Path) -> std::io::Result<Vec<u8>> {
    const ENOUGH: u64 = 4 * 1024 * 1024;
    let mut bytes = Vec::new();
    File::open(program)?.take(ENOUGH).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn find_version(bytes: &[u8]) -> Option<Version> {
    const MARK: &[u8] = b"(PostgreSQL) ";
    let starts = bytes.windows(MARK.len()).enumerate().filter(|(_, window)| *window == MARK);
    starts
        .map(|(start, _)| String::from_utf8_lossy(&bytes[start..bytes.len().min(start + 64)]))
        .find_map(|text| Version::parse(&text))
}

#[cfg(test)]
mod tests;
