//! A stack with several Postgres servers: one is the environment's own, the others are reached by their names and ports.

use std::fs;

use backlot_testkit::{Stage, assert_no_process, free_port, wait_until};

use crate::{BACKLOT, USERS_SQL, has_views};

const APP: &str = "  app:
    image: app
    command: sleep 1000
    environment: {STATS_URL: 'postgres://postgres:y@stats:5432/numbers', STATS_HOST: stats, DB_URL: 'postgres://postgres:x@db/postgres'}
    depends_on: {db: {condition: service_healthy}, stats: {condition: service_healthy}}
";

/// `db`, the environment's own, and `stats`, which is durable and published at a port that is returned.
fn stage(app: &str) -> (Stage, u16) {
    let stage = Stage::empty(BACKLOT);
    let port = free_port();
    write(&stage, port, "", app);
    (stage, port)
}

fn write(stage: &Stage, port: u16, command: &str, app: &str) {
    let text = format!(
        "services:\n  db:\n    image: postgres\n    environment: {{POSTGRES_PASSWORD: x}}\n  stats:\n    image: postgres\n    \
         environment: {{POSTGRES_PASSWORD: y, POSTGRES_DB: numbers}}\n    ports: ['{port}:5432']\n    \
         restart: always\n    volumes: ['numbers:/var/lib/postgresql/data']\n{command}{app}volumes: {{numbers: }}\n"
    );
    stage.file("compose.yaml", text);
}

#[track_caller]
fn up(stage: &Stage) {
    stage.backlot(&["up", "-d", "--wait", "-q"]).output().assert(0, "", "…");
}

/// Asks the server of a service with psql beside it.
#[track_caller]
fn ask(stage: &Stage, service: &str, database: &str, sql: &str) -> String {
    let words = ["exec", "-T", service, "psql", "-qAtc", sql, database];
    stage.backlot(&words).output().assert_code(0).stdout.trim().to_owned()
}

fn names(stage: &Stage) -> Vec<String> {
    let listed = stage.backlot(&["ps", "-q"]).output().assert_code(0).stdout;
    listed.lines().map(str::to_owned).collect()
}

#[test]
fn each_has_its_data_its_port_and_its_end() {
    let (stage, port) = stage("");
    up(&stage);
    assert_eq!(names(&stage).len(), 2);
    assert_eq!(ask(&stage, "stats", "numbers", "CREATE TABLE here (id int); SHOW port"), port.to_string());
    assert_eq!(ask(&stage, "db", "postgres", "SELECT to_regclass('here') IS NULL"), "t");
    stage.backlot(&["up", "-d", "--dry-run"]).output().assert(0, "", "");
    let listed = stage.backlot(&["ls"]).output().assert_code(0).stdout;
    assert!(listed.lines().count() == 2 && listed.trim_end().ends_with(&format!("stats:{port}")), "{listed}");
    stage.backlot(&["down", "-q"]).output().assert(0, "", "");
    assert_no_process(stage.root());

    up(&stage);
    assert_eq!(ask(&stage, "stats", "numbers", "SELECT to_regclass('here') IS NULL"), "f");
    stage.backlot(&["down", "-q", "--volumes", "--yes"]).output().assert(0, "", "");
    up(&stage);
    assert_eq!(ask(&stage, "stats", "numbers", "SELECT to_regclass('here') IS NULL"), "t");
    stage.backlot(&["down", "-q", "--volumes", "--yes"]).output().assert(0, "", "");
    stage.assert_nothing_left();
}

