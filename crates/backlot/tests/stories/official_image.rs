//! What the official Postgres image does with its variables, files and command, and with what is run beside it.

use backlot_testkit::{Stage, free_port};

use crate::BACKLOT;

const UP: [&str; 4] = ["up", "-d", "--wait", "-q"];

/// A project with this Compose file, in which PORT is a free port.
fn project(compose: &str) -> (Stage, u16) {
    let (stage, port) = (Stage::empty(BACKLOT), free_port());
    stage.file("compose.yaml", compose.replace("'PORT:", &format!("'{port}:")));
    (stage, port)
}

fn sql(stage: &Stage, url: &str, statement: &str) -> String {
    let outcome = stage.run("psql", &["-XAtqw", "-c", statement, url]).output();
    format!("{}{}", outcome.stdout, outcome.stderr).trim().to_owned()
}

fn down(stage: &Stage) {
    stage.backlot(&["down", "--volumes", "--yes", "-q"]).output().assert_prints("");
}

#[test]
fn nobody_is_asked_for_a_password_where_the_file_trusts() {
    let (stage, port) = project(
        "services:\n  db:\n    image: postgres\n    environment: {POSTGRES_HOST_AUTH_METHOD: trust, POSTGRES_USER: ada}\n    \
         ports: ['PORT:5432']\n  web:\n    image: web\n    environment: {PGHOST: db, PGUSER: ada}\n    command: sh -c 'psql -XAtc \"select 42\"; exec sleep 1000'\n    \
         depends_on: [db]\n",
    );
    stage.backlot(&UP).output().assert_prints("");
    assert_eq!(sql(&stage, &format!("postgres://ada@127.0.0.1:{port}/ada"), "select 1"), "1");
    assert_eq!(sql(&stage, &format!("postgres://ada:any@127.0.0.1:{port}/ada"), "select 1"), "1");
    stage.backlot(&["db", "url"]).output().assert_prints(&format!("postgresql://ada@127.0.0.1:{port}/ada"));
    stage.backlot(&["db", "shell", "-c", "select 2", "--", "-At"]).output().assert_prints("2");
    stage.backlot(&["db", "create"]).output().assert_code(0);
    assert!(stage.backlot(&["logs", "web"]).output().stdout.contains("42"));
    down(&stage);
}

#[test]
fn other_ways_to_show_who_one_is() {
    for (method, arguments) in [
        ("md5", ""),
        ("password", ""),
        ("md5", "--auth=scram-sha-256"),
        ("", "--auth-local=scram-sha-256 -k"),
        ("", "--auth=md5"),
    ] {
        let (stage, port) = project(&format!(
            "services:\n  db:\n    image: postgres\n    ports: ['PORT:5432']\n    environment:\n      POSTGRES_PASSWORD: x\n      \
             POSTGRES_HOST_AUTH_METHOD: '{method}'\n      POSTGRES_INITDB_ARGS: '{arguments}'\n"
        ));
        stage.backlot(&UP).output().assert_prints("");
        let url = |word: &str| format!("postgres://postgres:{word}@127.0.0.1:{port}/postgres");
        assert_eq!(sql(&stage, &url("x"), "select 1"), "1", "{method}");
        assert!(sql(&stage, &url("y"), "select 1").contains("password authentication failed"), "{method}");
        let hba = "select string_agg(distinct auth_method, ' ') from pg_hba_file_rules where type = 'host'";
        assert_eq!(
            sql(&stage, &url("x"), hba),
            if arguments == "--auth=md5" {
                "md5"
            } else if method.is_empty() {
                "scram-sha-256"
            } else {
                method
            }
        );
        stage.backlot(&["exec", "db", "psql", "-Atc", "select 2"]).output().assert_prints("2");
        down(&stage);
    }
}

