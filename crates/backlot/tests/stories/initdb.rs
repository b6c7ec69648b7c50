//! `/docker-entrypoint-initdb.d`: what fills a database when it is made.

use backlot_testkit::{Stage, free_port};

use crate::{BACKLOT, has_views};

const UP: [&str; 3] = ["up", "-d", "--wait"];

/// A project whose database has `more` in its Compose service, beside a password and the database `shop`.
fn project(more: &str) -> Stage {
    let stage = Stage::empty(BACKLOT);
    compose(&stage, more);
    stage
}

fn compose(stage: &Stage, more: &str) {
    let port = free_port();
    stage.file(
        "compose.yaml",
        format!(
            "services:\n  db:\n    ports: ['{port}:5432']\n    environment: {{POSTGRES_PASSWORD: x, POSTGRES_DB: shop}}\n{more}\n"
        ),
    );
}

fn sql(stage: &Stage, statement: &str) -> String {
    let outcome = stage.backlot(&["exec", "db", "psql", "-d", "shop", "-AtXqc", statement]).output();
    assert!(outcome.stderr.is_empty(), "{outcome}");
    outcome.stdout.trim().to_owned()
}

fn down(stage: &Stage) {
    stage.backlot(&["down", "--volumes", "--yes", "-q"]).output().assert_prints("");
}

/// Packs a text with a program, into a file of the project.
fn pack(stage: &Stage, program: &str, path: &str, text: &str) {
    stage.file("plain", text);
    let line = format!("{program} < plain > {path}");
    stage.run("sh", &["-c", &line]).output().assert_code(0);
}

#[test]
fn scripts_of_every_kind_and_from_everywhere_are_run_once() {
    let stage = project(
        "    image: postgres\n    volumes:\n      - pgdata:/var/lib/postgresql/data\n      - ./init:/docker-entrypoint-initdb.d:ro\n      \
         - ./one.sql:/docker-entrypoint-initdb.d/50-one.sql\n    \
         configs: [{source: inline, target: /docker-entrypoint-initdb.d/60-inline.sql}]\n\
         configs: {inline: {content: \"insert into seen values (60)\"}}\nvolumes: {pgdata: }",
    );
    stage.file(
        "init/01.sql",
        "create table seen (i serial, at int); create role app login; create extension citext;",
    );
    stage.file("init/05-sourced.sh", "\"${psql[@]}\" -c 'insert into seen (at) values (5)'\nleft=over\n");
    stage.program("init/06-run.sh", "#!/bin/sh\npsql -v ON_ERROR_STOP=1 -U \"$POSTGRES_USER\" -d \"$POSTGRES_DB\" -c \"insert into seen (at) values (6)\"\n");
    stage.file(
        "init/07-sourced.sh",
        "test \"$left\" = over && psql -U app -d postgres -c 'select 1' && createdb -U postgres more\n",
    );
    pack(&stage, "gzip", "init/10.sql.gz", "insert into seen (at) values (10)");
    pack(&stage, "xz", "init/11.sql.xz", "insert into seen (at) values (11)");
    pack(&stage, "zstd -q", "init/12.sql.zst", "insert into seen (at) values (12)");
    stage.file("init/20.txt", "ignored");
    stage.file("one.sql", "insert into seen (at) values (50)");
    stage.file(
        "compose.yaml",
        std::fs::read_to_string(stage.project().join("compose.yaml"))
            .unwrap()
            .replace("values (60)", "(at) values (60)"),
    );
    stage.under_git();
    let outcome = stage.backlot(&UP).output().assert_code(0);
    for line in [
        "sourcing …/05-sourced.sh",
        "running …/06-run.sh",
        "running …/12.sql.zst",
        "ignoring …/20.txt",
        "running …/60-inline.sql",
    ] {
        assert!(
            outcome.stderr.contains(&line.replace('…', "/docker-entrypoint-initdb.d")),
            "{line}: {outcome}"
        );
    }
    assert!(outcome.stderr.contains("filled by its scripts"), "{outcome}");
    let seen = "select string_agg(at::text, ' ' order by i) from seen";
    assert_eq!(sql(&stage, seen), "5 6 10 11 12 50 60");
    assert_eq!(sql(&stage, "select count(*) from pg_database where datname = 'more'"), "1");
    let log = stage.backlot(&["logs", "db"]).output();
    assert!(log.stdout.contains("CREATE TABLE"), "{log}");
    stage.assert_clean_tree();

    // What is kept is filled once.
    stage.backlot(&["down", "-q"]).output().assert_prints("");
    stage.file("one.sql", "drop table seen");
    stage.backlot(&["up", "-d", "--wait", "-q"]).output().assert_prints("");
    assert_eq!(sql(&stage, seen), "5 6 10 11 12 50 60");
    down(&stage);
}

