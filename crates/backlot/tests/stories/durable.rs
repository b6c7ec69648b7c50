//! What is durable: volumes of an environment, folders of the user's, and a database whose file changes.

use std::fs;
use std::path::{Path, PathBuf};

use backlot_testkit::{Stage, free_port};

use crate::BACKLOT;

/// A database in the Compose layout; `more` are further keys of its service, `top` of the file.
pub(crate) fn database(more: &str, top: &str) -> String {
    format!("services:\n  db:\n    image: postgres\n    environment: {{POSTGRES_PASSWORD: x}}\n{more}{top}")
}

pub(crate) fn stage(more: &str, top: &str) -> Stage {
    let stage = Stage::empty(BACKLOT);
    stage.file("compose.yaml", database(more, top));
    stage
}

/// Runs SQL in the database of the project in `dir`.
#[track_caller]
pub(crate) fn sql(stage: &Stage, dir: &Path, text: &str) -> String {
    let shell = stage.backlot(&["-q", "db", "shell", "-c", text, "--", "-qAt"]);
    shell.within(dir).output().assert_code(0).stdout.trim().to_owned()
}

#[track_caller]
pub(crate) fn up(stage: &Stage, dir: &Path) {
    stage.backlot(&["up", "-d", "--wait", "-q"]).within(dir).output().assert(0, "", "…");
}

#[track_caller]
pub(crate) fn down(stage: &Stage, dir: &Path, more: &[&str]) {
    let words: Vec<&str> = ["down", "-q"].iter().chain(more).copied().collect();
    stage.backlot(&words).within(dir).output().assert(0, "", "…");
}

/// Another project of this Compose file.
pub(crate) fn another(stage: &Stage, compose: String) -> PathBuf {
    let other = stage.root().join("other");
    fs::create_dir(&other).unwrap();
    fs::write(other.join("compose.yaml"), compose).unwrap();
    other
}

/// The key of a service whose data is in this volume or folder.
pub(crate) fn data_in(source: &str) -> String {
    format!("    volumes: ['{source}:{DATA}']\n")
}

const DATA: &str = "/var/lib/postgresql/data";

#[test]
fn a_bind_mount_is_that_folder_and_is_never_removed() {
    let stage = stage(&format!("    volumes: ['${{WHICH:-./a/pgdata}}:{DATA}']\n"), "");
    let project = stage.project();
    up(&stage, &project);
    sql(&stage, &project, "CREATE TABLE in_a (id int)");
    assert!(project.join("a/pgdata/PG_VERSION").exists());
    down(&stage, &project, &[]);
    stage.backlot(&["up", "-d", "--wait", "-q"]).env("WHICH", "./b").output().assert(0, "", "…");
    let seen = ["-q", "db", "shell", "-c", "SELECT to_regclass('in_a') IS NULL", "--", "-qAt"];
    stage.backlot(&seen).env("WHICH", "./b").output().assert(0, "t", "");
    down(&stage, &project, &["--volumes", "--yes"]);
    assert!(project.join("b/PG_VERSION").exists(), "a bind mount was removed");

    // What is left of a start that was killed while the cluster was copied is made anew; what is somebody else's is not.
    fs::remove_dir_all(project.join("b")).unwrap();
    fs::create_dir_all(project.join("b/.backlot-making/base")).unwrap();
    fs::create_dir_all(project.join("b/base")).unwrap();
    stage.backlot(&["up", "-d", "--wait", "-q"]).env("WHICH", "./b").output().assert(0, "", "…");
    down(&stage, &project, &[]);
    fs::remove_dir_all(project.join("b")).unwrap();
    stage.file("b/thesis.txt", "mine");
    let refused = stage.backlot(&["up", "-d"]).env("WHICH", "./b").output();
    refused.assert(
        1,
        "",
        "error: [project]/b holds files and no Postgres cluster: nothing is made there\n  help: mount an empty folder, …",
    );
    assert_eq!(fs::read_to_string(project.join("b/thesis.txt")).unwrap(), "mine");
    up(&stage, &project);
    assert_eq!(sql(&stage, &project, "SELECT to_regclass('in_a') IS NULL"), "f");
    down(&stage, &project, &[]);
    stage.assert_nothing_left();
}

