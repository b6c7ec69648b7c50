//! Real servers that were fetched, beside the machine's own: those that `./test` fetches once. Without them, these pass at once.

use backlot_testkit::{Stage, free_port};

use crate::{BACKLOT, axum, flask};

const MAJORS: [&str; 2] = ["16", "18"];

/// A stage for each, as `make` makes it.
fn stages(make: impl Fn() -> Stage) -> impl Iterator<Item = (&'static str, Stage)> {
    MAJORS.into_iter().filter_map(move |major| Some((major, make().with_fetched(major)?)))
}

/// The major version of the server that runs as `db`.
fn major_of(stage: &Stage) -> String {
    let version =
        stage.backlot(&["db", "shell", "-c", "SHOW server_version", "--", "-At"]).output().assert_code(0);
    version.stdout.split('.').next().unwrap_or_default().to_owned()
}

#[test]
fn the_flask_example() {
    for (_, stage) in stages(|| Stage::example(BACKLOT, "flask")) {
        flask::scenarios(&stage);
    }
    for (_, stage) in stages(|| Stage::example(BACKLOT, "flask")) {
        flask::tests(&stage);
    }
}

#[test]
fn the_axum_example() {
    for (_, stage) in stages(|| Stage::example(BACKLOT, "axum")) {
        axum::scenarios_and_tests(stage);
    }
}

const COMPOSE: &str = "\
services:
  db:
    image: postgres
    environment: {POSTGRES_USER: ada, POSTGRES_PASSWORD: secret, POSTGRES_DB: shop}
    ports: ['PORT:5432']
    volumes: ['pgdata:/var/lib/postgresql', './init:/docker-entrypoint-initdb.d']
    healthcheck: {test: pg_isready -U ada -d shop, interval: 1s}
volumes:
  pgdata:
";

/// All that a server's image does, with programs that came without psql: scripts, a health check of its own, passwords by
/// scram, the order of the image, extensions, a database that is kept.
#[test]
fn a_stack_with_all_that_an_image_does() {
    for (major, stage) in stages(|| Stage::empty(BACKLOT)) {
        let port = free_port();
        stage.file("compose.yaml", COMPOSE.replace("PORT", &port.to_string()));
        stage.file("init/1.sql", "CREATE EXTENSION pgcrypto; CREATE TABLE words (word text);");
        stage.program(
            "init/2.sh",
            "#!/bin/bash\npsql -U ada shop -c \"INSERT INTO words VALUES ('b'), ('B'), ('a'), ('é')\"\n",
        );
        stage.backlot(&["up", "-d", "--wait", "-q"]).output().assert_prints("");
        assert_eq!(major_of(&stage), major);
        let ask = |sql: &str| {
            stage.backlot(&["db", "shell", "-c", sql, "--", "-At"]).output().assert_code(0).stdout
        };
        assert_eq!(ask("SELECT string_agg(word, ' ' ORDER BY word) FROM words").trim(), "a b B é");
        assert_eq!(ask("SELECT length(gen_random_bytes(7)::text) > 0").trim(), "t");
        assert_eq!(ask("SHOW password_encryption").trim(), "scram-sha-256");
        let wrong = format!("postgresql://ada:wrong@127.0.0.1:{port}/shop");
        let refused = stage.backlot(&["run", "--", "psql", &wrong, "-c", "SELECT 1"]).output();
        assert!(refused.stderr.contains("password authentication failed"), "{refused}");
        let inside =
            stage.backlot(&["exec", "db", "psql", "-U", "ada", "shop", "-Atc", "SELECT count(*) FROM words"]);
        inside.output().assert_prints("4");
        let seen = stage.backlot(&["ps"]).output();
        assert!(seen.stdout.contains("healthy"), "{seen}");
        stage.backlot(&["down", "-q"]).output().assert_prints("");
        stage.backlot(&["up", "-d", "--wait", "-q"]).output().assert_prints("");
        assert_eq!(ask("SELECT count(*) FROM words").trim(), "4");
        stage.backlot(&["down", "-v", "--yes", "-q"]).output().assert_prints("");
    }
}