#[test]
fn one_that_fails_is_told_and_leaves_nothing_half_made() {
    for volume in ["", "pgdata:/var/lib/postgresql/data", "./folder:/var/lib/postgresql/data"] {
        let mounts = if volume.is_empty() { String::new() } else { format!(", '{volume}'") };
        let more = format!(
            "    image: postgres\n    volumes: ['./init:/docker-entrypoint-initdb.d'{mounts}]\nvolumes: {{pgdata: }}"
        );
        let stage = project(&more);
        stage.file("init/1.sql", "create table seen ();\n");
        stage.file("init/2.sql", "select 1;\nselect nonsense;\n");
        let failed = stage.backlot(&UP).output().assert_code(1);
        let expected = [
            "cannot run /docker-entrypoint-initdb.d/2.sql: it ended with exit code 3",
            "/docker-entrypoint-initdb.d/2.sql:2: ERROR:  column \"nonsense\" does not exist",
        ];
        for line in expected {
            assert!(failed.stderr.contains(line), "{failed}");
        }
        assert!(!failed.stderr.contains(&stage.home().display().to_string()), "{failed}");
        stage.file("init/2.sql", "insert into seen default values;\n");
        stage.backlot(&["up", "-d", "--wait", "-q"]).output().assert_prints("");
        assert_eq!(sql(&stage, "select count(*) from seen"), "1", "{volume}");
        stage.backlot(&["down", "--volumes", "--yes", "-q"]).output();
        let _ = std::fs::remove_dir_all(stage.project().join("folder"));
    }
}

#[test]
fn an_image_that_is_built_on_it_brings_its_own() {
    let stage = project("    image: shop/db\n    build: {context: ./docker, args: {KIND: -bookworm}}");
    stage.file(
        "docker/Dockerfile",
        "ARG KIND\nFROM postgres:15${KIND} AS base\nENV POSTGRES_USER=ada\nCOPY init/*.sql /docker-entrypoint-initdb.d/\n\
         COPY --chown=postgres extra.sh /docker-entrypoint-initdb.d/9.sh\nFROM base\n\
         COPY pg.conf /etc/pg.conf\nCMD [\"postgres\", \"-c\", \"config_file=/etc/pg.conf\"]\n",
    );
    stage.file("docker/init/1.sql", "create table seen as select current_user::text who;");
    stage.file("docker/extra.sh", "psql -U ada shop -c \"insert into seen values ('9')\"");
    stage.file("docker/pg.conf", "work_mem = 7MB\n");
    stage.backlot(&["up", "-d", "--wait", "-q"]).output().assert_prints("");
    assert_eq!(sql(&stage, "select string_agg(who, ' ' order by who desc) from seen"), "ada 9");
    assert_eq!(sql(&stage, "show work_mem"), "7MB");
    down(&stage);
    // What cannot be done is said.
    stage.file("docker/Dockerfile", "FROM postgres:15\nRUN apt-get install -y something\n");
    let outcome = stage.backlot(&["up", "-d", "--wait", "-q"]).output().assert_code(0);
    assert!(outcome.stderr.contains("the Dockerfile of service db runs commands"), "{outcome}");
    down(&stage);
}