#[test]
fn a_password_comes_from_where_the_service_has_it() {
    let compose = |environment: &str| {
        format!(
            "services:\n  db:\n    image: postgres\n    environment: {{{environment}}}\n    secrets: [of_env, {{source: of_file, target: /etc/pg/word}}, gone, swarm]\n    \
             ports: ['PORT:5432']\nsecrets: {{of_env: {{environment: PG_WORD}}, of_file: {{file: ./word}}, gone: {{file: ./gone.txt}}, swarm: {{external: true}}}}\n"
        )
    };
    for (environment, user, word) in [
        ("POSTGRES_PASSWORD_FILE: /run/secrets/of_env", "postgres", "of the caller"),
        ("POSTGRES_PASSWORD_FILE: /etc/pg/word, POSTGRES_USER_FILE: /etc/pg/word", "file", "file"),
        ("POSTGRES_PASSWORD: ''", "", "no POSTGRES_PASSWORD"),
        (
            "POSTGRES_PASSWORD: x, POSTGRES_PASSWORD_FILE: /etc/pg/word",
            "",
            "both POSTGRES_PASSWORD and POSTGRES_PASSWORD_FILE",
        ),
        (
            "POSTGRES_PASSWORD_FILE: /etc/pg/none",
            "",
            "\"/etc/pg/none\", which POSTGRES_PASSWORD_FILE of service db names",
        ),
        ("POSTGRES_PASSWORD_FILE: /run/secrets/gone", "", "because: [project]/gone.txt: No such file"),
        ("POSTGRES_PASSWORD_FILE: /run/secrets/swarm", "", "only Docker Swarm has"),
        (
            "POSTGRES_PASSWORD: x, POSTGRES_INITDB_ARGS: '--locale=\"C'",
            "",
            "POSTGRES_INITDB_ARGS of service db",
        ),
    ] {
        let (stage, port) = project(&compose(environment));
        stage.file("word", "file\n\n");
        let outcome = stage.backlot(&UP).env("PG_WORD", "of the caller").output();
        if user.is_empty() {
            assert!(outcome.stderr.contains(word), "{environment}: {outcome}");
            outcome.assert_code(1);
            continue;
        }
        outcome.assert_prints("");
        let url = format!("postgres://{user}:{}@127.0.0.1:{port}/{user}", word.replace(' ', "%20"));
        assert_eq!(sql(&stage, &url, "select 1"), "1", "{environment}");
        stage.backlot(&["down", "-q"]).env("PG_WORD", "of the caller").output().assert_prints("");
    }
}

#[test]
fn files_of_the_servers_own_are_found_where_the_service_has_them() {
    let (stage, port) = project(
        "services:\n  db:\n    image: postgres\n    environment: {POSTGRES_PASSWORD: x}\n    ports: ['PORT:5432']\n    \
         command: postgres -c 'config_file=/etc/pg/main.conf' -c hba_file=/hba -c work_mem=9MB\n    \
         volumes: ['./pg:/etc/pg:ro', './more.conf:/etc/pg/conf.d/z.conf']\n    configs: [hba]\n\
         configs: {hba: {content: \"local all all trust\\nhost all ada all trust\\nhost all all all scram-sha-256\\n\"}}\n",
    );
    stage.file(
        "pg/main.conf",
        "listen_addresses = '*'\nport = 5432\ninclude 'other.conf'\ninclude_dir '/etc/pg/conf.d'\n",
    );
    stage.file("pg/other.conf", "max_connections = 33\nwork_mem = 1MB\n");
    stage.file("pg/conf.d/a.conf", "idle_session_timeout = '1h'\n");
    stage.file("more.conf", "application_name = 'it''s'\nidle_session_timeout = '2h'\n");
    stage.backlot(&UP).output().assert_prints("");
    let url = format!("postgres://postgres:x@127.0.0.1:{port}/postgres");
    let show = |name: &str| sql(&stage, &url, &format!("select current_setting('{name}')"));
    let seen = ["max_connections", "work_mem", "idle_session_timeout", "listen_addresses"].map(show);
    assert_eq!(seen, ["33", "9MB", "2h", "127.0.0.1"]);
    sql(&stage, &url, "create role ada login");
    assert_eq!(sql(&stage, &format!("postgres://ada@127.0.0.1:{port}/postgres"), "select 1"), "1");
    // What changes in one of them is brought by the next `up`, and nothing else is.
    let process =
        || stage.backlot(&["exec", "db", "sh", "-c", "head -n1 $PGDATA/postmaster.pid"]).output().stdout;
    let first = process();
    stage.backlot(&UP).output().assert_prints("");
    assert_eq!(process(), first);
    stage.file("pg/other.conf", "max_connections = 34\n");
    stage.backlot(&UP).output().assert_prints("");
    assert_eq!(show("max_connections"), "34");
    down(&stage);
    std::fs::remove_file(stage.project().join("pg/other.conf")).unwrap();
    let outcome = stage.backlot(&UP).output().assert_code(1);
    assert!(outcome.stderr.contains("/etc/pg/other.conf, which /etc/pg/main.conf includes"), "{outcome}");
}

