//! Several checkouts of a project: all names and ports of Docker are shared by the whole machine.

use backlot_testkit::{DockerStage, Outcome, Stage, free_port, get, wait_until};

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

/// The project, whose image serves what is in its volume, and the port that its file publishes.
fn stage() -> Option<(DockerStage, u16)> {
    let stage = compose("")?;
    let port = free_port();
    stage.file("compose.yaml", STACK.replace("NAME", stage.name()).replace("PORT", &port.to_string()));
    stage.image(
        "web",
        "FROM python:3\nCMD [\"python\", \"-m\", \"http.server\", \"-d\", \"/kept\", \"8025\"]\n",
    );
    stage.under_git();
    Some((stage, port))
}

/// The port in the place of the one in the file, as it was told.
fn other(said: &Outcome, port: u16, whose: &str) -> u16 {
    let told = format!("web: {port} {whose}, so http://127.0.0.1:");
    let other = said.stderr.split(&told).nth(1).unwrap_or_else(|| panic!("{said}"));
    other.lines().next().unwrap().parse().unwrap()
}

#[test]
fn a_worktree_has_names_and_ports_of_its_own() {
    let Some((stage, port)) = stage() else { return };
    // Without the name that the stage gives each of its runs: the file has one.
    let plain: &Stage = &stage;
    let feature = stage.root().join("feature");
    stage.run("git", &["worktree", "add", "--quiet", feature.to_str().unwrap()]).output().assert_code(0);
    let up = ["--engine", "docker", "up", "-d", "--wait"];
    plain.backlot(&up).output().assert_code(0);
    let said = plain.backlot(&up).within(&feature).output().assert_code(0);
    let other = other(&said, port, "is the main checkout's");
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

#[test]
fn compose_itself_gives_a_worktree_the_same_names_and_ports() {
    let Some((stage, port)) = stage() else { return };
    let plain: &Stage = &stage;
    let feature = stage.root().join("feature");
    stage.run("git", &["worktree", "add", "--quiet", feature.to_str().unwrap()]).output().assert_code(0);
    let said = plain.backlot(&["compose", "up", "-d"]).within(&feature).output().assert_code(0);
    let other = other(&said, port, "is the main checkout's");
    wait_until("it answers", || get(other, "/").is_ok());
    plain.backlot(&["compose", "up", "-d"]).output().assert_code(0);
    wait_until("it answers", || get(port, "/").is_ok());
    // Both are Backlot's to take down.
    let down = ["--engine", "docker", "down", "-q", "--volumes", "--yes"];
    plain.backlot(&down).within(&feature).output().assert_code(0);
    assert!(get(other, "/").is_err());
    assert!(get(port, "/").is_ok());
    plain.backlot(&down).output().assert_code(0);
    stage.assert_nothing_left();
}

#[test]
fn a_plain_second_clone_has_names_and_ports_of_its_own_and_keeps_them() {
    let Some((stage, port)) = stage() else { return };
    let plain: &Stage = &stage;
    // The directory gives the project its name here.
    let clone = stage.root().join("elsewhere").join(stage.project().file_name().unwrap());
    let (from, to) = (stage.project().display().to_string(), clone.display().to_string());
    stage.run("git", &["clone", "--quiet", &from, &to]).output().assert_code(0);
    let up = ["--engine", "docker", "up", "-d", "--wait"];
    let write = |text| ["exec", "-T", "web", "sh", "-c", text];
    plain.backlot(&up).output().assert_code(0);
    plain.backlot(&write("echo first > /kept/who")).output().assert_code(0);
    let said = plain.backlot(&up).within(&clone).output().assert_code(0);
    let second = other(&said, port, "was somebody else's");
    let name = said.stderr.split("has this project's name on Docker: here it is ").nth(1);
    let name = name.unwrap_or_else(|| panic!("{said}")).lines().next().unwrap().to_owned();
    assert!(name.starts_with("[name]_development-"), "{said}");
    plain.backlot(&write("echo second > /kept/who")).within(&clone).output().assert_code(0);
    assert_eq!(get(port, "/who").unwrap().1, "first\n");
    assert_eq!(get(second, "/who").unwrap().1, "second\n");
    // What is kept is found again, whoever is up.
    plain.backlot(&["down", "-q"]).within(&clone).output().assert_code(0);
    plain.backlot(&["down", "-q"]).output().assert_code(0);
    plain.backlot(&up).within(&clone).output().assert_code(0);
    assert_eq!(get(second, "/who").unwrap().1, "second\n");
    plain.backlot(&up).output().assert_code(0);
    assert_eq!(get(port, "/who").unwrap().1, "first\n");
    for directory in [&clone, &stage.project()] {
        plain.backlot(&["down", "-q", "--volumes", "--yes"]).within(directory).output().assert_code(0);
    }
    stage.assert_nothing_left();
}
