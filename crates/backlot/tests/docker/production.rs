//! The Flask example's production, nginx in front, as its files have it but for the ports.

use std::time::Duration;

use backlot_process::Signal;
use backlot_testkit::get;
use serde_json::Value;

use crate::{Flask, change, ps, replicas, wait_until};

#[test]
fn production_from_up_to_down() {
    let Some(flask) = Flask::new() else { return };
    let stage = &flask.stage;
    let up = ["-e", "production", "up", "-d", "--wait", "--scale", "web=2"];
    let up = stage.on_docker(&up).output().assert_code(0);
    assert!(up.stdout.contains(&format!("nginx: http://127.0.0.1:{}", flask.nginx)), "{up}");
    assert_eq!(get(flask.nginx, "/").unwrap(), (200, "Hello, World!".into()));
    flask.production(&["ps"]).assert(
        0,
        "SERVICE  REPLICA  STATE    HEALTH   ENGINE  ENDPOINT …\ndb       1        running  healthy  docker  127.0.0.1:…->5432 …\nnginx    1        running  healthy  docker  127.0.0.1:…->8080 …\nweb      1        running  healthy  docker  web:8000->8000 …\nweb      2        running  healthy  docker  web:8000->8000 …",
        "",
    );
    looked_at(&flask);
    logs(&flask);
    commands(&flask);
    scaled(&flask);
    data_stays_until_it_is_said_otherwise(&flask);
}

/// `ps --json`, `endpoints` and `top`.
fn looked_at(flask: &Flask) {
    let services = ps(&flask.stage, "production");
    for service in &services {
        for replica in service["replicas"].as_array().unwrap() {
            assert_eq!(replica["health"], "healthy", "{service}");
            assert!(replica["memory"].as_u64().unwrap() > 1_000_000, "{service}");
            assert!(replica["uptime"].as_u64().unwrap() < 600, "{service}");
        }
    }
    let nginx = services.iter().find(|service| service["service"] == "nginx").unwrap();
    let address = format!("127.0.0.1:{}", flask.nginx);
    assert_eq!(
        nginx["endpoints"][0],
        serde_json::json!({"target": 8080, "address": address, "published": true, "url": null})
    );
    let endpoints = flask.production(&["endpoints", "web"]).assert_code(0).stdout;
    let endpoints: Vec<&str> = endpoints.lines().collect();
    assert!(endpoints.len() == 2 && endpoints.iter().all(|one| one.ends_with(":8000")), "{endpoints:?}");
    let known: Vec<Value> =
        replicas(&services, "web").iter().map(|one| one["addresses"][0].clone()).collect();
    assert_eq!(endpoints, known);
    let top = flask.production(&["top", "web"]).assert_code(0);
    assert!(top.stdout.contains("web-1") && top.stdout.contains("gunicorn"), "{top}");
}

/// `logs` with its options.
fn logs(flask: &Flask) {
    let count = |arguments: &[&str]| flask.production(arguments).assert_code(0).stdout.lines().count();
    assert_eq!(count(&["logs", "--tail", "1", "web"]), 2, "one line of each replica");
    assert_eq!(count(&["logs", "--since", "2001-01-01T00:00:00Z", "nginx"]), count(&["logs", "nginx"]));
    assert_eq!(count(&["logs", "--since", "2100-01-01T00:00:00Z"]), 0);
    let line = flask.production(&["logs", "--tail", "1", "-t", "db"]).assert_code(0).stdout;
    assert!(line.starts_with("db-1     | 20") && line.contains("Z "), "{line}");
    let line = flask.production(&["logs", "--tail", "1", "--no-log-prefix", "nginx"]).assert_code(0).stdout;
    assert!(line.contains("\"GET / HTTP/1.1\" 200 13"), "{line}");

    let stage = &flask.stage;
    let mut follow = stage.backlot(&["-e", "production", "logs", "-f", "--tail", "0", "nginx"]).start();
    let printed = || std::fs::read_to_string(stage.root().join("stdout")).unwrap();
    wait_until("a new line is shown", || {
        get(flask.nginx, "/followed").unwrap();
        printed().contains("nginx-1  | ") && printed().contains("GET /followed")
    });
    follow.signal(Signal::SIGINT).unwrap();
    let ended = follow.wait(Duration::from_secs(10)).unwrap().expect("it ends");
    assert_eq!(backlot_process::exit_code(ended), 130);
    assert!(!printed().contains("\"GET / HTTP"), "{}", printed());
}

/// `exec`, `run` and the database's own commands.
fn commands(flask: &Flask) {
    let one = ["exec", "db", "psql", "-U", "postgres", "-Atc", "SELECT 1"];
    flask.production(&one).assert_prints("1");
    flask.production(&["exec", "web", "sh", "-c", "exit 7"]).assert(7, "", "");
    flask.production(&["exec", "-w", "/tmp", "web", "pwd"]).assert_prints("/tmp");
    let piped = ["-e", "production", "exec", "-T", "web", "cat"];
    flask.stage.backlot(&piped).stdin("piped\n").output().assert_prints("piped");
    flask.production(&["exec", "wbe", "true"]).assert(
        1,
        "",
        "error: no service wbe of production is up\n  help: there are db, nginx, web",
    );
    flask.production(&["create-initial-db"]).assert_code(0);
    flask.production(&["flask", "db", "upgrade"]).assert_code(0);
    assert_eq!(get(flask.nginx, "/users").unwrap(), (200, "Number of users: 0".into()));
    let fill = ["db", "shell", "-c", "INSERT INTO users (email) VALUES ('a@example.com')", "--", "-q"];
    flask.production(&fill).assert_prints("");
    assert_eq!(get(flask.nginx, "/users").unwrap().1, "Number of users: 1");
}

fn scaled(flask: &Flask) {
    flask.production(&["scale", "web=3"]).assert(0, "", "…");
    assert_eq!(replicas(&ps(&flask.stage, "production"), "web").len(), 3);
    flask.production(&["scale", "-q", "web=1"]).assert_prints("");
    assert_eq!(replicas(&ps(&flask.stage, "production"), "web").len(), 1);
    assert_eq!(get(flask.nginx, "/users").unwrap().0, 200);
    flask.production(&["scale", "db=2"]).assert(
        1,
        "",
        "error: db is a database: there can be one replica only, not 2",
    );
    flask.production(&["scale", "wbe=2"]).assert(1, "", "error: no service wbe of production is up\n…");
}

fn data_stays_until_it_is_said_otherwise(flask: &Flask) {
    let stage = &flask.stage;
    flask.production(&["down", "-q"]).assert_prints("");
    assert!(stage.containers().is_empty());
    assert!(get(flask.nginx, "/").is_err());
    // It is known that it ran on Docker, and up again it is with what was in the database.
    change(stage, "docker/production.yml", "gunicorn -w 4", "gunicorn -w 1");
    stage.on_docker(&["-e", "production", "up", "-d", "--wait", "-q"]).output().assert_prints("");
    assert_eq!(get(flask.nginx, "/users").unwrap().1, "Number of users: 1");
    let refused = flask.production(&["down", "--volumes"]).assert_code(2);
    assert!(refused.stderr.contains("say --yes to do it"), "{refused}");
    assert_eq!(get(flask.nginx, "/users").unwrap().0, 200);
    flask.production(&["down", "--volumes", "--yes"]).assert(0, "", "…\n  ✓ removed…\n…");
}
