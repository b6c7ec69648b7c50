//! Where Backlot keeps what it makes: never in the source tree.
//!
//! ```text
//! HOME/
//!   templates/                       clusters that others are cloned from
//!   postgres/<package>-<version>/    servers that were fetched
//!   volumes/<name>/                  volumes that projects share by name; see `volume`
//!   dependencies/<kind>-<hash>/      virtual environments, node_modules and gems
//!   psql/<name>-<hash>/<environment> what was typed into psql
//!   folders/<id>/                    what is known of a folder of the user's that a cluster of ours is in
//!   run/<id>/                        sockets of one environment (short: a socket's path has a limit of 107 bytes)
//!   checkouts/<hash>.json            what is kept of each checkout; see `checkout`
//!   projects/<name>-<hash>/          the hash is the checkout's: that of its path at first
//!     <environment>/                 see `Site`
//! ```

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use backlot_process::{FREE_PORTS, Owner};
use sha2::{Digest, Sha256};

/// The longest path that a Unix socket can have on Linux, in bytes, without its closing NUL.
const SOCKET_PATH_LIMIT: usize = 107;
/// The longest name that Postgres gives its socket, with the slash before it.
const SOCKET_NAME: &str = "/.s.PGSQL.65535";

/// The directory that holds all state.
#[derive(Debug, Clone)]
pub struct Home {
    root: PathBuf,
    owner: Owner,
}

/// A home that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum HomeError {
    /// The variable that is there to name it does not: which directory would it be the next time?
    #[error("BACKLOT_HOME is {}, which is no absolute path", path.display())]
    Relative {
        /// Its value.
        path: PathBuf,
    },
    /// No variable tells where it could be.
    #[error("neither BACKLOT_HOME nor XDG_DATA_HOME nor HOME is set to an absolute path")]
    Nowhere,
    /// A directory of it cannot be made or used.
    #[error("cannot use the directory {}", path.display())]
    Unusable {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The short directory for sockets in /tmp belongs to somebody else.
    #[error("{} belongs to another user (uid {uid}) or is open to others", path.display())]
    Foreign {
        /// The directory.
        path: PathBuf,
        /// Whose it is.
        uid: u32,
    },
}