#[test]
fn it_listens_where_its_service_says() {
    for (told, inside) in [
        ("command: -p 5433", 5433),
        ("command: [postgres, --port=6000]", 6000),
        ("environment: {PGPORT: 7000, POSTGRES_PASSWORD: x}", 7000),
    ] {
        let told = if told.contains("PASSWORD") {
            told.to_owned()
        } else {
            format!("environment: {{POSTGRES_PASSWORD: x}}\n    {told}")
        };
        let (stage, port) = project(&format!(
            "services:\n  db:\n    image: postgres\n    {told}\n    ports: ['PORT:{inside}', '5432']\n    \
             healthcheck: {{test: [CMD, pg_isready, -U, postgres], interval: 1s}}\n  web:\n    image: web\n    \
             environment: {{DATABASE_URL: 'postgres://postgres:x@db:{inside}/postgres'}}\n    \
             command: sh -c 'psql -XAtc \"select 42\" $$DATABASE_URL; exec sleep 1000'\n    depends_on: {{db: {{condition: service_healthy}}}}\n"
        ));
        stage.backlot(&UP).output().assert_prints("");
        assert_eq!(sql(&stage, &format!("postgres://postgres:x@127.0.0.1:{port}/postgres"), "select 1"), "1");
        assert!(stage.backlot(&["logs", "web"]).output().stdout.contains("42"), "{told}");
        let ps = stage.backlot(&["ps", "--json"]).output();
        let services: serde_json::Value = serde_json::from_str(&ps.stdout).unwrap();
        assert!(
            ps.stdout.contains(&format!("\"target\": {inside}"))
                || ps.stdout.contains(&format!("\"target\":{inside}")),
            "{services:#}"
        );
        down(&stage);
    }
}

#[test]
fn its_own_health_check_decides() {
    let compose = |test: &str, more: &str| {
        format!(
            "services:\n  db:\n    image: postgres\n    environment: {{POSTGRES_PASSWORD: x, POSTGRES_DB: shop}}\n    \
                 healthcheck: {{test: {test}, interval: 1s, retries: 2{more}}}\n"
        )
    };
    for (test, more) in [
        ("[CMD-SHELL, 'pg_isready -U $$POSTGRES_USER -d $$POSTGRES_DB']", ""),
        ("'psql -U postgres shop -c \"select 1\" && test -d $$PGDATA'", ""),
        ("[CMD, /usr/bin/pg_isready, -h, localhost]", ""),
        ("'exit 1'", ", disable: true"),
        ("[NONE]", ""),
    ] {
        let (stage, _) = project(&compose(test, more));
        stage.backlot(&UP).output().assert_prints("");
        assert!(stage.backlot(&["ps"]).output().stdout.contains("healthy"), "{test}");
        down(&stage);
    }
    let (stage, _) = project("services:\n  db: {build: ., environment: {POSTGRES_PASSWORD: x}}\n");
    stage.file(
        "Dockerfile",
        "FROM postgres\nHEALTHCHECK --interval=1s --retries=2 CMD echo from the image; exit 1\n",
    );
    let outcome = stage.backlot(&UP).output().assert_code(1);
    assert!(outcome.stderr.contains("from the image"), "{outcome}");
    down(&stage);
    for (test, why) in [("'echo not yet; exit 1'", "not yet"), ("[CMD, no-such-program]", "no-such-program")]
    {
        let (stage, _) = project(&compose(test, ""));
        let outcome = stage.backlot(&UP).output().assert_code(1);
        assert!(outcome.stderr.contains("unhealthy") && outcome.stderr.contains(why), "{outcome}");
        down(&stage);
    }
}

#[test]
fn what_is_run_beside_it_has_the_images_variables() {
    let (stage, _) = project(
        "services:\n  db:\n    image: postgres\n    env_file: [db.env]\n    environment: {POSTGRES_USER: ada, POSTGRES_DB: shop}\n",
    );
    stage.file("db.env", "POSTGRES_PASSWORD=pa ss\nOWN=word\n");
    stage.backlot(&UP).output().assert_prints("");
    let exec = |line: &str| stage.backlot(&["exec", "db", "sh", "-c", line]).output();
    exec("echo $POSTGRES_USER/$POSTGRES_DB/$POSTGRES_PASSWORD/$OWN").assert_prints("ada/shop/pa ss/word");
    exec("psql -U ada shop -qc 'create table seen ()'; createuser app").assert_prints("");
    let dump = exec("pg_dump -U $POSTGRES_USER $POSTGRES_DB").assert_code(0);
    assert!(dump.stdout.contains("CREATE TABLE public.seen"), "{dump}");
    // As in the image, nobody is asked for a password at the socket.
    exec("psql -U app -d shop -Atc 'select current_user'").assert_prints("app");
    exec("test -f $PGDATA/PG_VERSION && pg_isready -q -h localhost && echo ok").assert_prints("ok");
    down(&stage);
}

