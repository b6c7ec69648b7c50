//! `backlot up`: whole stacks, on the examples as they are, but for the ports that they publish.

use std::time::{Duration, Instant};

use backlot_process::Signal;
use backlot_testkit::{Stage, free_port, get};
use serde_json::Value;

use crate::blog::{Blog, blog, in_service, printed, ps, replicas, single, wait_until};
use crate::{BACKLOT, has_views};

#[test]
fn development_in_the_background() {
    let Blog { stage, web, .. } = &blog();
    stage.under_git();
    let up = stage.backlot(&["up", "-d", "--wait"]).output().assert_code(0);
    assert!(up.stdout.contains(&format!("web: http://127.0.0.1:{web}")), "{up}");
    assert_eq!(get(*web, "/").unwrap(), (200, "Hello, World!".into()));
    stage.backlot(&["create-initial-db", "-q"]).output().assert_prints("");
    stage.backlot(&["flask", "db", "upgrade"]).output().assert_code(0);
    assert_eq!(get(*web, "/users").unwrap(), (200, "Number of users: 0".into()));
    let services = ps(stage, "development");
    assert_eq!(services.len(), 2);
    for service in &services {
        let replica = &service["replicas"][0];
        assert_eq!(
            (&replica["state"], &replica["health"]),
            (&"running".into(), &"healthy".into()),
            "{service}"
        );
        assert!(replica["memory"].as_u64().unwrap() > 1_000_000, "{service}");
    }
    stage.backlot(&["wait", "db"]).output().assert_prints("");
    let one = ["exec", "db", "psql", "-U", "postgres", "-Atc", "SELECT 1"];
    stage.backlot(&one).output().assert_prints("1");
    stage
        .backlot(&["exec", "web", "python", "-c", "import wsgi; print('here')"])
        .output()
        .assert_prints("here");
    let logs = stage.backlot(&["logs", "--tail", "1", "web"]).output().assert_code(0);
    assert!(logs.stdout.starts_with("web-1    | 127.0.0.1") && logs.stdout.contains("GET /users"), "{logs}");
    let top = stage.backlot(&["top", "web"]).output().assert_code(0);
    assert!(top.stdout.contains("flask run"), "{top}");
    // A second one has nothing to do.
    let pid = replicas(&services, "web")[0]["pid"].clone();
    stage.backlot(&["up", "-d", "--wait", "-q"]).output().assert(0, "", "…");
    assert_eq!(replicas(&ps(stage, "development"), "web")[0]["pid"], pid);
    stage.assert_clean_tree();
    stage.backlot(&["down", "--volumes", "--yes", "-q"]).output().assert_prints("");
    assert!(get(*web, "/").is_err());
    stage.backlot(&["ps"]).output().assert(0, "", "nothing of development is up");
}

#[test]
fn development_in_the_foreground_until_ctrl_c() {
    let Blog { stage, web, .. } = &blog();
    let mut run = stage.backlot(&["up"]).start();
    wait_until("web answers", || get(*web, "/").is_ok());
    wait_until("its log is shown", || printed(stage).contains("web-1    | 127.0.0.1"));
    run.signal(Signal::SIGINT).unwrap();
    let status = run.wait(Duration::from_secs(30)).unwrap().expect("it ends");
    assert_eq!(backlot_process::exit_code(status), 130);
    assert!(printed(stage).contains("db-1     | "), "{}", printed(stage));
    stage.backlot(&["down", "--volumes", "--yes", "-q"]).output().assert_code(0);
}

#[test]
fn a_foreground_whose_client_is_killed_stops() {
    let Blog { stage, web, .. } = &blog();
    let mut run = stage.backlot(&["up"]).start();
    wait_until("web answers", || get(*web, "/").is_ok());
    run.signal(Signal::SIGKILL).unwrap();
    run.wait(Duration::from_secs(10)).unwrap();
    wait_until("everything stops", || ps(stage, "development").is_empty());
    stage.backlot(&["down", "--volumes", "--yes", "-q"]).output().assert_code(0);
}

