//! How long a clone, a start and a first connection take, and what an idle server weighs: medians over several runs.
//! With `spare`, a copy is made ahead of each run.
//! `cargo run --release -p backlot-templates --example measure [RUNS [spare]]`
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a measurement, not part of the program")]

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use backlot_postgres::{
    ClusterSpec, ClusterStarter, Connection, Durability, Installation, Place, PortWish, SearchPlaces,
    StopMode,
};
use backlot_process::Owner;
use backlot_templates::Templates;

const LIMIT: Duration = Duration::from_mins(1);

fn main() {
    let runs = std::env::args().nth(1).map_or(30, |runs| runs.parse().unwrap());
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), Permissions::from_mode(0o711)).unwrap();
    let owner = Owner::for_postgres().unwrap();
    let places = SearchPlaces { explicit: None, path: None, roots: SearchPlaces::default_roots() };
    for durability in [Durability::Ephemeral, Durability::Durable] {
        let spec = spec(durability);
        let templates = Templates::new(dir.path().join("templates"), owner.clone());
        let mut laps = Laps::default();
        let mut pss = Vec::new();
        for run in 0..=runs {
            let root = dir.path().join(format!("{durability}-{run}"));
            fs::create_dir(&root).unwrap();
            fs::set_permissions(&root, Permissions::from_mode(0o711)).unwrap();
            let place =
                Place { data_dir: root.join("data"), socket_dir: root.join("s"), log_file: root.join("log") };
            if std::env::args().nth(2).is_some_and(|word| word == "spare") {
                let installation = Installation::locate(&places, None).unwrap();
                templates.ensure(&installation, &spec).unwrap().keep_spares(1, Some(u64::MAX)).unwrap();
            }
            let mut clock = Clock(Instant::now());
            let installation = Installation::locate(&places, None).unwrap();
            let locate = clock.lap();
            let template = templates.ensure(&installation, &spec).unwrap();
            let ensure = clock.lap();
            template.clone_into(&place.data_dir).unwrap();
            let clone = clock.lap();
            let owner_lock = File::create(root.join("lock")).unwrap();
            owner_lock.lock().unwrap();
            let port = PortWish::Free { preferred: 31_000 };
            let (dies_with_parent, owner) = (true, owner.clone());
            let data_dir = place.data_dir.clone();
            let starter = ClusterStarter {
                installation,
                place,
                spec: spec.clone(),
                owner,
                port,
                owner_lock,
                dies_with_parent,
                limit: LIMIT,
            };
            let cluster = starter.start().unwrap();
            let start = clock.lap();
            let access = cluster.tcp(&spec.superuser, &spec.password, "application");
            Connection::open(&access, LIMIT).unwrap().query_one_text("SELECT 1").unwrap();
            let query = clock.lap();
            // Until the processes of the connections are gone.
            std::thread::sleep(Duration::from_millis(200));
            pss.push(pss_kib(&data_dir));
            clock.lap();
            cluster.stop(StopMode::Immediate, LIMIT).unwrap();
            let stop = clock.lap();
            fs::remove_dir_all(&root).unwrap();
            let remove = clock.lap();
            if run > 0 {
                laps.add([locate, ensure, clone, start, query, stop, remove]);
            } else {
                println!("{durability}: template made in {:.0} ms", ensure * 1e3);
            }
        }
        laps.print();
        pss.sort_unstable();
        println!("idle: {:.1} MiB PSS", f64::from(pss[pss.len() / 2]) / 1024.0);
    }
}

fn spec(durability: Durability) -> ClusterSpec {
    ClusterSpec {
        superuser: "user".into(),
        password: "password".to_owned().into(),
        databases: vec!["application".into()],
        initdb_args: Vec::new(),
        host_auth: None,
        timezone: None,
        durability,
        settings: Vec::new(),
    }
}

struct Clock(Instant);

impl Clock {
    fn lap(&mut self) -> f64 {
        let now = Instant::now();
        let lap = now - self.0;
        self.0 = now;
        lap.as_secs_f64()
    }
}

#[derive(Default)]
struct Laps(Vec<[f64; 7]>);

impl Laps {
    fn add(&mut self, laps: [f64; 7]) {
        self.0.push(laps);
    }

    fn print(&self) {
        let median = |mut values: Vec<f64>| {
            values.sort_by(f64::total_cmp);
            values[values.len() / 2] * 1e3
        };
        for (column, name) in
            ["locate", "ensure", "clone", "start", "query", "stop", "remove"].iter().enumerate()
        {
            println!("{name:>8} {:6.1} ms", median(self.0.iter().map(|laps| laps[column]).collect()));
        }
        println!(
            "{:>8} {:6.1} ms",
            "0 → query",
            median(self.0.iter().map(|laps| laps[..5].iter().sum()).collect())
        );
    }
}

/// All processes that work in the data directory.
fn pss_kib(data_dir: &std::path::Path) -> u32 {
    let pids = fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let inside =
        pids.filter(|pid| fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd == data_dir));
    let of = |pid: String| -> u32 {
        let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("Pss:"));
        line.and_then(|line| line.split_ascii_whitespace().next()?.parse().ok()).unwrap_or(0)
    };
    inside.map(of).sum()
}