#[test]
fn text_is_sorted_as_in_the_image() {
    let order = "select string_agg(x, ' ' order by x) from unnest(array['b', 'A', 'a', 'B', 'é', 'z']) x";
    for (image, more, expected) in [
        ("postgres:15", "", "a A b B é z"),
        ("postgres:15", ", POSTGRES_INITDB_ARGS: '--locale=C'", "A B a b z é"),
        ("postgres:15", ", POSTGRES_INITDB_ARGS: '--lc-collate=C --encoding=UTF8'", "A B a b z é"),
        ("postgres:15", ", LANG: C.UTF-8", "A B a b z é"),
        ("postgres:15", ", POSTGRES_INITDB_ARGS: '--locale-provider=icu --icu-locale=en'", "a A b B é z"),
        ("postgres:15-alpine", "", "A B a b z é"),
    ] {
        let (stage, port) = project(&format!(
            "services:\n  db:\n    image: {image}\n    environment: {{POSTGRES_PASSWORD: x{more}}}\n    ports: ['PORT:5432']\n    \
             volumes: ['pgdata:/var/lib/postgresql/data']\nvolumes: {{pgdata: }}\n"
        ));
        let outcome = stage.backlot(&["up", "-d", "--wait"]).output().assert_code(0);
        let url = format!("postgres://postgres:x@127.0.0.1:{port}/postgres");
        assert_eq!(sql(&stage, &url, order), expected, "{image} {more}");
        if more.is_empty() && image == "postgres:15" {
            let provider = "select datlocprovider from pg_database where datname = 'postgres'";
            let is_icu = sql(&stage, &url, provider) == "i";
            assert_eq!(outcome.stderr.contains("sorted by ICU's en-US"), is_icu, "{outcome}");
            // Of one that is cloned from the same template, too.
            for name in ["one", "two"] {
                let clone = stage.backlot(&["scenario", "up", name]).output().assert_code(0);
                assert_eq!(clone.stderr.contains("sorted by ICU's en-US"), is_icu, "{clone}");
            }
            stage.backlot(&["scenario", "down", "--all", "-q"]).output().assert_prints("");
        }
        down(&stage);
    }
}

#[test]
fn what_an_image_promises_is_there_or_named() {
    for (image, extension, package) in [
        ("postgis/postgis:15-3.4", "postgis", "postgresql-15-postgis-3"),
        ("pgvector/pgvector:pg15", "vector", "postgresql-15-pgvector"),
        ("timescale/timescaledb:latest-pg15", "timescaledb", "postgresql-15-timescaledb"),
        ("imresamu/postgis:15-3.4-alpine", "postgis", "postgresql-15-postgis-3"),
    ] {
        let (stage, _) = project(&format!(
            "services:\n  db: {{image: '{image}', environment: {{POSTGRES_PASSWORD: x}}}}\n"
        ));
        if std::path::Path::new(&format!("/usr/share/postgresql/15/extension/{extension}.control")).exists() {
            continue;
        }
        let outcome = stage.backlot(&UP).output().assert_code(1);
        assert!(outcome.stderr.contains(extension) && outcome.stderr.contains(package), "{outcome}");
    }
}

#[test]
fn a_client_of_the_same_image_is_no_second_server() {
    let (stage, port) = project(
        "services:\n  db:\n    image: postgres:15\n    environment: {POSTGRES_PASSWORD: x}\n    ports: ['PORT:5432']\n  \
         job:\n    image: postgres:15\n    command: psql postgres://postgres:x@db:5432/postgres -c 'create table made ()'\n    \
         depends_on: {db: {condition: service_healthy}}\n",
    );
    stage.backlot(&UP).output().assert_prints("");
    assert_eq!(
        sql(&stage, &format!("postgres://postgres:x@127.0.0.1:{port}/postgres"), "select count(*) from made"),
        "0"
    );
    down(&stage);
}

#[test]
fn what_the_file_says_the_programs_are_is_taken_at_its_word() {
    let bin = "/usr/lib/postgresql/15/bin";
    if !std::path::Path::new(bin).exists() {
        return;
    }
    let (stage, port) = project(&format!(
        "x-backlot: {{bin: {bin}}}\nservices:\n  db:\n    image: registry.example/team/postgres:3.2\n    \
         environment: {{POSTGRES_PASSWORD: x}}\n    ports: ['PORT:5432']\n    volumes: ['pgdata:/var/lib/postgresql/data']\nvolumes: {{pgdata: }}\n"
    ));
    stage.backlot(&UP).output().assert_prints("");
    let url = format!("postgres://postgres:x@127.0.0.1:{port}/postgres");
    assert_eq!(sql(&stage, &url, "select current_setting('server_version_num')::int / 10000"), "15");
    stage.backlot(&["down", "-q"]).output().assert_prints("");
    stage.backlot(&UP).output().assert_prints("");
    down(&stage);
}

