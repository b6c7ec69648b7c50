//! Hostile surroundings: files that are no files, umasks, storms of Ctrl-C, and what others listen on.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::time::{Duration, Instant};

use backlot_process::Signal;
use backlot_testkit::{Stage, free_port};
use nix::sys::stat::Mode;
use nix::unistd::{geteuid, mkfifo};

use crate::{BACKLOT, USERS_SQL};

const COMPOSE: &str = "\
services:
  db:
    image: postgres
    environment: {POSTGRES_PASSWORD: secret}
  web:
    build: .
    env_file: [web.env]
    volumes: ['./mounted:/etc/mounted']
";

fn project() -> Stage {
    let stage = Stage::empty(BACKLOT);
    stage.file("compose.yaml", COMPOSE).file("web.env", "A=1\n").file(".env", "B=1\n");
    stage.file("Dockerfile", "FROM debian\nCMD sleep 100\n").file("mounted", "x");
    stage.file("scenarios/users.sql", USERS_SQL).file("scenarios/many/1.csv", "id\n1\n");
    stage
}

/// Puts something in a file's place.
type Put = fn(&Path);

/// What is put there, and what is said of it.
const KINDS: [(&str, Put); 5] = [
    ("it is a named pipe, not a regular file", |path| mkfifo(path, Mode::S_IRWXU).unwrap()),
    ("it is a device, not a regular file", |path| symlink("/dev/zero", path).unwrap()),
    ("it is a socket, not a regular file", |path| {
        // A path to a socket has to be short.
        let short = tempfile::tempdir_in("/tmp").unwrap();
        drop(UnixListener::bind(short.path().join("s")).unwrap());
        fs::rename(short.path().join("s"), path).unwrap();
    }),
    ("is a directory", |path| fs::create_dir(path).unwrap()),
    ("larger than 4", |path| fs::File::create(path).unwrap().set_len(6 << 30).unwrap()),
];

#[test]
fn what_is_no_file_is_named_and_nothing_is_waited_for() {
    for (said, put) in KINDS {
        let files: [(&str, &[&str]); 7] = [
            ("compose.yaml", &["config"]),
            ("compose.override.yaml", &["config"]),
            (".env", &["config"]),
            ("web.env", &["config"]),
            ("Dockerfile", &["up", "--dry-run", "web"]),
            ("scenarios/users.sql", &["scenario", "up", "users", "--dry-run"]),
            ("scenarios/many/1.csv", &["scenario", "up", "many", "--dry-run"]),
        ];
        for (file, arguments) in files {
            // A folder `.env` is a virtual environment. What fills a scenario may be as large as it likes.
            if (file == ".env" && said == "is a directory")
                || (file.starts_with("scenarios/") && said.starts_with("larger"))
            {
                continue;
            }
            let stage = project();
            let path = stage.project().join(file);
            let _ = fs::remove_file(&path);
            put(&path);
            let start = Instant::now();
            let told = stage.backlot(arguments).output().assert_code(1);
            assert!(told.stderr.contains(&format!("[project]/{file}")), "{file}: {told}");
            assert!(told.stderr.contains(said), "{file}: {told}");
            assert!(start.elapsed() < Duration::from_secs(20), "{file}: {:?}", start.elapsed());
        }
        // Mounted, it is the service's.
        let stage = project();
        fs::remove_file(stage.project().join("mounted")).unwrap();
        put(&stage.project().join("mounted"));
        stage.backlot(&["up", "--dry-run"]).output().assert(0, "…", "");
    }
}

#[test]
fn a_long_env_file_is_read_in_no_time() {
    use std::fmt::Write;
    let stage = project();
    let mut text = String::new();
    for number in 0..20_000 {
        writeln!(text, "NAME_{number}=value {number}").unwrap();
    }
    stage.file(".env", &text).file("web.env", &text);
    let start = Instant::now();
    stage.backlot(&["config", "-q"]).output().assert_code(0);
    // It took minutes of an unoptimised build.
    assert!(start.elapsed() < Duration::from_secs(30), "{:?}", start.elapsed());
}

