//! What a scenario runs reaches the scenario's database, however the project's files tell where the database is.

use backlot_testkit::{Stage, free_port, wait_until};

use crate::{BACKLOT, has_views};

const COMPOSE: &str = "\
services:
  db: {image: postgres, environment: {POSTGRES_PASSWORD: x}}
  web:
    build: .
    command: sh -c 'printenv HERE_DB_PORT URL JDBC DSN FROM_FILE FROM_IMAGE; echo \"$$0\"; exec sleep 1000' postgres://localhost/a
    env_file: web.env
    environment:
      HERE_DB_HOST: localhost
      HERE_DB_PORT: 5432
      URL: postgresql+psycopg2://postgres:x@127.0.0.1:5432/app
      JDBC: jdbc:postgresql://localhost/app
      DSN: host=localhost port=5432 dbname=app
      PGHOSTADDR: 127.0.0.9
    healthcheck: {test: ['CMD-SHELL', 'psql -XAtc \"select 1\" postgres://postgres:x@localhost:5432/postgres'], interval: 100ms}
    depends_on: [db]
";

/// The database's port, as the scenario's URL tells it.
fn port(stage: &Stage) -> String {
    let url = stage.backlot(&["scenario", "url", "it"]).output().assert_code(0).stdout;
    url.rsplit_once(':').unwrap().1.split('/').next().unwrap().to_owned()
}

#[test]
fn where_services_have_no_addresses_texts_lead_to_the_scenarios_database() {
    let stage = Stage::empty(BACKLOT).with("BACKLOT_VIEW", "4");
    stage.file("compose.yaml", COMPOSE).file("web.env", "FROM_FILE=postgis://u@0.0.0.0/app\n");
    stage.file("Dockerfile", "FROM web\nENV FROM_IMAGE=postgres://postgres:x@localhost:5432/app\n");
    stage.backlot(&["scenario", "up", "it", "--wait", "-q"]).output().assert_prints("");
    let (at, port) = (format!("127.0.0.1:{}", port(&stage)), port(&stage));
    let logs = ["-e", "scenario_it", "logs", "web", "--no-log-prefix"];
    stage.backlot(&logs).output().assert_prints(&format!(
        "{port}\npostgresql+psycopg2://postgres:x@{at}/app\njdbc:postgresql://{at}/app\n\
         host=127.0.0.1 port={port} dbname=app\npostgis://u@{at}/app\npostgres://postgres:x@{at}/app\npostgres://{at}/a"
    ));
    let none = [
        "-e",
        "scenario_it",
        "exec",
        "web",
        "sh",
        "-c",
        "echo $PGHOSTADDR; PGPASSWORD=x psql -XAtc 'select 42' -h 127.0.0.1 -p $HERE_DB_PORT -U postgres",
    ];
    stage.backlot(&none).output().assert_prints("\n42");
    stage.backlot(&["scenario", "down", "it", "-q"]).output().assert_prints("");
}

/// A service's own files mean what they say: its database is where they have it, and no other one is there by accident.
#[test]
fn where_services_have_addresses_nothing_is_rewritten_and_localhost_is_the_service() {
    if !has_views() {
        return;
    }
    let stage = Stage::empty(BACKLOT);
    stage.file("compose.yaml", COMPOSE).file("web.env", "FROM_FILE=postgis://u@0.0.0.0/app\n");
    stage.file("Dockerfile", "FROM web\nENV FROM_IMAGE=postgres://postgres:x@localhost:5432/app\n");
    stage.backlot(&["up", "-d", "db", "-q"]).output().assert_prints("");
    stage.backlot(&["scenario", "up", "it", "-q"]).output().assert_prints("");
    let logs = ["-e", "scenario_it", "logs", "web", "--no-log-prefix"];
    wait_until("it has printed", || stage.backlot(&logs).output().stdout.contains("localhost/a"));
    stage.backlot(&logs).output().assert_prints(
        "5432\npostgresql+psycopg2://postgres:x@127.0.0.1:5432/app\njdbc:postgresql://localhost/app\n\
         host=localhost port=5432 dbname=app\npostgis://u@0.0.0.0/app\npostgres://postgres:x@localhost:5432/app\n\
         postgres://localhost/a",
    );
    let asked = |words: &str| {
        let line = format!("PGPASSWORD=x PGHOSTADDR= psql -XAt -c 'SHOW port' -U postgres {words} 2>&1");
        stage.backlot(&["-e", "scenario_it", "exec", "web", "sh", "-c", &line]).output().stdout
    };
    assert_eq!(asked("-h db").trim(), port(&stage));
    // Its published port is the same server's.
    assert_eq!(asked(&format!("-h db -p {}", port(&stage))).trim(), port(&stage));
    for nobody in ["-h localhost", "-h 127.0.0.1", "-h ::1", "", "-h web", "-h db -p 5433"] {
        let said = asked(nobody);
        assert!(said.contains("failed"), "{nobody}: {said}");
    }
    stage.backlot(&["scenario", "down", "it", "-q"]).output().assert_prints("");
    stage.backlot(&["down", "-q"]).output().assert_prints("");
    stage.assert_nothing_left();
}