#[test]
fn the_log_is_in_a_volume_of_its_own_where_the_file_has_it() {
    let compose = |wal: &str| {
        format!(
            "services:\n  db:\n    image: postgres\n    environment: {{POSTGRES_PASSWORD: x, POSTGRES_INITDB_WALDIR: /wal/log}}\n    \
             volumes: ['data:/var/lib/postgresql/data', '{wal}']\nvolumes: {{data: {{}}, wal: {{}}, named: {{name: the-log}}}}\n"
        )
    };
    for (wal, place) in [
        ("wal:/wal", "volumes/wal/data/log"),
        ("./logs:/wal", "/logs/log"),
        ("named:/wal", "volumes/the-log/data/log"),
    ] {
        let stage = Stage::empty(BACKLOT);
        stage.file("compose.yaml", compose(wal)).file("init.sql", "");
        stage.backlot(&UP).output().assert_prints("");
        let exec = |line: &str| stage.backlot(&["exec", "db", "sh", "-c", line]).output();
        let log = exec("readlink $PGDATA/pg_wal").assert_code(0).stdout;
        assert!(log.trim().ends_with(place), "{log}");
        exec("psql -XAtqc 'create table kept (id int)' && psql -XAtqc checkpoint && ls $PGDATA/pg_wal/ | grep -c ^0000").assert_code(0);
        stage.backlot(&["down", "-q"]).output().assert_prints("");
        stage.backlot(&UP).output().assert_prints("");
        exec("psql -XAtqc 'select count(*) from kept'").assert_prints("0");
        down(&stage);
        // What is not ours stays, and nothing is written over it.
        if wal.starts_with('.') {
            let refused = stage.backlot(&UP).output().assert_code(1);
            assert!(refused.stderr.contains("/logs/log holds files"), "{refused}");
            std::fs::remove_dir_all(stage.project().join("logs")).unwrap();
        }
    }
    // Where nothing is mounted, it stays with the data, and that is said.
    let stage = Stage::empty(BACKLOT);
    stage.file("compose.yaml", compose("wal:/elsewhere"));
    let dry = stage.backlot(&["up", "--dry-run"]).output().assert_code(0);
    assert!(
        dry.stderr.contains("names /wal/log, where nothing is mounted: the log stays with the data"),
        "{dry}"
    );
}

#[test]
fn what_is_run_beside_it_has_the_variables_of_the_image() {
    let (stage, _) = project(
        "services:\n  db: {image: postgres, environment: {POSTGRES_PASSWORD: x, POSTGRES_DB: shop}}\n",
    );
    stage.backlot(&UP).output().assert_prints("");
    let line = "echo $PG_MAJOR. $PG_VERSION $LANG $POSTGRES_USER $POSTGRES_DB $POSTGRES_PASSWORD; test -d $PGDATA && echo data";
    let said = stage.backlot(&["exec", "db", "sh", "-c", line]).output().assert_code(0).stdout;
    let words: Vec<&str> = said.split_whitespace().collect();
    assert!(words[1].starts_with(words[0]), "{said}");
    assert_eq!(words[2..], ["en_US.utf8", "postgres", "shop", "x", "data"]);
    down(&stage);
}

#[test]
fn keys_that_are_mounted_are_the_servers_and_other_folders_are_named() {
    let (stage, port) = project(
        "services:\n  db:\n    image: postgres\n    command: -c ssl=on -c ssl_cert_file=/tls/a.crt -c ssl_key_file=/tls/a.key\n    environment: {POSTGRES_PASSWORD: x}\n    ports: ['PORT:5432']\n    \
         volumes: ['./tls:/tls:ro', './archive:/archive', './init:/docker-entrypoint-initdb.d', '/etc/localtime:/etc/localtime:ro']\n",
    );
    let make = "mkdir tls init && openssl req -new -x509 -days 2 -nodes -subj /CN=db -out tls/a.crt -keyout tls/a.key";
    if stage.run("sh", &["-c", make]).output().code != 0 {
        return;
    }
    let up = stage.backlot(&UP).output().assert_code(0);
    let archive = "service db has [project]/archive at /archive, where its server does not see it natively";
    assert!(up.stderr.contains(archive) && up.stderr.lines().count() == 1, "{up}");
    let url = format!("postgres://postgres:x@127.0.0.1:{port}/postgres?sslmode=require");
    assert_eq!(sql(&stage, &url, "show ssl"), "on");
    down(&stage);
}