#[test]
fn a_program_that_cannot_be_run_is_not_said_to_be_missing() {
    for (text, mode, said, way_out) in [
        ("#!/bin/sh\n", 0o644, "is not executable", "chmod +x"),
        ("#!/bin/sh\r\n", 0o755, "has Windows line endings", "sed -i"),
        ("#!/no/such\n", 0o755, "begins with #!/no/such, which is not there", "install /no/such"),
    ] {
        let stage = Stage::empty(BACKLOT);
        stage.file(
            "compose.yaml",
            "services: {a: {image: debian, command: ./run.sh, working_dir: /app, volumes: ['.:/app']}}",
        );
        stage.file("run.sh", text);
        fs::set_permissions(stage.project().join("run.sh"), Permissions::from_mode(mode)).unwrap();
        let told = stage.backlot(&["up", "-d"]).output().assert_code(1);
        let expected = format!("error: service a runs [project]/run.sh, which {said}");
        assert!(told.stderr.starts_with(&expected) && told.stderr.contains(way_out), "{told}");
        assert!(!told.stderr.contains("not there\n") || said.contains("not there"), "{told}");
        stage.assert_nothing_left();
    }
}

#[test]
fn whatever_the_umask_is_the_server_gets_through_and_what_is_private_stays_so() {
    for mask in ["027", "077", "0777"] {
        let stage = project();
        let under = |line: &str| {
            let line = format!("umask {mask}; exec \"$0\" {line}");
            stage.run("sh", &["-c", &line, stage.binary()]).output()
        };
        under("scenario up users -q").assert_code(0);
        let told = under("scenario run users -- sh -c umask").assert_code(0);
        assert_eq!(told.stdout.trim().trim_start_matches('0'), mask.trim_start_matches('0'), "{told}");
        let records =
            stage.run("find", &[&stage.home().display().to_string(), "-name", "live.json"]).output();
        for record in records.stdout.lines() {
            let record = record.replace("[home]", &stage.home().display().to_string());
            assert_eq!(fs::metadata(&record).unwrap().permissions().mode() & 0o777, 0o600, "{record}");
        }
        under("scenario down users -q").assert_code(0);
        stage.assert_nothing_left();
    }
}

#[test]
fn a_storm_of_ctrl_c_ends_with_130_and_leaves_nothing() {
    let stage = project();
    let slow = format!("{USERS_SQL} SELECT pg_sleep(0.5);");
    stage.file("scenarios/users.sql", &slow);
    for (round, verb) in [&["up"][..], &["scenario", "up", "users"], &["run", "--", "sleep", "9"]]
        .iter()
        .cycle()
        .take(12)
        .enumerate()
    {
        let mut run = stage.backlot(verb).start();
        std::thread::sleep(Duration::from_millis(30 * u64::try_from(round).unwrap()));
        let status = loop {
            // It may have ended between the two.
            let _ = run.signal(Signal::SIGINT);
            if let Some(status) = run.wait(Duration::from_millis(3)).unwrap() {
                break status;
            }
        };
        assert_eq!(backlot_process::exit_code(status), 130, "round {round}: {verb:?}");
        // An `up` that had come so far keeps its server for the next one.
        stage.backlot(&["down", "--volumes", "--yes", "-q"]).output();
    }
    stage.backlot(&["scenario", "down", "users", "-q"]).output();
    stage.assert_nothing_left();
}

/// Somebody else who accepts and says nothing.
#[test]
fn another_account_on_a_port_is_named_and_keeps_nobody_waiting() {
    if !geteuid().is_root() || !cfg!(target_os = "linux") {
        return;
    }
    let (stage, port) = (project(), free_port());
    stage.file(
        "compose.yaml",
        format!("services: {{db: {{image: postgres, environment: {{POSTGRES_PASSWORD: x}}, ports: ['{port}:5432']}}}}"),
    );
    let listen = format!(
        "import socket,time; s=socket.create_server(('127.0.0.1',{port})); print('on', flush=True); time.sleep(60)"
    );
    let other = ["--reuid", "65534", "--regid", "65534", "--clear-groups", "/usr/bin/python3", "-c", &listen];
    let mut other = stage.run("setpriv", &other).start();
    let listens = || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok();
    crate::blog::wait_until("it listens", listens);
    let start = Instant::now();
    let told = stage.backlot(&["up", "-d"]).output().assert_code(1);
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    let said = format!("error: port {port}, which service db publishes, is in use by process ");
    assert!(told.stderr.starts_with(&said) && told.stderr.contains(" of the account nobody ("), "{told}");
    other.signal(Signal::SIGKILL).unwrap();
    let _ = other.wait(Duration::from_secs(5));
    stage.assert_nothing_left();
}
