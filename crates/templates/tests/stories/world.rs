//! A temporary place for clusters, which checks at its end that nothing is left running in it.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use backlot_postgres::{
    ClusterSpec, ClusterStarter, Connection, Durability, Installation, Place, PortWish, RunningCluster,
    SearchPlaces, StartError, StopMode, Stopped,
};
use backlot_process::{Owner, Signal};
use backlot_templates::{Template, Templates};
use tempfile::TempDir;

pub(crate) const LIMIT: Duration = Duration::from_mins(1);

pub(crate) struct World {
    pub(crate) dir: TempDir,
    pub(crate) owner: Owner,
    pub(crate) installation: Installation,
}

impl World {
    /// With the Postgres of this machine.
    pub(crate) fn new() -> Self {
        let places = SearchPlaces { explicit: None, path: None, roots: SearchPlaces::default_roots() };
        Self::with(Installation::locate(&places, None).expect("these tests need a Postgres server"))
    }

    pub(crate) fn with(installation: Installation) -> Self {
        let dir = tempfile::Builder::new().prefix("bl-").tempdir().unwrap();
        // As root, Postgres runs as another account, which has to get in.
        fs::set_permissions(dir.path(), Permissions::from_mode(0o711)).unwrap();
        Self { dir, owner: Owner::for_postgres().unwrap(), installation }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn templates(&self) -> Templates {
        Templates::new(self.path("templates"), self.owner.clone())
    }

    pub(crate) fn template(&self, spec: &ClusterSpec) -> Template {
        self.templates().ensure(&self.installation, spec).unwrap()
    }

    /// A place named after `name`; its folder is there.
    pub(crate) fn place(&self, name: &str) -> Place {
        let root = self.path(name);
        fs::create_dir_all(&root).unwrap();
        fs::set_permissions(&root, Permissions::from_mode(0o711)).unwrap();
        Place { data_dir: root.join("data"), socket_dir: root.join("s"), log_file: root.join("log") }
    }

    /// A clone of the template in a place of its own.
    pub(crate) fn clone_of(&self, spec: &ClusterSpec, name: &str) -> Place {
        let place = self.place(name);
        self.template(spec).clone_into(&place.data_dir).unwrap();
        place
    }

    pub(crate) fn starter(&self, place: &Place, spec: &ClusterSpec) -> ClusterStarter {
        ClusterStarter {
            installation: self.installation.clone(),
            place: place.clone(),
            spec: spec.clone(),
            owner: self.owner.clone(),
            port: PortWish::Free { preferred: spread() },
            owner_lock: lock(place),
            dies_with_parent: false,
            limit: LIMIT,
        }
    }

    pub(crate) fn start(&self, place: &Place, spec: &ClusterSpec) -> Result<RunningCluster, StartError> {
        self.starter(place, spec).start()
    }

    /// The processes that work somewhere in here.
    #[cfg(target_os = "linux")]
    pub(crate) fn processes(&self) -> Vec<i32> {
        let pids =
            fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
        pids.filter(|pid: &i32| {
            fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|dir| dir.starts_with(self.dir.path()))
        })
        .collect()
    }

    #[cfg(not(target_os = "linux"))]
    pub(crate) fn processes(&self) -> Vec<i32> {
        Vec::new()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        // Children of a killed server need a moment to notice.
        let left = eventually(Duration::from_secs(10), || self.processes().is_empty());
        if !left && !std::thread::panicking() {
            let processes = self.processes();
            kill_all(&processes);
            panic!("left running: {processes:?}");
        }
        kill_all(&self.processes());
    }
}

fn kill_all(processes: &[i32]) {
    for process in processes.iter().filter_map(|&pid| backlot_process::ProcessId::of(pid)) {
        let _ = process.signal(Signal::SIGKILL);
    }
}

/// Whether it becomes true within the limit.
pub(crate) fn eventually(limit: Duration, mut is_so: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + limit;
    while !is_so() {
        if Instant::now() > deadline {
            return false;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    true
}

/// Where tests that run at the same moment begin to look for a port.
fn spread() -> u16 {
    use std::sync::atomic::{AtomicU16, Ordering};
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let offset = std::process::id() * 131 % 10_000;
    21_000 + u16::try_from(offset).unwrap() + NEXT.fetch_add(7, Ordering::Relaxed)
}

pub(crate) fn spec(durability: Durability) -> ClusterSpec {
    ClusterSpec {
        superuser: "user name".into(),
        password: "p@ss 'wörd\\".to_owned().into(),
        databases: vec!["application".into()],
        initdb_args: Vec::new(),
        host_auth: None,
        timezone: None,
        durability,
        settings: Vec::new(),
    }
}

pub(crate) fn connect(cluster: &RunningCluster, spec: &ClusterSpec, database: &str) -> Connection {
    Connection::open(&cluster.tcp(&spec.superuser, &spec.password, database), LIMIT).unwrap()
}

pub(crate) fn stop(cluster: &RunningCluster) {
    assert_eq!(cluster.stop(StopMode::Fast, LIMIT).unwrap(), Stopped::AsAsked);
}

/// The lock of the cluster in this place, locked.
pub(crate) fn lock(place: &Place) -> File {
    let file = File::create(lock_path(place)).unwrap();
    // A child of another test has all our files between its fork and its exec.
    assert!(eventually(LIMIT, || file.try_lock().is_ok()), "somebody has it");
    file
}

pub(crate) fn lock_path(place: &Place) -> PathBuf {
    place.log_file.with_file_name("lock")
}

/// Whether no process has the lock of the cluster in this place.
pub(crate) fn is_unlocked(place: &Place) -> bool {
    File::open(lock_path(place)).unwrap().try_lock().is_ok()
}

pub(crate) fn query(connection: &mut Connection, sql: &str) -> String {
    connection.query_one_text(sql).unwrap().expect("one row")
}

/// Names in a directory, sorted.
pub(crate) fn names(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}