impl Home {
    /// Chooses the home: `BACKLOT_HOME`; as root `/var/lib/backlot`, which the account that runs Postgres can reach;
    /// otherwise `backlot` in the XDG data directory.
    ///
    /// # Errors
    /// [`HomeError::Nowhere`] when no variable leads to one, [`HomeError::Relative`] when `BACKLOT_HOME` leads to many.
    pub fn choose(variables: &BTreeMap<String, String>, owner: Owner) -> Result<Self, HomeError> {
        let absolute = |name: &str| variables.get(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let named = variables.get("BACKLOT_HOME").filter(|path| !path.is_empty()).map(PathBuf::from);
        if let Some(path) = named.clone().filter(|path| !path.is_absolute()) {
            return Err(HomeError::Relative { path });
        }
        let root = match (&owner, named) {
            (_, Some(named)) => named,
            (Owner::User { .. }, None) => PathBuf::from("/var/lib/backlot"),
            (Owner::Caller, None) => absolute("XDG_DATA_HOME")
                .or_else(|| absolute("HOME").map(|home| home.join(".local/share")))
                .ok_or(HomeError::Nowhere)?
                .join("backlot"),
        };
        Ok(Self { root, owner })
    }

    /// The home that is the directory `root`.
    pub fn at(root: PathBuf, owner: Owner) -> Self {
        Self { root, owner }
    }

    /// The directory itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Whom Postgres runs as.
    pub fn owner(&self) -> &Owner {
        &self.owner
    }

    /// Where templates are kept.
    pub fn templates(&self) -> PathBuf {
        self.root.join("templates")
    }

    /// Where packages are kept that services need.
    pub fn dependencies(&self) -> PathBuf {
        self.root.join("dependencies")
    }

    /// Where servers are that were fetched.
    pub fn postgres(&self) -> PathBuf {
        self.root.join("postgres")
    }

    /// Where the volumes are that projects share by name.
    pub fn volumes(&self) -> PathBuf {
        self.root.join("volumes")
    }

    /// Where snapshots are kept, a folder for each project.
    pub fn snapshots(&self) -> PathBuf {
        self.root.join("snapshots")
    }

    /// Where it is kept what is known of a folder of the user's.
    pub fn folder(&self, folder: &Path) -> PathBuf {
        let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
        self.root.join("folders").join(short_hash(folder.as_os_str().as_encoded_bytes()))
    }

    /// Where the projects' environments are kept.
    pub fn projects(&self) -> PathBuf {
        self.root.join("projects")
    }

    /// A directory for the sockets of the environment that lives in `site`, with a path short enough for Postgres.
    pub fn sockets(&self, site: &Path) -> PathBuf {
        let id = short_hash(site.as_os_str().as_encoded_bytes());
        let near = self.root.join("run").join(&id);
        if near.as_os_str().len() + SOCKET_NAME.len() <= SOCKET_PATH_LIMIT {
            return near;
        }
        let home = short_hash(self.root.as_os_str().as_encoded_bytes());
        short_socket_root().join(format!("{home}-{id}"))
    }

    /// Makes the home and writes into it, to see whether that can be done.
    pub fn try_out(&self) -> Result<(), HomeError> {
        self.make(&self.root)?;
        for directory in [self.root.clone(), self.templates(), self.projects()] {
            let probe = directory.join(format!("probe-{}", std::process::id()));
            let tried = fs::write(&probe, "probe").and_then(|()| fs::remove_file(&probe));
            match tried {
                // One that is not there can be made where the home itself can be written to.
                Err(error) if error.kind() == io::ErrorKind::NotFound && directory != self.root => {}
                Err(source) => {
                    let _ = fs::remove_file(&probe);
                    return Err(HomeError::Unusable { path: directory, source });
                }
                Ok(()) => {}
            }
        }
        Ok(())
    }

    /// The bytes that are free where the home is, as far as the system tells.
    pub fn free_space(&self) -> Option<u64> {
        nix::sys::statvfs::statvfs(&self.root).ok().map(|stat| free_bytes(&stat))
    }

    /// Makes `directory`, which is in this home or is a directory for sockets, and those above it.
    ///
    /// Private to us (0700); as root searchable by the account that runs Postgres, which must get through to its own.
    ///
    /// # Errors
    /// [`HomeError::Unusable`] when one cannot be made, [`HomeError::Foreign`] when the one in /tmp is not ours.
    pub fn make(&self, directory: &Path) -> Result<(), HomeError> {
        let failed = |source| HomeError::Unusable { path: directory.to_owned(), source };
        let mode = match self.owner {
            Owner::Caller => 0o700,
            Owner::User { .. } => 0o711,
        };
        fs::DirBuilder::new().recursive(true).mode(mode).create(directory).map_err(failed)?;
        if directory.starts_with(short_socket_root()) {
            check_ours(&short_socket_root(), mode)?;
        }
        Ok(())
    }
}

/// The fields' types differ between systems.
#[allow(clippy::useless_conversion, reason = "they are u64 already on Linux, u32 on macOS")]
fn free_bytes(stat: &nix::sys::statvfs::Statvfs) -> u64 {
    u64::from(stat.blocks_available()) * u64::from(stat.fragment_size())
}

/// `/tmp/backlot-<uid>`: used only when the home's own path is too long for a socket.
fn short_socket_root() -> PathBuf {
    PathBuf::from(format!("/tmp/backlot-{}", nix::unistd::geteuid()))
}

/// Anybody can make a directory in /tmp first, and would then own our sockets.
fn check_ours(path: &Path, mode: u32) -> Result<(), HomeError> {
    let metadata =
        fs::symlink_metadata(path).map_err(|source| HomeError::Unusable { path: path.to_owned(), source })?;
    let open_to_others = metadata.permissions().mode() & 0o777 & !mode != 0;
    if metadata.is_dir() && metadata.uid() == nix::unistd::geteuid().as_raw() && !open_to_others {
        return Ok(());
    }
    Err(HomeError::Foreign { path: path.to_owned(), uid: metadata.uid() })
}

/// Eight hexadecimal digits that stand for `bytes`: enough to tell one user's checkouts and environments apart.
pub fn short_hash(bytes: &[u8]) -> String {
    use std::fmt::Write;
    Sha256::digest(bytes).iter().take(4).fold(String::with_capacity(8), |mut text, byte| {
        let _ = write!(text, "{byte:02x}"); // writing into a String cannot fail
        text
    })
}

/// One of [`FREE_PORTS`] that is the same for the same name, and differs for most others.
pub fn usual_port_of(name: &[u8]) -> u16 {
    let sum = name.iter().fold(0_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(u32::from(*byte)));
    let count = u32::from(FREE_PORTS.end - FREE_PORTS.start);
    FREE_PORTS.start + u16::try_from(sum % count).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::{Home, SOCKET_NAME, SOCKET_PATH_LIMIT};
    use backlot_process::Owner;
    use std::collections::BTreeMap;
    use std::path::Path;

    fn home(variables: &[(&str, &str)]) -> Option<Home> {
        let variables: BTreeMap<_, _> = variables.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect();
        Home::choose(&variables, Owner::Caller).ok()
    }

    #[test]
    fn the_most_particular_variable_wins() {
        let all = [("BACKLOT_HOME", "/b"), ("XDG_DATA_HOME", "/x"), ("HOME", "/h")];
        assert_eq!(home(&all).unwrap().root(), Path::new("/b"));
        assert_eq!(home(&all[1..]).unwrap().root(), Path::new("/x/backlot"));
        assert_eq!(home(&all[2..]).unwrap().root(), Path::new("/h/.local/share/backlot"));
        assert!(home(&[]).is_none());
        assert!(home(&[("HOME", "relative")]).is_none());
        assert!(home(&[("BACKLOT_HOME", "relative"), ("HOME", "/h")]).is_none());
        assert_eq!(
            home(&[("BACKLOT_HOME", ""), ("HOME", "/h")]).unwrap().root(),
            Path::new("/h/.local/share/backlot")
        );
    }

    #[test]
    fn root_keeps_its_state_where_the_postgres_account_gets_in() {
        let owner = Owner::User { name: "postgres".into(), uid: 1, gid: 1 };
        let home = Home::choose(&BTreeMap::from([("HOME".into(), "/root".into())]), owner).unwrap();
        assert_eq!(home.root(), Path::new("/var/lib/backlot"));
    }

    #[test]
    fn socket_paths_stay_short() {
        let home = home(&[("BACKLOT_HOME", &format!("/{}", "long/".repeat(40)))]).unwrap();
        let (one, two) = (home.projects().join("blog-1"), home.projects().join("blog-2"));
        assert_ne!(home.sockets(&one), home.sockets(&two));
        assert!(home.sockets(&one).as_os_str().len() + SOCKET_NAME.len() <= SOCKET_PATH_LIMIT);
    }
}
