//! Servers of the real Postgres, from their start to their end.

use std::fs;
use std::net::TcpListener;
use std::thread;

use backlot_postgres::{ClusterSpec, Durability, PortWish, RunningCluster, StartError, StopMode, Stopped};
use backlot_process::{ProcessId, Program, Signal, SpawnOptions};

use crate::world::{LIMIT, World, connect, eventually, is_unlocked, names, query, spec, stop};

#[test]
fn from_nothing_to_a_database_and_back() {
    let world = World::new();
    let spec = spec(Durability::Ephemeral);
    let place = world.clone_of(&spec, "one");
    let cluster = world.start(&place, &spec).unwrap();
    let mut connection = connect(&cluster, &spec, "application");
    connection.run("CREATE TABLE t (x int); INSERT INTO t VALUES (1), (2)").unwrap();
    assert_eq!(query(&mut connection, "SELECT count(*) FROM t"), "2");
    let expected = [
        ("fsync", "off"),
        ("wal_level", "minimal"),
        ("server_encoding", "UTF8"),
        ("lc_collate", "C.UTF-8"),
        ("TimeZone", "Etc/UTC"),
        ("listen_addresses", "127.0.0.1"),
        ("password_encryption", "scram-sha-256"),
    ];
    for (setting, value) in expected {
        let asked = format!("SELECT current_setting('{setting}')");
        assert_eq!(query(&mut connection, &asked), value, "{setting}");
    }
    drop(connection);
    stop(&cluster);
    assert!(!cluster.is_alive());
    assert_eq!(cluster.stop(StopMode::Fast, LIMIT).unwrap(), Stopped::AlreadyGone);
    assert!(names(&place.socket_dir).is_empty());
}

#[test]
fn the_lock_is_held_by_the_server_alone_and_as_long_as_it_lives() {
    let world = World::new();
    let spec = spec(Durability::Ephemeral);
    let place = world.clone_of(&spec, "one");
    let cluster = world.start(&place, &spec).unwrap();
    // Our own descriptor is closed: the starter had it.
    assert!(!is_unlocked(&place));
    #[cfg(target_os = "linux")]
    {
        let files = fs::read_dir(format!("/proc/{}/fd", cluster.process.pid)).unwrap();
        let targets: Vec<_> = files.map(|file| fs::read_link(file.unwrap().path()).unwrap()).collect();
        assert!(targets.contains(&crate::world::lock_path(&place)), "{targets:?}");
        let strange = targets.iter().find(|target| target.to_string_lossy().contains("templates"));
        assert_eq!(strange, None, "it keeps no file of ours but the lock");
    }
    // Even with the postmaster gone, its processes hold it until the last one has noticed.
    let backend = query(&mut connect(&cluster, &spec, "application"), "SELECT pg_backend_pid()");
    assert_ne!(backend, cluster.process.pid.to_string());
    cluster.stop(StopMode::Immediate, LIMIT).unwrap();
    assert!(eventually(LIMIT, || is_unlocked(&place)));
}

#[test]
fn the_password_is_asked_for_and_is_nowhere_to_be_seen() {
    let world = World::new();
    let spec = spec(Durability::Ephemeral);
    let place = world.clone_of(&spec, "one");
    let cluster = world.start(&place, &spec).unwrap();
    let wrong = "wrong".to_owned().into();
    let access = cluster.tcp(&spec.superuser, &wrong, "application");
    let error = backlot_postgres::Connection::open(&access, LIMIT).err().expect("the password is wrong");
    assert_eq!(error.code(), Some("28P01"), "{error}");
    // Whoever gets to the socket is this account, or root.
    let access = cluster.socket(&spec.superuser, &wrong, "application");
    backlot_postgres::Connection::open(&access, LIMIT).unwrap();
    #[cfg(target_os = "linux")]
    for pid in world.processes() {
        for file in ["cmdline", "environ"] {
            let Ok(bytes) = fs::read(format!("/proc/{pid}/{file}")) else { continue };
            assert!(!String::from_utf8_lossy(&bytes).contains("wörd"), "{file} of {pid}");
        }
    }
    stop(&cluster);

    // What is thrown away was made with the password a moment ago; what is kept may be old.
    let other = ClusterSpec { password: wrong, durability: Durability::Durable, ..spec };
    let error = world.start(&place, &other).unwrap_err();
    assert!(matches!(&error, StartError::Rejected(error) if error.code() == Some("28P01")), "{error:?}");
    assert!(eventually(LIMIT, || world.processes().is_empty()));
}

