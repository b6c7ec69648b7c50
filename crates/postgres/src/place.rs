//! Where a cluster is, and in what state it was left.

use std::fs::{self, DirBuilder, Permissions};
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use backlot_process::{Owner, working_in};

use crate::start::StartError;
use crate::storage::StorageError;

/// What the system's socket addresses hold, in bytes, without the NUL at the end.
#[cfg(target_os = "linux")]
const LONGEST_SOCKET_PATH: usize = 107;
#[cfg(not(target_os = "linux"))]
const LONGEST_SOCKET_PATH: usize = 103;

/// The three paths of a cluster, all absolute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Postgres' data directory.
    pub data_dir: PathBuf,
    /// The private directory of its Unix socket; made when the server starts. Its parent must exist.
    pub socket_dir: PathBuf,
    /// What the server says; made when needed, appended to.
    pub log_file: PathBuf,
}

impl Place {
    /// Whether the server was stopped in good order; if not, the next start first recovers, which takes longer.
    pub fn was_stopped_cleanly(&self) -> Result<bool, StorageError> {
        // The state is the 32-bit number after the system's identifier and two version numbers; 1 is "shut down".
        const STATE: std::ops::Range<usize> = 16..20;
        const SHUT_DOWN: u32 = 1;
        let path = self.data_dir.join("global/pg_control");
        let mut header = [0; STATE.end];
        let read = backlot_files::open(&path).and_then(|mut file| file.read_exact(&mut header));
        read.map_err(StorageError::at("read", &path))?;
        Ok(header[STATE] == SHUT_DOWN.to_ne_bytes())
    }

    /// Everything that can be checked before a server is started here.
    pub(crate) fn check(&self, owner: &Owner, installed_major: u32) -> Result<(), StartError> {
        owner.check_reach(&self.data_dir)?;
        owner.check_reach(&self.socket_dir)?;
        check_socket_dir(&self.socket_dir)?;
        let path = self.data_dir.join("PG_VERSION");
        let data = match backlot_files::text(&path) {
            Ok(text) => text.trim().to_owned(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(StartError::NotACluster { data_dir: self.data_dir.clone() });
            }
            Err(error) => return Err(StorageError::new("read", &path, error).into()),
        };
        if data != installed_major.to_string() {
            return Err(StartError::WrongVersion {
                data_dir: self.data_dir.clone(),
                data,
                installed: installed_major,
            });
        }
        self.check_owner(owner)?;
        self.drop_misleading_pid_file()
    }

    /// Postgres opens no data directory of another account, and says so in words that do not tell which.
    fn check_owner(&self, owner: &Owner) -> Result<(), StartError> {
        let metadata = fs::metadata(&self.data_dir).map_err(StorageError::at("look at", &self.data_dir))?;
        if metadata.uid() == owner.uid() {
            return Ok(());
        }
        Err(StartError::ForeignData {
            data_dir: self.data_dir.clone(),
            uid: metadata.uid(),
            wanted: owner.uid(),
        })
    }

    /// Makes the socket directory, closed to all others.
    pub(crate) fn make_socket_dir(&self, owner: &Owner) -> Result<(), StorageError> {
        let dir = &self.socket_dir;
        match DirBuilder::new().mode(0o700).create(dir) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(StorageError::new("make", dir, error)),
        }
        let closed = fs::set_permissions(dir, Permissions::from_mode(0o700)).and_then(|()| owner.take(dir));
        closed.map_err(StorageError::at("close to others", dir))
    }

    /// Postgres refuses to start when its pid file names a process that is there, even if the number has long been given to
    /// another program. A file that names a process which does not even sit in the data directory is dropped, if a server
    /// of ours wrote it: one in a container has other numbers for the same processes. All other cases Postgres judges well
    /// by itself, but for a server in a container that works here: it is looked for by the directory.
    fn drop_misleading_pid_file(&self) -> Result<(), StartError> {
        let path = self.data_dir.join("postmaster.pid");
        let Ok(text) = backlot_files::text(&path) else { return Ok(()) };
        let socket_dir = text.lines().nth(4).map(Path::new);
        if socket_dir
            .is_some_and(|dir| !dir.as_os_str().is_empty() && dir.parent() != self.socket_dir.parent())
        {
            return match working_in(&self.data_dir) {
                Some(process) => {
                    Err(StartError::AlreadyRunning { data_dir: self.data_dir.clone(), pid: process.pid })
                }
                None => Ok(()),
            };
        }
        let Some(pid) = text.lines().next().and_then(|line| line.trim().parse::<i32>().ok()) else {
            return Ok(());
        };
        match directory_of(pid) {
            Some(works_in) if fs::canonicalize(&self.data_dir).is_ok_and(|data_dir| data_dir == works_in) => {
                return Err(StartError::AlreadyRunning { data_dir: self.data_dir.clone(), pid });
            }
            Some(_) => {}
            // A server that was killed and that nobody has waited for yet still has its number, to Postgres' eyes.
            None if is_zombie(pid) => {}
            None => return Ok(()),
        }
        Ok(fs::remove_file(&path).map_err(StorageError::at("remove", &path))?)
    }
}

