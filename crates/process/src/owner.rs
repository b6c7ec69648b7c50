//! The accounts that programs run as.

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};

use nix::unistd::{User, geteuid};

/// Whom a program runs as, and whom its files belong to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Owner {
    /// The account that runs us.
    #[default]
    Caller,
    /// Another account; only root can run programs as one.
    User {
        /// The account's name.
        name: String,
        /// Its number.
        uid: u32,
        /// The number of its first group. The program gets no other groups.
        gid: u32,
    },
}

/// Why no account fits, or why one cannot reach a path. The messages fit after "failed to …".
#[derive(Debug, thiserror::Error)]
pub enum OwnerError {
    /// We are root, Postgres refuses to run as root, and no other account is there.
    #[error(
        "find an account to run Postgres as: root may not, and there is neither `postgres` nor `nobody` here"
    )]
    NoAccount,
    /// The account database could not be read.
    #[error("look up the account `{name}`")]
    Lookup {
        /// The account that was looked for.
        name: String,
        /// What the system said.
        source: io::Error,
    },
    /// A directory on the way cannot be searched by the account.
    #[error("reach {} as `{name}`: {} is closed to that account", path.display(), ancestor.display())]
    Unreachable {
        /// The account.
        name: String,
        /// Where it has to get to.
        path: PathBuf,
        /// The directory that blocks the way.
        ancestor: PathBuf,
    },
}

impl Owner {
    /// Whom Postgres runs as: it refuses root, so there it is the account `postgres`, else `nobody`; for anyone else it is
    /// the caller.
    pub fn for_postgres() -> Result<Self, OwnerError> {
        if !geteuid().is_root() {
            return Ok(Self::Caller);
        }
        for name in ["postgres", "nobody"] {
            let found = User::from_name(name)
                .map_err(|errno| OwnerError::Lookup { name: name.to_owned(), source: errno.into() })?;
            if let Some(user) = found {
                return Ok(Self::User { name: user.name, uid: user.uid.as_raw(), gid: user.gid.as_raw() });
            }
        }
        Err(OwnerError::NoAccount)
    }

    /// The number of the account.
    pub fn uid(&self) -> u32 {
        match self {
            Self::Caller => geteuid().as_raw(),
            Self::User { uid, .. } => *uid,
        }
    }

    /// Gives the file or directory at `path` to this account; nothing happens for the caller's own.
    pub fn take(&self, path: &Path) -> io::Result<()> {
        match self {
            Self::Caller => Ok(()),
            Self::User { uid, gid, .. } => chown(path, Some(*uid), Some(*gid)),
        }
    }

    /// Checks that this account may pass through every directory above `path`, as far as they exist. Access control
    /// lists are not looked at, only the nine permission bits.
    pub fn check_reach(&self, path: &Path) -> Result<(), OwnerError> {
        let Self::User { name, uid, gid } = self else { return Ok(()) };
        let ancestors: Vec<&Path> = path.ancestors().skip(1).collect();
        for ancestor in ancestors.into_iter().rev() {
            let Ok(metadata) = fs::metadata(ancestor) else { return Ok(()) };
            if !may_search(&metadata, *uid, *gid) {
                let (path, ancestor) = (path.to_owned(), ancestor.to_owned());
                return Err(OwnerError::Unreachable { name: name.clone(), path, ancestor });
            }
        }
        Ok(())
    }
}

/// Whether the account may pass through the directory. The first class that fits decides, as in the kernel.
fn may_search(metadata: &fs::Metadata, uid: u32, gid: u32) -> bool {
    let bit = if metadata.uid() == uid {
        0o100
    } else if metadata.gid() == gid {
        0o010
    } else {
        0o001
    };
    metadata.mode() & bit != 0
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::{Owner, OwnerError, geteuid};

    /// An account that surely owns nothing here.
    fn stranger() -> Owner {
        Owner::User { name: "stranger".into(), uid: 4_000_000, gid: 4_000_000 }
    }

    #[test]
    fn names_the_directory_that_blocks() {
        let dir = tempfile::tempdir().unwrap();
        let [open, closed] = ["open", "open/closed"].map(|name| dir.path().join(name));
        fs::create_dir_all(&closed).unwrap();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        fs::set_permissions(&open, fs::Permissions::from_mode(0o711)).unwrap();
        fs::set_permissions(&closed, fs::Permissions::from_mode(0o770)).unwrap();

        stranger().check_reach(&closed).unwrap();
        let error = stranger().check_reach(&closed.join("not/yet/there")).unwrap_err();
        assert!(matches!(&error, OwnerError::Unreachable { ancestor, .. } if *ancestor == closed), "{error}");
        Owner::Caller.check_reach(&closed.join("data")).unwrap();
    }

    #[test]
    fn only_root_needs_another_account() {
        let owner = Owner::for_postgres().unwrap();
        assert_eq!(owner == Owner::Caller, !geteuid().is_root());
        assert_ne!(owner.uid(), 0);
    }
}