#[test]
fn production_scaled_behind_the_real_nginx() {
    let blog = blog();
    let up = blog.production(&["up", "-d", "--wait", "--scale", "web=2"]).assert_code(0);
    assert!(up.stdout.contains(&format!("nginx: http://127.0.0.1:{}", blog.nginx)), "{up}");
    assert_eq!(get(blog.nginx, "/").unwrap(), (200, "Hello, World!".into()));
    wait_until("the request is in nginx's log", || {
        blog.production(&["logs", "nginx"]).assert_code(0).stdout.contains("\"GET / HTTP/1.1\" 200 13")
    });

    blog.production(&["scale", "web=3"]).assert_code(0);
    assert_eq!(blog.production(&["endpoints", "web"]).assert_code(0).stdout.lines().count(), 3);
    for _ in 0..30 {
        assert_eq!(get(blog.nginx, "/").unwrap().0, 200);
    }
    let served = blog.production(&["logs", "gateway"]).assert_code(0).stdout;
    for replica in 1..=3 {
        let count = served.lines().filter(|line| line.contains(&format!(" web-{replica}."))).count();
        assert!(count >= 5, "replica {replica} was given {count} of 31\n{served}");
    }

    let before = replicas(&blog.ps("production"), "web");
    blog.production(&["restart", "--rolling", "web"]).assert_code(0);
    let after = in_service(&blog.ps("production"), "web");
    assert_eq!(after.len(), 3);
    assert!(
        after.iter().all(|new| before.iter().all(|old| old["pid"] != new["pid"])),
        "{before:?} {after:?}"
    );

    blog.production(&["scale", "web=1"]).assert_code(0);
    assert_eq!(replicas(&blog.ps("production"), "web").len(), 1);
    assert_eq!(get(blog.nginx, "/").unwrap().0, 200);
    blog.production(&["scale", "nginx=2"]).assert(
        1,
        "",
        "error: nginx runs once only: it has its ports for itself",
    );
    blog.production(&["scale", "wbe=2"]).assert(
        1,
        "",
        "error: there is no service wbe (did you mean web? there are db, nginx, web)",
    );
    blog.production(&["down", "--volumes", "--yes", "-q"]).assert_prints("");
}

#[test]
fn a_release_that_does_not_start_leaves_the_old_one() {
    let blog = blog();
    blog.production(&["up", "-d", "--wait"]).assert_code(0);
    let pid = replicas(&blog.ps("production"), "web")[0]["pid"].clone();
    let wsgi = std::fs::read_to_string(blog.stage.project().join("wsgi.py")).unwrap();
    blog.stage.file("wsgi.py", format!("{wsgi}\nraise RuntimeError('a bad release')\n"));
    let failed = blog.production(&["up", "-d", "--wait"]).assert_code(1);
    assert!(
        failed.stderr.contains("error: web was not replaced: the new web-2 exited with code "),
        "{failed}"
    );
    let logs = blog.production(&["logs", "web"]).assert_code(0);
    assert!(logs.stdout.contains("RuntimeError: a bad release"), "{logs}");
    assert_eq!(get(blog.nginx, "/").unwrap().0, 200);
    assert_eq!(replicas(&blog.ps("production"), "web")[0]["pid"], pid);
    // A good one replaces it.
    blog.stage.file("wsgi.py", format!("{wsgi}\n# better\n"));
    blog.production(&["up", "-d", "--wait"]).assert_code(0);
    let services = blog.ps("production");
    let new = in_service(&services, "web");
    assert!(new.len() == 1 && new[0]["pid"] != pid, "{services:?}");
    assert_eq!(get(blog.nginx, "/").unwrap().0, 200);
    blog.production(&["down", "--volumes", "--yes", "-q"]).assert_prints("");
}

#[test]
fn a_service_that_dies_at_start_is_told_at_once_with_its_last_lines() {
    let stage = single("[\"sh\", \"-c\", \"echo going; echo 'no such table' >&2; exit 7\"]", "");
    let start = Instant::now();
    stage.backlot(&["up", "-d", "--wait"]).output().assert(
        1,
        "",
        "…\nerror: web exited with code 7\n  help: its last lines were\n        …\n        …",
    );
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    let logs = stage.backlot(&["logs"]).output().assert_code(0).stdout;
    assert!(logs.contains("web-1    | going") && logs.contains("web-1    | no such table"), "{logs}");
    stage.backlot(&["down", "-q"]).output().assert_prints("");
}

#[test]
fn one_that_listens_elsewhere_is_named_with_what_to_change() {
    let port = free_port();
    let stage = single(&format!("python3 -m http.server --bind 127.0.0.1 {port}"), "");
    let up = stage.backlot(&["up", "-d", "--wait"]).output().assert_code(0);
    assert!(
        up.stderr.contains(&if has_views() {
            format!(" yet: it listens on {port} instead of 8000")
        } else {
            format!(" yet: it listens on 127.0.0.1:{port} instead of 127.0.0.1:")
        }),
        "{up}"
    );
    assert!(up.stderr.contains("x-backlot: {command: …}"), "{up}");
    stage.backlot(&["down", "-q"]).output().assert_prints("");
}

