//! Flags that hands know from `docker compose` mean the same here, or are refused: never silently another thing.

use backlot_testkit::Stage;

use crate::BACKLOT;

const COMPOSE: &str = "\
services:
  db:
    image: postgres
    environment: {POSTGRES_PASSWORD: x}
    volumes: ['data:/var/lib/postgresql/data']
  web: {image: web, command: sleep 1000, x-backlot: {command: [sleep, '1000']}}
volumes: {data: {}}
";

#[test]
fn down_v_is_about_the_volumes_and_asks() {
    let stage = Stage::empty(BACKLOT);
    stage.file("compose.yaml", COMPOSE);
    let is_there = ["db", "shell", "-c", "select to_regclass('kept') is not null", "--", "-At"];
    stage.backlot(&["db", "shell", "-c", "create table kept ()", "--", "-q"]).output().assert_code(0);
    let refused =
        "error: durable data would be destroyed, and nobody can be asked\n  help: say --yes to do it";
    stage.backlot(&["down", "-v"]).output().assert(2, "", refused);
    stage.backlot(&["-v", "down"]).output().assert(0, "", "…");
    stage.backlot(&["down", "--verbose"]).output().assert_code(0);
    stage.backlot(&is_there).output().assert(0, "t", "…");
    stage.backlot(&["down", "-vy", "-q"]).output().assert_prints("");
    stage.backlot(&is_there).output().assert(0, "f", "…");
    stage.backlot(&["down", "-v", "--yes", "-q"]).output().assert_prints("");
    // Nothing of a scenario is kept anyway.
    stage.backlot(&["scenario", "up", "it", "--only", "db", "-q"]).output().assert_prints("");
    stage.backlot(&["scenario", "down", "-v", "it"]).output().assert(0, "", "scenario it removed");
}

#[test]
fn q_prints_names_alone_and_nothing_of_a_config_that_is_well() {
    let stage = Stage::empty(BACKLOT);
    stage.file("compose.yaml", COMPOSE.replace("['data:/var/lib/postgresql/data']", "[]"));
    stage.backlot(&["ps", "-q"]).output().assert_prints("");
    stage.backlot(&["config", "-q"]).output().assert_prints("");
    stage.backlot(&["config", "--json", "--quiet"]).output().assert_prints("");
    stage.backlot(&["up", "-d", "--wait", "-q", "--scale", "web=2"]).output().assert_prints("");
    stage.backlot(&["ps", "-q"]).output().assert_prints("db-1\nweb-1\nweb-2");
    stage.backlot(&["ps", "-aq", "web"]).output().assert_prints("web-1\nweb-2");
    stage.backlot(&["scenario", "up", "it", "--only", "db", "-q"]).output().assert_prints("");
    stage.backlot(&["scenario", "ls", "-q"]).output().assert_prints("it");
    stage.backlot(&["scenario", "down", "it", "-q"]).output().assert_prints("");
    stage.backlot(&["exec", "-it", "web", "echo", "42"]).output().assert_prints("42");
    stage.backlot(&["down", "-q"]).output().assert_prints("");
    stage.file("compose.yaml", "services: []\n");
    stage.backlot(&["config", "-q"]).output().assert_code(1);
}

#[test]
fn what_means_another_thing_there_and_nothing_here_is_refused() {
    let stage = Stage::empty(BACKLOT);
    stage.file("compose.yaml", COMPOSE);
    for words in [
        "up -V",
        "up -f x.yaml",
        "exec -u root web id",
        "exec -d web id",
        "run -p 80:80 true",
        "run -v .:/src web true",
        "logs --until 5m -f",
        "down -e A=b",
    ] {
        let words: Vec<&str> = words.split(' ').collect();
        stage.backlot(&words).output().assert_code(2);
    }
    stage.backlot(&["run", "--name", "it", "true"]).output().assert(
        2,
        "",
        "error: there is no option --name here\n  help: a command has no container of its own: `backlot compose run …` is Docker Compose itself",
    );
    stage.backlot(&["run", "--nmae", "it", "true"]).output().assert(
        2,
        "",
        "error: there is no option --nmae here\n  help: the command begins here: what stands before it are options of `run`",
    );
    stage.backlot(&["down", "-vy", "-q"]).output().assert_prints("");
}