#[test]
fn scenarios_are_cloned_with_what_scripts_make() {
    let stage = project(
        "    image: postgres\n    volumes: ['./init:/docker-entrypoint-initdb.d', 'pgdata:/var/lib/postgresql/data']\nvolumes: {pgdata: }",
    );
    stage.file("init/1.sh", "psql -U postgres shop -c \"create table seen as select '$TIME' as at\"\n");
    stage.file("scenarios/it.sql", "insert into seen values ('filled');\n");
    let up = |name: &str| stage.backlot(&["scenario", "up", name]).output().assert_code(0);
    let seen = |name: &str, expected: &str| {
        let sql = "select string_agg(at, ' ' order by at) from seen";
        stage.backlot(&["scenario", "shell", name, "-c", sql, "--", "-At"]).output().assert_prints(expected);
    };
    let first = up("it");
    assert!(first.stderr.contains("running") || first.stderr.contains("sourcing"), "{first}");
    seen("it", " filled");
    stage.backlot(&["scenario", "down", "it", "-q"]).output().assert_prints("");
    let second = up("it");
    assert!(second.stderr.contains("cloned with its data"), "{second}");
    assert!(!second.stderr.contains("sourcing"), "{second}");
    seen("it", " filled");
    let other = up("elsewhere");
    assert!(other.stderr.contains("cloned with what its scripts make"), "{other}");
    assert!(!other.stderr.contains("sourcing"), "{other}");
    stage.backlot(&["scenario", "down", "elsewhere", "-q"]).output().assert_prints("");
    stage.backlot(&["scenario", "down", "it", "-q"]).output().assert_prints("");
    // Other variables and other scripts make another one.
    let file = std::fs::read_to_string(stage.project().join("compose.yaml")).unwrap();
    stage.file("compose.yaml", file.replace("POSTGRES_DB: shop", "POSTGRES_DB: shop, TIME: later"));
    let third = up("it");
    assert!(third.stderr.contains("sourcing"), "{third}");
    seen("it", "filled later");
    stage.backlot(&["scenario", "down", "it", "-q"]).output().assert_prints("");
}

#[test]
fn what_people_have_reported_of_the_image() {
    // A script that lets others in; a folder for the data beside one script that makes a database of its own; a file that
    // is added to the folder without a slash; names with a dash.
    let stage = project(
        "    build: .\n    command: postgres -c log_statement=all\n    volumes: ['./my-db:/var/lib/postgresql/data']",
    );
    let file = std::fs::read_to_string(stage.project().join("compose.yaml")).unwrap();
    stage
        .file("compose.yaml", file.replace("POSTGRES_DB: shop", "POSTGRES_DB: shop, POSTGRES_USER: my-user"));
    stage.file(
        "Dockerfile",
        "FROM postgres\nADD ./scripts/seed.sql /docker-entrypoint-initdb.d\nCOPY hba.sh /docker-entrypoint-initdb.d/\n",
    );
    stage
        .file("scripts/seed.sql", "create database \"my-db\";\n\\connect \"my-db\"\ncreate table seen ();\n");
    stage.file("hba.sh", "echo 'host my-db all all trust' > \"$PGDATA/hba\" && cat \"$PGDATA/pg_hba.conf\" >> \"$PGDATA/hba\" && mv \"$PGDATA/hba\" \"$PGDATA/pg_hba.conf\"\n");
    stage.backlot(&["up", "-d", "--wait", "-q"]).output().assert_prints("");
    let count = "select count(*) from seen";
    let local = stage.backlot(&["exec", "db", "psql", "-d", "my-db", "-AtXc", count]).output();
    local.assert_prints("0");
    let line = "psql -w -h 127.0.0.1 -U my-user -d my-db -AtXc 'select count(*) from seen'";
    stage
        .backlot(&["exec", "db", "sh", "-c", &format!("unset PGPASSWORD; {line}")])
        .output()
        .assert_prints("0");
    stage.backlot(&["down", "-q"]).output().assert_prints("");
}

#[test]
fn scripts_and_their_server_see_the_paths_of_the_container() {
    if !has_views() {
        return;
    }
    let stage = project(
        "    image: postgres\n    volumes:\n      - ./scripts:/docker-entrypoint-initdb.d\n      - ./rows:/rows:ro",
    );
    stage.file("rows/one.csv", "1\n").file("scripts/two.csv", "2\n");
    // Nothing stops this one, and nobody would see that its lines have no effect.
    stage.program(
        "scripts/1.sh",
        "#!/bin/bash\necho \"work_mem = '9MB'\" >> /var/lib/postgresql/data/postgresql.conf\ntest $PGDATA = /var/lib/postgresql/data\n",
    );
    let copies = "COPY rows FROM '/rows/one.csv';\n\\copy rows from '/docker-entrypoint-initdb.d/two.csv'\n";
    stage.file("scripts/2.sql", format!("CREATE TABLE rows (one int);\n{copies}"));
    stage.backlot(&["up", "-d", "--wait", "-q"]).output().assert_code(0);
    let all = "SELECT current_setting('work_mem'), string_agg(one::text, ',' ORDER BY one) FROM rows";
    assert_eq!(sql(&stage, all), "9MB|1,2");
    down(&stage);
    // What is read belongs to what the template is made of.
    stage.file("rows/one.csv", "11\n");
    stage.backlot(&["up", "-d", "--wait", "-q"]).output().assert_code(0);
    assert_eq!(sql(&stage, all), "9MB|2,11");
    down(&stage);
}
