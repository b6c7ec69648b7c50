//! A linked worktree beside the main checkout: all names and ports of Docker are shared by the whole machine.

use backlot_testkit::{Stage, free_port, get};

use crate::compose;

const STACK: &str = "\
name: NAME
services:
  web:
    image: NAME-web
    container_name: NAME-one
    init: true
    ports: ['PORT:8025']
    environment: {SITE: 'http://localhost:PORT/'}
    volumes: ['kept:/kept']
volumes: {kept: {name: NAME-kept}}
";

#[test]
fn a_worktree_has_names_and_ports_of_its_own() {
    let Some(stage) = compose("") else { return };
    let port = free_port();
    stage.file("compose.yaml", STACK.replace("NAME", stage.name()).replace("PORT", &port.to_string()));
    stage.image("web", "FROM python:3\nCMD [\"python\", \"-m\", \"http.server\", \"8025\"]\n");
    stage.under_git();
    // Without the name that the stage gives each of its runs: the file has one.
    let plain: &Stage = &stage;
    let feature = stage.root().join("feature");
    stage.run("git", &["worktree", "add", "--quiet", feature.to_str().unwrap()]).output().assert_code(0);
    let up = ["--engine", "docker", "up", "-d", "--wait"];
    plain.backlot(&up).output().assert_code(0);
    let said = plain.backlot(&up).within(&feature).output().assert_code(0);
    let told = format!("web: {port} is the main checkout's, so http://127.0.0.1:");
    let other = said.stderr.split(&told).nth(1).unwrap_or_else(|| panic!("{said}"));
    let other: u16 = other.lines().next().unwrap().parse().unwrap();
    for port in [port, other] {
        assert_eq!(get(port, "/").unwrap().0, 200);
    }
    let site = plain.backlot(&["exec", "-T", "web", "printenv", "SITE"]).within(&feature).output();
    site.assert(0, &format!("http://localhost:{other}/"), "");
    plain.backlot(&["down", "-q", "--volumes", "--yes"]).within(&feature).output().assert_code(0);
    assert_eq!(get(port, "/").unwrap().0, 200);
    plain.backlot(&["down", "-q", "--volumes", "--yes"]).output().assert_code(0);
    stage.assert_nothing_left();
}