#[test]
fn a_cluster_of_another_major_or_in_use_is_refused_by_name() {
    let stage = stage(&data_in("./pgdata"), "");
    let project = stage.project();
    up(&stage, &project);
    // Another checkout of the same folder.
    let other = another(&stage, database(&data_in(&project.join("pgdata").display().to_string()), ""));
    let refused = stage.backlot(&["up", "-d"]).within(&other).output().assert_code(1);
    assert!(refused.stderr.contains("already runs there"), "{refused}");
    down(&stage, &project, &[]);
    let version = fs::read_to_string(project.join("pgdata/PG_VERSION")).unwrap();
    fs::write(project.join("pgdata/PG_VERSION"), "9\n").unwrap();
    let refused = stage.backlot(&["up", "-d"]).output().assert_code(1);
    assert!(refused.stderr.contains("PostgreSQL 9"), "{refused}");
    fs::write(project.join("pgdata/PG_VERSION"), &version).unwrap();
    stage.file("compose.yaml", database(&data_in("./pgdata"), "").replace("postgres\n", "postgres:9\n"));
    let refused = stage.backlot(&["up", "-d"]).output().assert_code(1);
    assert!(refused.stderr.contains("asks for PostgreSQL 9"), "{refused}");
    stage.assert_nothing_left();
}

#[test]
fn a_database_that_its_volume_has_elsewhere_is_never_taken_for_the_one_that_is_asked_for() {
    let volume = format!("    volumes: ['pg:{DATA}']\n");
    let stage = stage(&volume, "volumes: {pg: {}}\n");
    let project = stage.project();
    up(&stage, &project);
    sql(&stage, &project, "CREATE TABLE kept (id int)");
    stage.backlot(&["down", "-q"]).output().assert_code(0);
    let before = fs::read_to_string(project.join("compose.yaml")).unwrap();
    let moved = before.replace("POSTGRES_PASSWORD", &format!("PGDATA: {DATA}/below, POSTGRES_PASSWORD"));
    assert_ne!(before, moved);
    stage.file("compose.yaml", moved);
    let refused = stage.backlot(&["up", "-d"]).output().assert_code(1);
    assert!(
        refused.stderr.contains("/data/below") && refused.stderr.contains("another would be made"),
        "{refused}"
    );
    stage.file("compose.yaml", before);
    up(&stage, &project);
    sql(&stage, &project, "SELECT FROM kept");
    down(&stage, &project, &["--volumes", "--yes"]);
    stage.assert_nothing_left();
}

#[test]
fn what_changed_of_a_database_takes_effect_at_the_next_up() {
    let (first, second) = (free_port(), free_port());
    let more = |port: u16, setting: &str, mount: &str| {
        format!(
            "    ports: ['{port}:5432']\n    command: postgres -c work_mem={setting}\n    volumes: ['{mount}:{DATA}']\n    stop_grace_period: 5s\n"
        )
    };
    let top = "  web:\n    image: busybox\n    command: sleep 600\n    depends_on: [db]\nvolumes: {pg: {}, other: {}}\n";
    let stage = stage(&more(first, "5MB", "pg"), top);
    let project = stage.project();
    up(&stage, &project);
    sql(&stage, &project, "CREATE TABLE kept (id int)");
    stage.file("compose.yaml", database(&more(second, "6MB", "pg"), top));
    stage.backlot(&["up", "-d", "--dry-run"]).output().assert(
        0,
        &format!("stop the services\nstop the server\nstart db on 127.0.0.1:{second}\nstart web"),
        "",
    );
    // A command that needs the database takes nothing away that runs.
    let shell = stage.backlot(&["db", "shell", "-c", "SHOW work_mem", "--", "-qAt"]).output().assert_code(0);
    assert_eq!(shell.stdout.trim(), "5MB");
    assert!(shell.stderr.contains("runs as the files had it before they changed"), "{shell}");
    up(&stage, &project);
    assert_eq!(sql(&stage, &project, "SHOW work_mem"), "6MB");
    assert_eq!(sql(&stage, &project, "SHOW port"), second.to_string());
    assert_eq!(sql(&stage, &project, "SELECT to_regclass('kept') IS NULL"), "f");
    let services = stage.backlot(&["ps"]).output().assert_code(0);
    assert!(services.stdout.contains("web "), "{services}");
    stage.backlot(&["up", "-d", "--dry-run"]).output().assert(0, "…", "…");
    stage.file("compose.yaml", database(&more(second, "6MB", "other"), top));
    up(&stage, &project);
    assert_eq!(sql(&stage, &project, "SELECT to_regclass('kept') IS NULL"), "t", "it is another volume");

    // A port that somebody else has is told before the server is stopped.
    let held = std::net::TcpListener::bind(("127.0.0.1", first)).unwrap();
    stage.file("compose.yaml", database(&more(first, "6MB", "other"), top));
    let refused = stage.backlot(&["up", "-d"]).output().assert_code(1);
    assert!(refused.stderr.contains(&format!("port {first}, which service db publishes")), "{refused}");
    assert_eq!(sql(&stage, &project, "SHOW work_mem"), "6MB");
    drop(held);
    down(&stage, &project, &["--volumes", "--yes"]);
    stage.assert_nothing_left();
}