#[test]
fn services_find_each_by_its_name() {
    let (stage, port) = stage(APP);
    up(&stage);
    let variable = |name: &str| {
        stage
            .backlot(&["exec", "-T", "app", "printenv", name])
            .output()
            .assert_code(0)
            .stdout
            .trim()
            .to_owned()
    };
    if has_views() {
        // They mean what they say.
        assert_eq!(variable("STATS_URL"), "postgres://postgres:y@stats:5432/numbers");
        let words = ["exec", "-T", "app", "sh", "-c", "psql -XAt -c 'SHOW port' $STATS_URL"];
        stage.backlot(&words).output().assert_prints(&port.to_string());
    } else {
        assert_eq!(variable("STATS_URL"), format!("postgres://postgres:y@127.0.0.1:{port}/numbers"));
        assert_ne!(variable("DB_URL"), variable("STATS_URL"));
        let own = stage.backlot(&["db", "url"]).output().assert_code(0).stdout;
        let own = own.trim().rsplit(':').next().unwrap().to_owned();
        assert!(variable("DB_URL").ends_with(&own), "{own}");
    }
    // One that is killed is started again, on its data.
    ask(&stage, "stats", "numbers", "CREATE TABLE here (id int)");
    let pid: i32 =
        ask(&stage, "stats", "numbers", "SELECT split_part(pg_read_file('postmaster.pid'), E'\\n', 1)")
            .parse()
            .unwrap();
    stage.kill(&pid.to_string());
    wait_until("stats is back", || {
        let words = ["exec", "-T", "stats", "psql", "-qAtc", "SELECT 1 FROM here", "numbers"];
        stage.backlot(&words).output().code == 0
    });
    // A setting of one is a new start of that, and leaves the other's data alone.
    write(&stage, port, "    command: postgres -c work_mem=7MB\n", APP);
    up(&stage);
    assert_eq!(ask(&stage, "stats", "numbers", "SHOW work_mem"), "7MB");
    assert_eq!(ask(&stage, "stats", "numbers", "SELECT to_regclass('here') IS NULL"), "f");
    stage.backlot(&["down", "-q", "--volumes", "--yes"]).output().assert(0, "", "");
    stage.assert_nothing_left();
}

#[test]
fn a_scenario_has_all_of_them_thrown_away() {
    let (stage, port) = stage(APP);
    up(&stage);
    ask(&stage, "stats", "numbers", "CREATE TABLE of_development (id int)");
    stage.file("scenarios/users.sql", USERS_SQL);
    stage.backlot(&["scenario", "up", "users", "-q"]).output().assert_code(0);
    let see = |sql: &str| {
        let words = ["-e", "scenario_users", "exec", "-T", "stats", "psql", "-qAtc", sql, "numbers"];
        stage.backlot(&words).output().assert_code(0).stdout.trim().to_owned()
    };
    assert_eq!(see("SELECT to_regclass('of_development') IS NULL"), "t");
    assert_ne!(see("SHOW port"), port.to_string());
    let count = ["scenario", "shell", "users", "-c", "SELECT count(*) FROM users", "--", "-qAt"];
    stage.backlot(&count).output().assert(0, "3\n", "…");
    stage.backlot(&["scenario", "up", "users", "--fresh", "-q"]).output().assert_code(0);
    assert_eq!(see("SELECT 1"), "1");
    stage.backlot(&["scenario", "down", "users", "-q"]).output().assert(0, "", "");
    stage.backlot(&["down", "-q", "--volumes", "--yes"]).output().assert(0, "", "");
    stage.assert_nothing_left();
}

#[test]
fn one_that_leaves_the_file_or_becomes_the_own_keeps_its_data() {
    let (stage, port) = stage("");
    up(&stage);
    ask(&stage, "stats", "numbers", "CREATE TABLE here (id int)");
    let alone = format!(
        "services:\n  stats:\n    image: postgres\n    environment: {{POSTGRES_PASSWORD: y, POSTGRES_DB: numbers}}\n    \
         ports: ['{port}:5432']\n    volumes: ['numbers:/var/lib/postgresql/data']\nvolumes: {{numbers: }}\n"
    );
    stage.file("compose.yaml", alone);
    up(&stage);
    assert_eq!(names(&stage).len(), 1);
    assert_eq!(ask(&stage, "stats", "numbers", "SELECT to_regclass('here') IS NULL"), "f");
    write(&stage, port, "", "");
    up(&stage);
    assert_eq!(names(&stage).len(), 2);
    assert_eq!(ask(&stage, "stats", "numbers", "SELECT to_regclass('here') IS NULL"), "f");
    stage.backlot(&["down", "-q", "--volumes", "--yes"]).output().assert(0, "", "");
    assert!(fs::read_dir(stage.project()).is_ok());
    stage.assert_nothing_left();
}
