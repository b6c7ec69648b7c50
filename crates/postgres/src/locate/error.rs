//! What to say when there is no Postgres, and what to do about it.

use std::path::{Path, PathBuf};

use super::{Installation, OLDEST_MAJOR};

/// Why no Postgres can be used. The messages fit after "failed to …"; [`LocateError::hint`] tells the way out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LocateError {
    /// None is there.
    #[error("find Postgres: no server is installed in any of the usual places or on PATH")]
    Nothing {
        /// The major version that was wanted.
        wanted: Option<u32>,
    },
    /// None is in the folder that was named.
    #[error("find Postgres in {}: there is no `postgres` with an `initdb` that can be run", dir.display())]
    NotThere {
        /// The folder.
        dir: PathBuf,
    },
    /// Others are there, but not the one wanted.
    #[error("find Postgres {wanted}: there is only {}", list(found))]
    NotThisMajor {
        /// The major version that was wanted.
        wanted: u32,
        /// All that are there.
        found: Vec<Installation>,
    },
    /// The one that fits cannot be used.
    #[error("use Postgres {} in {}: the oldest that can be used is {OLDEST_MAJOR}", found.version,
        found.bin_dir.display())]
    TooOld {
        /// The one that fits.
        found: Installation,
    },
}

fn list(found: &[Installation]) -> String {
    let each = found.iter().map(|one| format!("{} in {}", one.version, one.bin_dir.display()));
    each.collect::<Vec<_>>().join(", ")
}

impl LocateError {
    /// What to do next, as a sentence.
    pub fn hint(&self) -> String {
        let wanted = match self {
            Self::Nothing { wanted } => *wanted,
            Self::NotThisMajor { wanted, .. } => Some(*wanted),
            Self::NotThere { .. } => {
                return "name another folder in `x-backlot: {bin: DIR}`, or leave it out to have it found"
                    .into();
            }
            Self::TooOld { .. } => None,
        };
        if wanted.is_some_and(|major| major < OLDEST_MAJOR) {
            return format!("ask for a newer one: the oldest that can be used is {OLDEST_MAJOR}");
        }
        let install = install_command(wanted, |program| Path::new(program).exists());
        let line =
            install.map_or("install a Postgres server".to_owned(), |line| format!("install it: {line}"));
        let release = backlot_files::text(std::path::Path::new("/etc/os-release")).unwrap_or_default();
        match wanted {
            Some(major) if lacks(&release, major) => {
                format!(
                    "{line} (this release has no such package of its own: PGDG, the packages of the Postgres project, has it)"
                )
            }
            Some(_) | None => line,
        }
    }
}

/// Whether the release of Debian or Ubuntu that its `os-release` tells of is known to have another major version.
fn lacks(release: &str, major: u32) -> bool {
    const MAJORS: [(&str, &str, u32); 7] = [
        ("debian", "11", 13),
        ("debian", "12", 15),
        ("debian", "13", 17),
        ("ubuntu", "20.04", 12),
        ("ubuntu", "22.04", 14),
        ("ubuntu", "24.04", 16),
        ("ubuntu", "25.04", 17),
    ];
    let value = |key: &str| {
        let mut lines = release.lines().filter_map(|line| line.strip_prefix(key)?.strip_prefix('='));
        lines.next().map(|value| value.trim_matches('"'))
    };
    let (id, version) = (value("ID"), value("VERSION_ID"));
    MAJORS.iter().any(|(name, number, own)| id == Some(*name) && version == Some(*number) && *own != major)
}

/// The command that installs a server with the package manager that is there.
fn install_command(wanted: Option<u32>, exists: impl Fn(&str) -> bool) -> Option<String> {
    let major = wanted.map(|major| major.to_string()).unwrap_or_default();
    let versioned = |prefix: &str, name: &str, separator: &str| {
        if wanted.is_some() {
            format!("{prefix} {name}{separator}{major}")
        } else {
            format!("{prefix} {name}")
        }
    };
    let brew = ["/opt/homebrew/bin/brew", "/usr/local/bin/brew", "/home/linuxbrew/.linuxbrew/bin/brew"];
    if brew.iter().any(|program| exists(program)) {
        Some(versioned("brew install", "postgresql", "@"))
    } else if exists("/usr/bin/apt-get") {
        Some(versioned("sudo apt-get install", "postgresql", "-"))
    } else if exists("/usr/bin/dnf") {
        Some("sudo dnf install postgresql-server".to_owned())
    } else if exists("/sbin/apk") {
        Some(versioned("sudo apk add", "postgresql", ""))
    } else if exists("/usr/bin/pacman") {
        Some("sudo pacman -S postgresql".to_owned())
    } else if exists("/usr/bin/zypper") {
        Some(versioned("sudo zypper install", "postgresql-server", ""))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::{install_command, lacks};

    #[test]
    fn a_release_has_one_major() {
        let release = "PRETTY_NAME=\"x\"\nID=debian\nVERSION_ID=\"12\"\n";
        assert_eq!([14, 15].map(|major| lacks(release, major)), [true, false]);
        assert!(!lacks("ID=arch\n", 14) && !lacks("", 14));
    }

    #[test]
    fn tells_how_to_install_with_what_is_there() {
        let cases = [
            ("/usr/bin/apt-get", None, Some("sudo apt-get install postgresql")),
            ("/usr/bin/apt-get", Some(14), Some("sudo apt-get install postgresql-14")),
            ("/opt/homebrew/bin/brew", Some(17), Some("brew install postgresql@17")),
            ("/sbin/apk", Some(17), Some("sudo apk add postgresql17")),
            ("/usr/bin/dnf", Some(17), Some("sudo dnf install postgresql-server")),
            ("/nothing", Some(17), None),
        ];
        for (manager, wanted, expected) in cases {
            let command = install_command(wanted, |program| program == manager);
            assert_eq!(command.as_deref(), expected, "{manager}");
        }
    }
}