#[test]
fn what_counts_only_when_a_database_is_made_is_said() {
    let with = |variables: &str| {
        format!(
            "services:\n  db:\n    image: postgres\n    environment: {{POSTGRES_PASSWORD: x{variables}}}\n    volumes: ['pg:{DATA}']\nvolumes: {{pg: {{}}}}\n"
        )
    };
    let stage = Stage::empty(BACKLOT);
    stage.file("compose.yaml", with(""));
    let project = stage.project();
    up(&stage, &project);
    // While it runs, and when it does not.
    let changed = with("").replace("POSTGRES_PASSWORD: x", "POSTGRES_PASSWORD: y");
    for runs in [true, false] {
        stage.file("compose.yaml", &changed);
        let refused = stage.backlot(&["up", "-d"]).output().assert_code(1);
        assert!(
            refused.stderr.contains("POSTGRES_PASSWORD of service db is not what volume pg was made with"),
            "{refused}"
        );
        assert!(refused.stderr.contains("ALTER ROLE"), "{refused}");
        let dry = stage.backlot(&["up", "-d", "--dry-run"]).output().assert_code(1);
        assert_eq!(dry.stderr, refused.stderr);
        let doctor = stage.backlot(&["doctor"]).output();
        assert!(doctor.stdout.contains("POSTGRES_PASSWORD of service db is not what"), "{doctor}");
        assert!(!refused.stderr.contains('y'.to_string().repeat(2).as_str()), "{refused}");
        stage.file("compose.yaml", with(""));
        if runs {
            assert_eq!(sql(&stage, &project, "SELECT 1"), "1");
            down(&stage, &project, &[]);
        }
    }
    // Whoever has changed it in the database, too, goes on.
    up(&stage, &project);
    sql(&stage, &project, "ALTER ROLE postgres PASSWORD 'y'");
    stage.file("compose.yaml", &changed);
    up(&stage, &project);
    assert_eq!(sql(&stage, &project, "SELECT 1"), "1");
    // The image ignores these, and says nothing.
    stage.file(
        "compose.yaml",
        with(", POSTGRES_DB: shop").replace("POSTGRES_PASSWORD: x", "POSTGRES_PASSWORD: y"),
    );
    let warned = stage.backlot(&["up", "-d", "--wait"]).output().assert_code(0);
    assert!(
        warned.stderr.contains("POSTGRES_DB of service db is shop, and volume pg was made with postgres"),
        "{warned}"
    );
    down(&stage, &project, &["--volumes", "--yes"]);
    stage.assert_nothing_left();
}

#[test]
fn a_shared_folder_is_remembered_with_its_version() {
    let stage = stage(&data_in("pg"), "volumes: {pg: {}}\n");
    let project = stage.project();
    up(&stage, &project);
    let volumes: Vec<PathBuf> = walk(&stage.home(), "volume.json");
    let [record] = &volumes[..] else { panic!("{volumes:?}") };
    let record: serde_json::Value = serde_json::from_str(&fs::read_to_string(record).unwrap()).unwrap();
    assert!(record["clusters"][""]["major"].as_u64().unwrap() >= 10, "{record}");
    assert!(!record.to_string().contains("password"), "{record}");
    down(&stage, &project, &["--volumes", "--yes"]);
    stage.assert_nothing_left();
}

/// The files of a name below a directory.
fn walk(dir: &Path, name: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path());
    entries
        .flat_map(|path| if path.is_dir() && !path.is_symlink() { walk(&path, name) } else { vec![path] })
        .filter(|path| path.file_name().is_some_and(|file| file == name))
        .collect()
}

/// A server that keeps a number in its directory, and adds one whenever it ends well.
const REDIS: &str = "\
#!/usr/bin/env python3
import os, signal, socket, sys
words = sys.argv[1:]
port = int(words[words.index('--port') + 1]) if '--port' in words else 6379
if '--dir' in words: os.chdir(words[words.index('--dir') + 1])
def end(*_):
    count = int(open('dump').read()) if os.path.exists('dump') else 0
    open('dump', 'w').write(str(count + 1))
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
server = socket.create_server(('127.0.0.1', port))
while True: server.accept()[0].close()
";