fn check_socket_dir(dir: &Path) -> Result<(), StartError> {
    let length = dir.as_os_str().len() + "/.s.PGSQL.65535".len();
    if length <= LONGEST_SOCKET_PATH {
        return Ok(());
    }
    Err(StartError::SocketPathTooLong { dir: dir.to_owned(), length, limit: LONGEST_SOCKET_PATH })
}

/// The working directory of a running process, as far as this account may know.
#[cfg(target_os = "linux")]
fn directory_of(pid: i32) -> Option<PathBuf> {
    fs::read_link(format!("/proc/{pid}/cwd")).ok()
}

#[cfg(target_os = "linux")]
fn is_zombie(pid: i32) -> bool {
    backlot_process::ProcessId::of(pid).is_none() && Path::new(&format!("/proc/{pid}")).exists()
}

#[cfg(not(target_os = "linux"))]
fn is_zombie(_pid: i32) -> bool {
    false
}

/// Unknown: the file is left to Postgres' own judgement.
#[cfg(not(target_os = "linux"))]
fn directory_of(_pid: i32) -> Option<PathBuf> {
    None
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};

    use super::{LONGEST_SOCKET_PATH, Place, StartError, check_socket_dir};
    use crate::place::Owner;

    fn place(dir: &Path) -> Place {
        let [data_dir, socket_dir, log_file] = ["data", "socket", "log"].map(|name| dir.join(name));
        fs::create_dir(&data_dir).unwrap();
        Place { data_dir, socket_dir, log_file }
    }

    #[test]
    fn socket_paths_have_a_limit() {
        let room = LONGEST_SOCKET_PATH - "/.s.PGSQL.65535".len();
        let fits = PathBuf::from(format!("/{}", "x".repeat(room - 1)));
        check_socket_dir(&fits).unwrap();
        let error = check_socket_dir(&fits.with_extension("y")).unwrap_err();
        assert!(
            matches!(error, StartError::SocketPathTooLong { length, .. } if length == LONGEST_SOCKET_PATH + 2)
        );
    }

    #[test]
    fn data_of_another_version_and_no_data_are_told_apart() {
        let dir = tempfile::tempdir().unwrap();
        let place = place(dir.path());
        assert!(matches!(place.check(&Owner::Caller, 15), Err(StartError::NotACluster { .. })));
        fs::write(place.data_dir.join("PG_VERSION"), "14\n").unwrap();
        let error = place.check(&Owner::Caller, 15).unwrap_err();
        let expected =
            format!("start Postgres 15 in {}: its data was made by Postgres 14", place.data_dir.display());
        assert_eq!(error.to_string(), expected);
        place.check(&Owner::Caller, 14).unwrap();
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_pid_file_that_names_another_program_is_dropped() {
        use backlot_process::{Program, SpawnOptions};
        let dir = tempfile::tempdir().unwrap();
        let place = place(dir.path());
        fs::write(place.data_dir.join("PG_VERSION"), "15\n").unwrap();
        let pid_file = place.data_dir.join("postmaster.pid");
        let mut other = Program::new("/bin/sleep").arg("60").spawn(SpawnOptions::default()).unwrap();
        fs::write(&pid_file, format!("{}\n/elsewhere\n", other.id().pid)).unwrap();
        place.check(&Owner::Caller, 15).unwrap();
        assert!(!pid_file.exists());
        other.kill().unwrap();

        // One that sits in the data directory is taken for the server.
        let server = Program::new("/bin/sleep").arg("60").current_dir(&place.data_dir);
        let mut server = server.spawn(SpawnOptions::default()).unwrap();
        let pid = server.id().pid;
        fs::write(&pid_file, format!("{pid}\n")).unwrap();
        let found = place.check(&Owner::Caller, 15);
        assert!(
            matches!(found, Err(StartError::AlreadyRunning { pid: found, .. }) if found == pid),
            "{found:?}"
        );
        server.kill().unwrap();

        // Of a dead one nothing can be known: Postgres decides.
        place.check(&Owner::Caller, 15).unwrap();
        assert!(pid_file.exists());
    }
}
