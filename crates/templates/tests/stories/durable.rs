//! Clusters whose data is kept.

use std::fs;

use backlot_postgres::{ClusterSpec, Durability, StartError};
use backlot_process::{ProcessId, Signal};

use crate::world::{LIMIT, World, connect, eventually, is_unlocked, query, spec, stop};

#[test]
fn data_survives_a_stop() {
    let world = World::new();
    let spec = spec(Durability::Durable);
    let place = world.clone_of(&spec, "one");
    let cluster = world.start(&place, &spec).unwrap();
    let mut connection = connect(&cluster, &spec, "application");
    connection.run("CREATE TABLE t AS SELECT 1 AS x").unwrap();
    for (setting, value) in [("fsync", "on"), ("full_page_writes", "on"), ("wal_segment_size", "16MB")] {
        assert_eq!(query(&mut connection, &format!("SHOW {setting}")), value, "{setting}");
    }
    drop(connection);
    stop(&cluster);
    assert!(place.was_stopped_cleanly().unwrap());

    let cluster = world.start(&place, &spec).unwrap();
    assert_eq!(query(&mut connect(&cluster, &spec, "application"), "SELECT x FROM t"), "1");
    stop(&cluster);
}

#[test]
#[cfg(target_os = "linux")]
fn data_survives_a_kill_of_everything() {
    let world = World::new();
    let spec = spec(Durability::Durable);
    let place = world.clone_of(&spec, "one");
    let cluster = world.start(&place, &spec).unwrap();
    let mut connection = connect(&cluster, &spec, "application");
    connection.run("CREATE TABLE t AS SELECT generate_series(1, 1000) AS x").unwrap();
    let memory = shared_memory(&fs::read_to_string(place.data_dir.join("postmaster.pid")).unwrap());
    assert!(memory_is_there(&memory));

    for process in world.processes().into_iter().filter_map(ProcessId::of) {
        process.signal(Signal::SIGKILL).unwrap();
    }
    assert!(eventually(LIMIT, || is_unlocked(&place)));
    cluster.process.reap();
    assert!(!place.was_stopped_cleanly().unwrap());
    assert!(place.data_dir.join("postmaster.pid").exists());

    // Its number may by now be that of another program of the same account.
    let mut other = backlot_process::Program::new("/bin/sleep").arg("60").run_as(&world.owner);
    other = other.current_dir("/");
    let mut other = other.spawn(backlot_process::SpawnOptions::default()).unwrap();
    let pid_file = place.data_dir.join("postmaster.pid");
    let text = fs::read_to_string(&pid_file).unwrap();
    let rest = text.split_once('\n').unwrap().1;
    fs::write(&pid_file, format!("{}\n{rest}", other.id().pid)).unwrap();

    let cluster = world.start(&place, &spec).unwrap();
    assert_eq!(query(&mut connect(&cluster, &spec, "application"), "SELECT count(*) FROM t"), "1000");
    other.kill().unwrap();
    stop(&cluster);
}

#[test]
#[cfg(target_os = "linux")]
fn a_killed_server_leaves_no_shared_memory_once_it_has_been_stopped() {
    use backlot_postgres::{StopMode, Stopped};
    let world = World::new();
    let spec = spec(Durability::Ephemeral);
    let place = world.clone_of(&spec, "one");
    let cluster = world.start(&place, &spec).unwrap();
    let memory = shared_memory(&fs::read_to_string(place.data_dir.join("postmaster.pid")).unwrap());
    cluster.process.signal(Signal::SIGKILL).unwrap();
    // A process lets go of its files a moment before it is gone.
    assert!(eventually(LIMIT, || is_unlocked(&place)) && cluster.process.wait_gone(LIMIT));
    assert!(memory_is_there(&memory));
    assert_eq!(cluster.stop(StopMode::Fast, LIMIT).unwrap(), Stopped::AlreadyGone);
    assert!(!memory_is_there(&memory));
    assert!(crate::world::names(&place.socket_dir).is_empty());
}

/// The number of the shared memory that a pid file names.
#[cfg(target_os = "linux")]
fn shared_memory(pid_file: &str) -> String {
    pid_file.lines().nth(6).unwrap().split_ascii_whitespace().nth(1).unwrap().to_owned()
}

#[cfg(target_os = "linux")]
fn memory_is_there(id: &str) -> bool {
    let table = fs::read_to_string("/proc/sysvipc/shm").unwrap();
    table.lines().any(|line| line.split_ascii_whitespace().nth(1) == Some(id))
}

#[test]
fn data_of_another_major_version_is_left_alone() {
    let world = World::new();
    let spec = ClusterSpec { databases: Vec::new(), ..spec(Durability::Durable) };
    let place = world.clone_of(&spec, "one");
    fs::write(place.data_dir.join("PG_VERSION"), "11\n").unwrap();
    let error = world.start(&place, &spec).unwrap_err();
    assert!(matches!(&error, StartError::WrongVersion { data, .. } if data == "11"), "{error:?}");
}