#[test]
fn the_same_port_each_time_and_never_somebody_elses() {
    let stage = single(
        "python3 -m http.server --bind 0.0.0.0 --directory / 8000",
        "    x-backlot:\n      command: sh -c 'exec python3 -m http.server --bind 127.0.0.1 $$PORT'\n",
    );
    let endpoint = || ps(&stage, "development")[0]["endpoints"][0]["address"].as_str().unwrap().to_owned();
    stage.backlot(&["up", "-d", "--wait", "-q"]).output().assert(0, "", "…");
    let first = endpoint();
    stage.backlot(&["down", "-q"]).output().assert_prints("");
    stage.backlot(&["up", "-d", "--wait", "-q"]).output().assert(0, "", "…");
    assert_eq!(endpoint(), first);
    stage.backlot(&["down", "-q"]).output().assert_prints("");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let compose = std::fs::read_to_string(stage.project().join("compose.yaml")).unwrap();
    stage.file("compose.yaml", compose.replace("\"8000\"", &format!("\"{port}:8000\"")));
    let failed = stage.backlot(&["up", "-d", "--wait"]).output().assert_code(1);
    assert!(
        failed.stderr.contains(&format!("port {port}, which service web publishes, is in use")),
        "{failed}"
    );
}

#[test]
fn jobs_conditions_and_checks() {
    let stage = Stage::empty(BACKLOT);
    stage.file(
        "compose.yaml",
        "services:\n\
         \x20 migrate:\n    image: busybox\n    command: sh -c 'sleep 0.3; echo migrated > done.txt'\n\
         \x20 web:\n    image: python\n    ports: [\"8000\"]\n\
         \x20   command: sh -c 'test -f done.txt && exec python3 -m http.server --bind 127.0.0.1 $$PORT'\n\
         \x20   healthcheck: {test: 'curl -fs http://localhost:8000/done.txt', interval: 1s, retries: 30}\n\
         \x20   depends_on: {migrate: {condition: service_completed_successfully}}\n\
         \x20 worker:\n    image: busybox\n    command: sh -c 'test -f done.txt && exec sleep 600'\n\
         \x20   depends_on: {web: {condition: service_healthy}}\n",
    );
    if stage.run("sh", &["-c", "command -v curl"]).output().code != 0 {
        let compose = std::fs::read_to_string(stage.project().join("compose.yaml")).unwrap();
        stage.file(
            "compose.yaml",
            compose.replace(
                "curl -fs http://localhost:8000/done.txt",
                "python3 -c \"import urllib.request as r; r.urlopen('http://localhost:8000/done.txt')\"",
            ),
        );
    }
    stage.backlot(&["up", "-d", "--wait", "-q"]).output().assert(0, "", "…");
    let states: Vec<(String, String)> = ps(&stage, "development")
        .iter()
        .map(|service| {
            (
                service["service"].as_str().unwrap().into(),
                service["replicas"][0]["state"].as_str().unwrap().into(),
            )
        })
        .collect();
    let expected = [("migrate", "completed"), ("web", "running"), ("worker", "running")];
    assert_eq!(states, expected.map(|(name, state)| (name.to_owned(), state.to_owned())));
    stage.backlot(&["wait", "--for", "stopped", "migrate"]).output().assert_prints("0");
    stage.backlot(&["down", "-q"]).output().assert_prints("");
}

#[test]
fn a_replica_that_is_killed_is_started_again() {
    let stage =
        single("sh -c 'exec python3 -m http.server --bind 127.0.0.1 $$PORT'", "    restart: always\n");
    stage.backlot(&["up", "-d", "--wait", "-q", "--scale", "web=2"]).output().assert(0, "", "…");
    let services = ps(&stage, "development");
    let address = services[0]["endpoints"][0]["address"].as_str().unwrap().to_owned();
    let port = address.rsplit_once(':').unwrap().1.parse().unwrap();
    let pid = replicas(&services, "web")[0]["pid"].clone();
    stage.kill(&pid.to_string());
    for _ in 0..50 {
        assert_eq!(get(port, "/").unwrap().0, 200);
    }
    wait_until("it is back", || {
        let replicas = replicas(&ps(&stage, "development"), "web");
        replicas.iter().all(|replica| replica["health"] == "healthy") && replicas[0]["pid"] != pid
    });
    assert_eq!(replicas(&ps(&stage, "development"), "web")[0]["restarts"], 1);
    stage.backlot(&["down", "-q"]).output().assert_prints("");
}

