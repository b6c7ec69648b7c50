//! What `backlot init` makes is brought up as it is, but for its ports: every page answers.

use std::os::unix::fs::symlink;
use std::path::Path;

use backlot_testkit::{Stage, free_port, get, venv};

use crate::BACKLOT;

/// A project that `init` has made on this stage, each of these ports a free one: those that were chosen.
fn made<const N: usize>(stage: &Stage, template: &str, ports: [(&str, &str); N]) -> [u16; N] {
    let project = stage.project();
    let name = project.to_str().unwrap();
    stage
        .backlot(&["init", name, "--template", template, "--no-install", "-q"])
        .within(stage.root())
        .output()
        .assert_prints("");
    ports.map(|(file, published)| {
        let free = free_port();
        let path = project.join(file);
        let text = std::fs::read_to_string(&path).unwrap();
        let (before, inside) = published.rsplit_once(':').unwrap();
        let host = before.trim_end_matches(|c: char| c.is_ascii_digit());
        assert!(text.contains(published), "{published} in {file}");
        std::fs::write(path, text.replace(published, &format!("{host}{free}:{inside}"))).unwrap();
        free
    })
}

fn pages(port: u16, users: &str) {
    assert_eq!(get(port, "/").unwrap(), (200, "Hello, World!".into()));
    assert_eq!(get(port, "/users").unwrap(), (200, format!("Number of users: {users}")));
}

/// Both environments at once, and one again.
fn in_both(stage: &Stage, web: u16, nginx: u16) {
    for (environment, port) in [("development", web), ("production", nginx), ("development", web)] {
        stage.backlot(&["-e", environment, "up", "-d", "--wait", "-q"]).output().assert(0, "", "…");
        pages(port, "0");
    }
    for environment in ["development", "production"] {
        stage.backlot(&["-e", environment, "down", "--volumes", "--yes", "-q"]).output().assert_prints("");
    }
}

#[test]
fn flask() {
    let stage = Stage::empty(BACKLOT).with("POSTGRES_PORT", free_port().to_string());
    let ports = [("docker/development.yml", "5000:5000"), ("docker/production.yml", "8080:8080")];
    let [web, nginx] = made(&stage, "flask", ports);
    symlink(venv(), stage.project().join(".venv")).unwrap();
    assert_eq!(title(&stage.project()), "# project");
    in_both(&stage, web, nginx);
    for (scenario, users) in [("foo", "0"), ("users", "3")] {
        stage.backlot(&["scenario", "up", scenario, "--wait", "-q"]).output().assert(0, "…", "…");
        let env = stage.backlot(&["-e", &format!("scenario_{scenario}"), "ps", "--json"]).output();
        let services: serde_json::Value = serde_json::from_str(&env.stdout).unwrap();
        let web = services.as_array().unwrap().iter().find(|service| service["service"] == "web").unwrap();
        pages(port_of(web), users);
    }
    stage.backlot(&["scenario", "down", "--all", "-q"]).output().assert_prints("");
    stage.backlot(&["test", "-q"]).output().assert_code(0);
    stage.assert_nothing_left();
}

#[test]
fn axum() {
    let stage = Stage::empty(BACKLOT).with_cargo();
    let ports = [
        ("compose.yaml", "3000:3000"),
        ("compose.production.yaml", "8080:8080"),
        ("compose.yaml", "127.0.0.1:5432:5432"),
    ];
    let [web, nginx, _db] = made(&stage, "axum", ports);
    // Not built twice: minutes.
    let file = stage.project().join("compose.production.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(file, text.replace("cargo run --release", "cargo run")).unwrap();
    in_both(&stage, web, nginx);
    stage.assert_nothing_left();
}

fn port_of(service: &serde_json::Value) -> u16 {
    service["endpoints"][0]["address"].as_str().unwrap().rsplit_once(':').unwrap().1.parse().unwrap()
}

fn title(project: &Path) -> String {
    std::fs::read_to_string(project.join("README.md")).unwrap().lines().next().unwrap().to_owned()
}