#[test]
fn other_servers_keep_what_their_volume_says_and_nothing_in_the_project() {
    let compose = |volume: &str| {
        format!(
            "services:\n  db: {{image: postgres, environment: {{POSTGRES_PASSWORD: x}}}}\n  cache:\n    image: 'redis:7'\n    volumes: ['{volume}:/data']\nvolumes: {{rd: {{}}}}\n"
        )
    };
    let stage = Stage::empty(BACKLOT);
    stage.program("bin/redis-server", REDIS);
    let path = format!("{}:{}", stage.project().join("bin").display(), std::env::var("PATH").unwrap());
    let stage = stage.with("PATH", path);
    let project = stage.project();
    stage.file("compose.yaml", compose("rd"));
    up(&stage, &project);
    stage.backlot(&["restart", "cache", "-q"]).output().assert(0, "", "…");
    down(&stage, &project, &[]);
    let kept = |name: &str| {
        walk(&stage.home(), name).iter().map(|path| fs::read_to_string(path).unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(kept("dump"), ["2"], "one for the restart, one for the end");
    // A scenario has a folder of its own, which goes with it.
    stage.backlot(&["scenario", "up", "s", "-q"]).output().assert(0, "", "…");
    stage.backlot(&["scenario", "down", "s", "-q"]).output().assert(0, "", "…");
    assert_eq!(kept("dump"), ["2"]);
    down(&stage, &project, &["--volumes", "--yes"]);
    assert!(kept("dump").is_empty());
    stage.file("compose.yaml", compose("./cache"));
    up(&stage, &project);
    down(&stage, &project, &["--volumes", "--yes"]);
    assert_eq!(fs::read_to_string(project.join("cache/dump")).unwrap(), "1");
    assert!(!project.join("dump").exists(), "it was written into the project");
    stage.assert_nothing_left();
}

#[test]
fn an_images_data_folder_is_there_where_nothing_is_mounted() {
    let stage = Stage::empty(BACKLOT);
    let project = stage.project();
    stage.file(
        "compose.yaml",
        "services:\n  cache:\n    image: redis:7\n    command: sh -c 'echo kept > /data/file; cat file; exec sleep 1000'\n",
    );
    up(&stage, &project);
    let logs = stage.backlot(&["logs", "cache"]).output();
    assert!(logs.stdout.ends_with("| kept\n"), "{logs}");
    down(&stage, &project, &[]);
    assert!(!project.join("file").exists() && !std::path::Path::new("/data/file").exists());
    stage.assert_nothing_left();
}

#[test]
fn the_environment_of_the_tests_does_not_get_developments_folder() {
    let stage = stage(&data_in("./pgdata"), "");
    let project = stage.project();
    up(&stage, &project);
    sql(&stage, &project, "CREATE TABLE precious (id int)");
    let testing = |words: &[&str]| stage.backlot(&[&["-e", "testing", "-q"], words].concat()).output();
    let seen = testing(&["db", "shell", "-c", "SELECT to_regclass('precious') IS NULL", "--", "-qAt"]);
    seen.assert(0, "t", "");
    testing(&["down"]).assert(0, "", "");
    down(&stage, &project, &["-v", "--yes"]);
    assert!(project.join("pgdata/PG_VERSION").exists());
    stage.assert_nothing_left();
}

#[test]
fn what_was_copied_or_removed_by_half_is_taken_for_no_database() {
    let stage = stage(&format!("    volumes: ['./pgdata:{DATA}', 'pg:/unused']\n"), "volumes: {pg: {}}\n");
    let project = stage.project();
    // The copy itself was whole; its place was not taken yet.
    up(&stage, &project);
    down(&stage, &project, &[]);
    fs::rename(project.join("pgdata"), project.join("copy")).unwrap();
    fs::create_dir(project.join("pgdata")).unwrap();
    fs::rename(project.join("copy"), project.join("pgdata/.backlot-making")).unwrap();
    up(&stage, &project);
    assert_eq!(sql(&stage, &project, "SELECT 1"), "1");
    down(&stage, &project, &[]);
    // A folder of a single database has a version, too.
    let base = project.join("pgdata/base/1");
    assert!(base.join("PG_VERSION").exists());
    fs::remove_file(project.join("pgdata/PG_VERSION")).unwrap();
    for words in [&["up", "-d"][..], &["up", "--dry-run"]] {
        let refused = stage.backlot(words).output().assert_code(1);
        assert!(refused.stderr.contains("holds files and no Postgres cluster"), "{refused}");
    }
    stage.assert_nothing_left();
}