#[test]
fn a_killed_supervisor_leaves_nothing_running() {
    for whom in ["__supervisor", "__guard"] {
        let Blog { stage, web, .. } = &blog();
        let daemon = "import subprocess; subprocess.Popen(['env', '-i', 'setsid', 'sleep', '600'])";
        let wsgi = std::fs::read_to_string(stage.project().join("wsgi.py")).unwrap();
        stage.file("wsgi.py", format!("{daemon}\n{wsgi}"));
        stage.backlot(&["up", "-d", "--wait", "-q"]).output().assert(0, "", "…");
        stage.kill(&stage.find_process(&format!(" {whom} ")));
        wait_until("web is gone", || get(*web, "/").is_err());
        wait_until("everything is stopped", || ps(stage, "development").is_empty());
        stage.backlot(&["down", "--volumes", "--yes", "-q"]).output().assert_code(0);
        stage.assert_nothing_left();
    }
}

#[test]
fn a_killed_postmaster_is_told_and_started_again_if_its_file_says_so() {
    let Blog { stage, .. } = &blog();
    let file = std::fs::read_to_string(stage.project().join("docker/development.yml")).unwrap();
    stage.file(
        "docker/development.yml",
        file.replace("    image: postgres\n", "    image: postgres\n    restart: always\n"),
    );
    stage.backlot(&["up", "-d", "--wait", "-q"]).output().assert(0, "", "…");
    let pid = replicas(&ps(stage, "development"), "db")[0]["pid"].clone();
    stage.kill(&pid.to_string());
    wait_until("the database is back", || {
        let db = &replicas(&ps(stage, "development"), "db")[0];
        db["pid"] != pid && db["health"] == "healthy"
    });
    let one = ["db", "shell", "-c", "SELECT 1", "--", "-At"];
    stage.backlot(&["create-initial-db", "-q"]).output().assert_code(0);
    stage.backlot(&one).output().assert_prints("1");
    stage.backlot(&["down", "--volumes", "--yes", "-q"]).output().assert_prints("");
}

#[test]
fn a_scenario_with_its_page() {
    let Blog { stage, .. } = &blog();
    let up = stage.backlot(&["scenario", "up", "users", "--wait"]).output().assert_code(0);
    let port = up
        .stdout
        .lines()
        .find_map(|line| line.trim().strip_prefix("web:")?.trim().rsplit_once(':')?.1.parse().ok());
    assert_eq!(get(port.unwrap(), "/users").unwrap(), (200, "Number of users: 3".into()));
    let ls = stage.backlot(&["scenario", "ls"]).output().assert_code(0);
    assert!(ls.stdout.contains(&format!("web:{}", port.unwrap())), "{ls}");
    stage
        .backlot(&["scenario", "up", "foo", "--only", "db", "-q"])
        .output()
        .assert_prints("HEY! This is scenario foo");
    let ls = stage.backlot(&["scenario", "ls", "--json"]).output().assert_code(0);
    let list: Vec<Value> = serde_json::from_str(&ls.stdout).unwrap();
    assert_eq!(list[0]["services"], Value::Array(Vec::new()), "{ls}");
    stage.backlot(&["scenario", "down", "--all", "-q"]).output().assert_prints("");
}

#[test]
fn a_new_project_is_ready() {
    let stage = Stage::empty(BACKLOT);
    stage.backlot(&["init", "blog", "--template", "flask", "--no-install"]).output().assert_code(0);
    let blog = stage.project().join("blog");
    assert!(std::fs::read_to_string(blog.join("README.md")).unwrap().starts_with("# blog\n"));
    stage.backlot(&["init", "blog", "--template", "axum"]).output().assert(
        1,
        "",
        "error: [project]/blog is there and not empty\n  help: choose another name, or move it away",
    );
    let venv = std::env::var("BACKLOT_TEST_VENV").unwrap();
    std::os::unix::fs::symlink(venv, blog.join(".venv")).unwrap();
    let (web, db) = (free_port(), free_port().to_string());
    let file = blog.join("docker/development.yml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("5000:5000", &format!("{web}:5000"))).unwrap();
    let within = |arguments: &[&str]| {
        stage.backlot(arguments).within(&blog).env("POSTGRES_PORT", db.as_str()).output()
    };
    within(&["up", "-d", "--wait"]).assert_code(0);
    assert_eq!(get(web, "/").unwrap(), (200, "Hello, World!".into()));
    within(&["down", "--volumes", "--yes", "-q"]).assert_prints("");
}