const LOAD: &str = "\
CREATE TABLE words (id serial PRIMARY KEY, word text);
INSERT INTO words (word) SELECT 'word ' || n FROM generate_series(1, 1000) AS n;
CREATE VIEW few AS SELECT * FROM words WHERE id < 10;
CREATE ROLE reader LOGIN PASSWORD 'r';
GRANT SELECT ON words TO reader;
CREATE DATABASE \"it's \\ another\";
";

/// From the machine's own to 16 and on to 18: all of it is there, with roles and passwords, and the old ones are kept.
#[test]
fn a_volume_is_taken_over() {
    let Some(mut stage) = Stage::empty(BACKLOT).with_fetched("16") else { return };
    stage.file("compose.yaml", COMPOSE.replace("PORT", &free_port().to_string()));
    stage.file("init/none", "");
    stage.unset("BACKLOT_POSTGRES");
    stage.backlot(&["up", "-d", "--wait", "-q"]).output().assert_prints("");
    let first = major_of(&stage);
    if first.parse::<u32>().unwrap() >= 16 {
        stage.backlot(&["down", "-v", "--yes", "-q"]).output().assert_prints("");
        return;
    }
    stage.backlot(&["db", "shell"]).stdin(LOAD).output().assert_code(0);
    stage.set("BACKLOT_POSTGRES", "16");
    let refused = stage.backlot(&["postgres", "upgrade", "pgdata"]).output().assert_code(1);
    assert!(refused.stderr.contains("is in use"), "{refused}");
    stage.backlot(&["down", "-q"]).output().assert_prints("");
    let refused = stage.backlot(&["up", "-d"]).output().assert_code(1);
    assert!(refused.stderr.contains("backlot -e development postgres upgrade pgdata"), "{refused}");
    stage.backlot(&["postgres", "upgrade", "nothing"]).output().assert(
        1,
        "",
        "error: no database of development …\n…pgdata",
    );
    let mut made = first;
    for major in MAJORS {
        stage.set("BACKLOT_POSTGRES", major);
        stage.backlot(&["postgres", "upgrade", "pgdata", "--dry-run"]).output().assert_prints(&format!(
            "take volume pgdata over from PostgreSQL {made} to PostgreSQL {major}, and keep the old one"
        ));
        stage.backlot(&["postgres", "upgrade", "pgdata"]).output().assert(0, "", "…");
        stage.backlot(&["up", "-d", "--wait", "-q"]).output().assert_prints("");
        assert_eq!(major_of(&stage), major);
        let count =
            "SELECT (SELECT count(*) FROM words), (SELECT count(*) FROM few), count(*) FROM pg_database";
        let count = stage.backlot(&["db", "shell", "-c", count, "--", "-At"]).output();
        count.assert_prints("1000|9|5");
        let reader =
            "psql \"$(backlot db url | sed s/ada:secret/reader:r/)\" -Atc 'SELECT max(id) FROM words'";
        let reader = reader.replace("backlot", stage.binary());
        stage.run("sh", &["-c", &reader]).output().assert_prints("1000");
        stage.backlot(&["down", "-q"]).output().assert_prints("");
        let listed = stage.backlot(&["volume", "ls"]).output();
        assert!(listed.stdout.contains(&format!("_development_pgdata.postgres-{made} ")), "{listed}");
        major.clone_into(&mut made);
    }
    stage.set("BACKLOT_POSTGRES", "16");
    let back = stage.backlot(&["postgres", "upgrade", "pgdata"]).output().assert_code(1);
    assert!(back.stderr.contains("which is older"), "{back}");
    stage.backlot(&["down", "-v", "--yes", "-q"]).output().assert_prints("");
    let listed = stage.backlot(&["volume", "ls", "--json"]).output();
    let listed: serde_json::Value = serde_json::from_str(&listed.stdout).unwrap();
    let kept = listed.as_array().unwrap().iter().filter_map(|one| one["name"].as_str());
    let kept: Vec<&str> = kept.collect();
    assert_eq!(kept.len(), 2, "{kept:?}");
    stage.backlot(&[&["volume", "rm", "--yes"][..], &kept].concat()).output().assert_code(0);
}