#[test]
fn what_fills_a_scenario_is_led_there_by_the_variables_of_the_environment() {
    let stage = Stage::empty(BACKLOT);
    stage.file("compose.yaml", "services:\n  db: {image: postgres, environment: {POSTGRES_PASSWORD: x}}\n");
    stage.file(".env", "DB_HOST=localhost\nDB_PORT=5432\nREDIS_HOST=localhost\nAPI_DB_HOST=db\n");
    let program = "#!/bin/sh\npsql -XAt -h $DB_HOST -p $DB_PORT -c 'select 42'\necho $API_DB_PORT $REDIS_HOST$REDIS_PORT\n";
    stage.program("scenarios/it.sh", program);
    let up = stage.backlot(&["scenario", "up", "it", "-q"]).output().assert_code(0);
    up.assert_prints(&format!("42\n{} localhost", port(&stage)));
    stage.backlot(&["scenario", "down", "it", "-q"]).output().assert_prints("");
}

#[test]
fn what_cannot_be_led_there_is_refused_by_its_name() {
    let stage = Stage::empty(BACKLOT).with("BACKLOT_VIEW", "4");
    let compose = |web: &str| {
        let db = "db: {image: postgres, environment: {POSTGRES_PASSWORD: x}}";
        stage.file(
            "compose.yaml",
            format!("services:\n  {db}\n  web: {{image: web, {web}, depends_on: [db]}}\n"),
        );
    };
    for (web, what) in [
        (
            "command: sleep 1000, environment: {CONFIG: '{\"host\": \"localhost\", \"port\": 5432}'}",
            "its variable CONFIG",
        ),
        ("command: sh -c 'psql -h localhost -p 5432; sleep 1000'", "its command"),
        ("command: sleep 1000, healthcheck: {test: pg_isready -h 127.0.0.1 -p 5432}", "its health check"),
    ] {
        compose(web);
        let error = format!(
            "service web: {what} leads to port 5432 of this machine, where another environment's database may be"
        );
        let up = stage.backlot(&["scenario", "up", "it", "--only", "web"]).output().assert_code(1);
        assert!(
            up.stderr.starts_with(&format!("error: {error}\n  help: name the database's service")),
            "{up}"
        );
        // The database is what a scenario is about.
        let up = stage.backlot(&["scenario", "up", "it"]).output().assert_code(0);
        assert!(up.stderr.contains(&format!("only the database is started: {error}; name")), "{up}");
        stage.backlot(&["scenario", "down", "it", "-q"]).output().assert_prints("");
    }
}

/// What only a world of its own makes true is told before anything is started, all at once, and nothing is.
#[test]
fn what_needs_a_world_of_its_own_is_refused_where_there_is_none() {
    let stage = Stage::empty(BACKLOT).with("BACKLOT_VIEW", "4");
    let port = free_port();
    stage.file("site/index.html", "hello").file("token.txt", "t");
    stage.file(
        "compose.yaml",
        format!(
            "services:\n  db:\n    image: postgres\n    container_name: shop_db\n    environment: {{POSTGRES_PASSWORD: x}}\n  \
             host: {{image: a, command: sleep 1000, environment: {{DB_HOST: db}}}}\n  \
             named: {{image: a, command: sleep 1000, environment: {{URL: 'postgres://postgres@shop_db:5432/x'}}}}\n  \
             waits: {{image: a, command: sh -c 'nc -z db 5432; sleep 1000'}}\n  \
             path: {{image: a, command: cat /app/index.html, volumes: ['./site:/app']}}\n  \
             secret: {{image: a, command: sleep 1000, environment: {{FILE: /run/secrets/token}}, secrets: [token]}}\n  \
             web: {{image: a, command: sh -c 'sleep 1; python3 -m http.server {port}', ports: ['{port}:{port}']}}\n\
             secrets: {{token: {{file: token.txt}}}}\n"
        ),
    );
    let up = stage.backlot(&["up", "-d", "--wait", "-q"]).output().assert_code(1);
    for line in [
        "service host needs a world of its own, which this machine does not give it: its variable DB_HOST leads to db without a port",
        "service named needs a world of its own, which this machine does not give it: its variable URL leads to shop_db, a name",
        "service waits needs a world of its own, which this machine does not give it: its command leads to db, a name",
        "service path needs a world of its own, which this machine does not give it: its command names /app/index.html, a path",
        "service secret needs a world of its own, which this machine does not give it: its variable FILE names /run/secrets/token",
        &format!(
            "service web needs a world of its own, which this machine does not give it: its command says port {port} where"
        ),
        "`backlot doctor` tells what gives it one",
    ] {
        assert!(up.stderr.contains(line), "{line}\n{up}");
    }
    stage.backlot(&["ps", "-q"]).output().assert_prints("");
    stage.assert_nothing_left();
}