#[test]
fn a_port_in_use_is_told_or_passed_over() {
    let world = World::new();
    let spec = spec(Durability::Ephemeral);
    let place = world.clone_of(&spec, "one");
    let listener = (20_100..32_000).find_map(|port| TcpListener::bind(("127.0.0.1", port)).ok()).unwrap();
    let port = listener.local_addr().unwrap().port();

    let mut starter = world.starter(&place, &spec);
    starter.port = PortWish::Exact(port);
    let error = starter.start().unwrap_err();
    let StartError::PortInUse { port: told, holder } = &error else { panic!("{error:?}") };
    assert_eq!(*told, port);
    #[cfg(target_os = "linux")]
    assert_eq!(holder.as_ref().unwrap().pid(), i32::try_from(std::process::id()).ok());

    let mut starter = world.starter(&place, &spec);
    starter.port = PortWish::Free { preferred: port };
    let cluster = starter.start().unwrap();
    assert!(cluster.port > port);
    stop(&cluster);
}

#[test]
fn several_that_want_the_same_port_all_get_one() {
    let world = World::new();
    let spec = spec(Durability::Ephemeral);
    let places: Vec<_> = (0..3).map(|number| world.clone_of(&spec, &number.to_string())).collect();
    let start = |place| {
        let mut starter = world.starter(place, &spec);
        starter.port = PortWish::Free { preferred: 20_000 };
        starter.start().unwrap()
    };
    let clusters: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> = places.iter().map(|place| scope.spawn(move || start(place))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let mut ports: Vec<u16> = clusters.iter().map(|cluster| cluster.port).collect();
    ports.sort_unstable();
    ports.dedup();
    assert_eq!(ports.len(), clusters.len());
    clusters.iter().for_each(stop);
}

#[test]
#[cfg(target_os = "linux")]
fn one_that_is_bound_to_us_stops_when_we_end() {
    let world = World::new();
    let spec = spec(Durability::Ephemeral);
    let place = world.clone_of(&spec, "one");
    let mut starter = world.starter(&place, &spec);
    starter.dies_with_parent = true;
    // The thread stands for the process.
    let cluster = thread::spawn(|| starter.start().unwrap()).join().unwrap();
    assert!(cluster.process.wait_gone(LIMIT));
    assert!(eventually(LIMIT, || names(&place.socket_dir).is_empty() && is_unlocked(&place)));
}

#[test]
fn a_wish_for_replicas_is_honoured() {
    let world = World::new();
    let settings = vec![("wal_level".into(), "logical".into()), ("max_connections".into(), "33".into())];
    let spec = ClusterSpec { settings, ..spec(Durability::Ephemeral) };
    let place = world.clone_of(&spec, "one");
    let cluster = world.start(&place, &spec).unwrap();
    let mut connection = connect(&cluster, &spec, "application");
    assert_eq!(query(&mut connection, "SHOW wal_level"), "logical");
    assert_eq!(query(&mut connection, "SHOW max_connections"), "33");
    stop(&cluster);
}

#[test]
fn a_setting_that_postgres_does_not_know_is_told_in_its_own_words() {
    let world = World::new();
    let settings = vec![("no_such_setting".into(), "1".into())];
    let spec = ClusterSpec { settings, ..spec(Durability::Ephemeral) };
    let place = world.clone_of(&spec, "one");
    let error = world.start(&place, &spec).unwrap_err();
    let StartError::Died { last_lines, .. } = &error else { panic!("{error:?}") };
    assert!(last_lines.iter().any(|line| line.contains("no_such_setting")), "{last_lines:?}");
    assert!(
        error
            .to_string()
            .starts_with("start Postgres: it ended with exit code 1; the last lines of its log:\n")
    );
}

#[test]
fn a_second_server_in_the_same_place_is_refused() {
    let world = World::new();
    let spec = spec(Durability::Ephemeral);
    let place = world.clone_of(&spec, "one");
    let cluster = world.start(&place, &spec).unwrap();
    // As if the lock had been forgotten.
    fs::remove_file(crate::world::lock_path(&place)).unwrap();
    let error = world.start(&place, &spec).unwrap_err();
    assert!(
        matches!(error, StartError::AlreadyRunning { pid, .. } if pid == cluster.process.pid),
        "{error:?}"
    );
    connect(&cluster, &spec, "application");
    stop(&cluster);
}

#[test]
fn a_record_of_another_process_stops_nobody() {
    let world = World::new();
    let spec = spec(Durability::Ephemeral);
    let place = world.clone_of(&spec, "one");
    let cluster = world.start(&place, &spec).unwrap();
    let mut older = cluster.clone();
    older.process = ProcessId { started: cluster.process.started - 1, ..cluster.process };
    assert_eq!(older.stop(StopMode::Fast, LIMIT).unwrap(), Stopped::AlreadyGone);
    assert!(cluster.is_alive());
    assert!(!names(&place.socket_dir).is_empty(), "the socket belongs to the one that runs");
    stop(&cluster);
    assert!(eventually(LIMIT, || world.processes().is_empty()));
    // One that does not hear is stopped harder than asked.
    let deaf = Program::new("/bin/sh").args(["-c", "trap '' INT QUIT; exec /bin/sleep 60"]);
    let mut deaf = deaf.spawn(SpawnOptions::default()).unwrap();
    let is_deaf = || {
        fs::read_to_string(format!("/proc/{}/comm", deaf.id().pid)).is_ok_and(|name| name.trim() == "sleep")
    };
    assert!(!cfg!(target_os = "linux") || eventually(LIMIT, is_deaf));
    let other = RunningCluster::attach(deaf.id(), cluster.port, &place.socket_dir, &place.data_dir);
    let limit = std::time::Duration::from_millis(50);
    assert_eq!(other.stop(StopMode::Immediate, limit).unwrap(), Stopped::Forced);
    let _ = deaf.wait(LIMIT);
}

#[test]
fn a_halted_server_goes_on_to_stop_as_it_is_asked() {
    let world = World::new();
    let spec = spec(Durability::Durable);
    let place = world.clone_of(&spec, "one");
    let cluster = world.start(&place, &spec).unwrap();
    assert!(cluster.process.signal(Signal::SIGSTOP).unwrap());
    assert_eq!(cluster.stop(StopMode::Fast, LIMIT).unwrap(), Stopped::AsAsked);
    assert!(place.was_stopped_cleanly().unwrap());
}

#[test]
#[cfg(target_os = "linux")]
fn a_server_that_recovers_from_the_crash_of_one_of_its_processes_stops_without_delay() {
    let world = World::new();
    let spec = spec(Durability::Durable);
    let place = world.clone_of(&spec, "one");
    for _ in 0..3 {
        let cluster = world.start(&place, &spec).unwrap();
        let processes = backlot_process::with_descendants(cluster.process.pid);
        let child = ProcessId::of(processes[1]).unwrap();
        assert!(child.signal(Signal::SIGKILL).unwrap());
        // On a quick machine it may be over before it is seen.
        let _ = eventually(std::time::Duration::from_secs(2), || {
            backlot_postgres::is_recovering(cluster.process)
        });
        let limit = std::time::Duration::from_secs(20);
        assert_eq!(cluster.stop(StopMode::Fast, limit).unwrap(), Stopped::AsAsked);
    }
}
