//! What the caller's shell has for libpq is about some other Postgres: it gets nowhere.

use backlot_testkit::{FakeDocker, Stage};

use crate::BACKLOT;

/// Variables of which each alone would lead a client astray, or keep it from connecting.
const LIBPQ: [(&str, &str); 12] = [
    ("PGSERVICE", "prod"),
    ("PGSERVICEFILE", "/nowhere/pg_service.conf"),
    ("PGHOSTADDR", "127.0.0.9"),
    ("PGHOST", "db.example.com"),
    ("PGPASSWORD", "theirs"),
    ("PGOPTIONS", "-c search_path=nowhere"),
    ("PGSSLMODE", "require"),
    ("PGTARGETSESSIONATTRS", "standby"),
    ("PGDATA", "/nowhere/data"),
    ("PGSYSCONFDIR", "/nowhere"),
    ("PGCLUSTER", "15/prod"),
    ("PG_COLOR", "always"),
];
/// Prints the names of all variables that begin with `PG`, on one line.
const NAMES: &str = "env | grep '^PG' | cut -d= -f1 | sort | tr '\\n' ' '; echo";
/// Those that Backlot sets.
const OWN: &str = "PGDATABASE PGHOST PGPASSWORD PGPORT PGUSER";

const COMPOSE: &str = "\
services:
  db: {image: 'postgres', environment: {POSTGRES_PASSWORD: x}}
  web:
    image: web
    command: sh web.sh
    working_dir: /app
    volumes: ['.:/app']
    healthcheck: {test: ['CMD-SHELL', 'test -z \"$$PGSSLMODE$$PGSERVICE\"'], interval: 100ms}
    depends_on: [db]
";

fn stage() -> Stage {
    let mut stage = Stage::empty(BACKLOT);
    for (name, value) in LIBPQ {
        stage.set(name, value);
    }
    stage.file("compose.yaml", COMPOSE);
    stage.file("web.sh", format!("{NAMES}\nexec sleep 1000\n"));
    stage
}

#[test]
fn no_program_sees_the_callers_variables_of_libpq() {
    let stage = stage();
    stage.program("scenarios/program.sh", &format!("#!/bin/sh\n{NAMES}\npsql -XAtc 'create table t ()'\n"));
    stage.file("scenarios/sql.sql", "create table t ();");
    let up = ["scenario", "up", "program", "--only", "db", "-q"];
    stage.backlot(&up).output().assert_prints(&format!("{OWN} \nCREATE TABLE"));
    stage.backlot(&["scenario", "up", "sql", "-q"]).output().assert_code(0);
    let count = ["scenario", "shell", "sql", "-c", "select count(*) from t", "--", "-At"];
    stage.backlot(&count).output().assert_prints("0");
    let shell = ["scenario", "shell", "sql", "-c", "show search_path", "--", "-At"];
    stage.backlot(&shell).output().assert_prints("\"$user\", public");
    let run = ["scenario", "run", "sql", "--", "sh", "-c", NAMES];
    stage.backlot(&run).output().assert_prints(OWN);
    stage.backlot(&["scenario", "down", "--all", "-q"]).output().assert_prints("");

    stage.backlot(&["test", "-q", "--", "sh", "-c", NAMES]).output().assert_prints(OWN);
    stage.backlot(&["up", "-d", "--wait", "-q"]).output().assert_code(0);
    // A service gets what its file says, and this one's says nothing.
    stage.backlot(&["logs", "web", "--no-log-prefix"]).output().assert_prints("");
    stage.backlot(&["exec", "web", "sh", "-c", NAMES]).output().assert_prints("");
    let in_database = stage.backlot(&["exec", "db", "sh", "-c", NAMES]).output();
    in_database.assert_prints("PGDATA PGHOST PGPASSWORD PGPORT PGUSER PG_MAJOR PG_VERSION");
    stage.backlot(&["run", "sh", "-c", NAMES]).output().assert_prints(OWN);
    stage.backlot(&["db", "shell", "-c", "select 42", "--", "-At"]).output().assert_prints("42");
    stage.backlot(&["down", "-q"]).output().assert_prints("");
}

#[test]
fn what_the_projects_files_set_for_libpq_stays() {
    let stage = stage();
    stage
        .file(".env", "PGSSLMODE=prefer\nPGAPPNAME=shop\nPGHOST=db\nPGSERVICE=theirs\nPGHOSTADDR=10.0.0.7\n");
    stage.backlot(&["scenario", "up", "it", "--only", "db", "-q"]).output().assert_prints("");
    let script = "echo $PGSSLMODE $PGAPPNAME $PGHOST; psql -XAtc 'select 42'; echo $PGSERVICE$PGHOSTADDR";
    let run = ["scenario", "run", "it", "--", "sh", "-c", script];
    // Those two would win over the address of the scenario's own database.
    stage.backlot(&run).output().assert_prints("prefer shop 127.0.0.1\n42\n");
    stage.backlot(&["scenario", "down", "it", "-q"]).output().assert_prints("");
}

#[test]
fn a_file_that_refers_to_one_is_told_of() {
    let stage = stage().with("PGADMIN_DEFAULT_EMAIL", "me@example.com").with("PGUSER", "me");
    let compose = COMPOSE.replace(
        "    working_dir",
        "    environment: ['PGPASSWORD', 'WHERE=${PGHOST:-db}', 'TO=$PGADMIN_DEFAULT_EMAIL', 'A=${NOT:-b}']\n    working_dir",
    );
    stage.file("compose.yaml", compose);
    stage.file("web.sh", "echo $TO $WHERE\nexec sleep 1000\n");
    let told = "is not taken from your shell, where it is about some other Postgres: set it in .env or the environment's config file, or use another name";
    let warnings = format!(
        "  ⚠ [project]/compose.yaml:6:33: PGHOST {told}\n  ⚠ [project]/compose.yaml:6:19: PGPASSWORD {told}"
    );
    stage.backlot(&["up", "-d", "--wait", "-q"]).output().assert(0, "", &warnings);
    stage.backlot(&["logs", "web", "--no-log-prefix"]).output().assert_prints("me@example.com db");
    stage.backlot(&["down", "-q"]).output().assert_prints("");
    // What the files set needs nothing of the caller's.
    stage.file(".env", "PGHOST=db\nPGPASSWORD=x\n");
    stage.backlot(&["config", "-q"]).output().assert_prints("");
    stage.file("compose.yaml", COMPOSE.replace("image: web", "image: '${PGUSER:?}'"));
    let error = stage.backlot(&["config"]).output().assert_code(1);
    assert!(error.stderr.contains(&format!("help: PGUSER {told}")), "{error}");
}

#[test]
fn docker_is_not_given_them_either() {
    let stage = stage().with("PGADMIN_DEFAULT_EMAIL", "me@example.com");
    let seen = stage.root().join("seen");
    let docker = FakeDocker::on(&stage, &format!("env >>{}; exit 1", seen.display()));
    for verb in [&["compose", "up"][..], &["--engine", "docker", "up", "-d"], &["compose", "version"]] {
        let _ = stage.backlot(verb).env("PATH", docker.path()).output();
    }
    let seen = std::fs::read_to_string(&seen).unwrap();
    // It is Compose that puts it into the files.
    assert!(seen.lines().any(|line| line == "PGADMIN_DEFAULT_EMAIL=me@example.com"), "{seen}");
    for (name, value) in LIBPQ.into_iter().filter(|(name, _)| *name != "PG_COLOR") {
        assert!(!seen.contains(&format!("{name}={value}")), "{seen}");
    }
}
