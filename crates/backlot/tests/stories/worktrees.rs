//! Checkouts of one project beside each other: their ports, their data, and what becomes of them.

use std::path::{Path, PathBuf};

use backlot_testkit::{Outcome, Stage, free_port, get};
use serde_json::Value;

use crate::BACKLOT;

const COMPOSE: &str = "\
name: shop
services:
  db:
    image: postgres
    environment: {POSTGRES_PASSWORD: pw}
    ports: ['DB:5432']
    volumes: ['data:/var/lib/postgresql/data']
  web:
    image: web
    command: sh -c 'exec python3 -m http.server --bind 127.0.0.1 $$PORT'
    ports: ['WEB:8000']
    environment: {SITE: 'http://localhost:WEB/', PORT: 8000}
    depends_on: [db]
volumes: {data: }
";

/// A project under git, of which others are worktrees.
pub(crate) struct Shop {
    pub(crate) stage: Stage,
    pub(crate) web: u16,
    pub(crate) db: u16,
}

pub(crate) fn shop() -> Shop {
    let shop = Shop { stage: Stage::empty(BACKLOT), web: free_port(), db: free_port() };
    let compose = COMPOSE.replace("WEB", &shop.web.to_string()).replace("DB:", &format!("{}:", shop.db));
    shop.stage.file("compose.yaml", compose);
    shop.stage.under_git();
    shop
}

impl Shop {
    /// A linked worktree beside the main checkout.
    pub(crate) fn worktree(&self, name: &str) -> PathBuf {
        self.worktree_of(name, name)
    }

    /// One at `name` with a new branch.
    pub(crate) fn worktree_of(&self, name: &str, branch: &str) -> PathBuf {
        let path = self.stage.root().join(name);
        let words = ["worktree", "add", "--quiet", "-b", branch, path.to_str().unwrap()];
        self.stage.run("git", &words).output().assert_code(0);
        path.canonicalize().unwrap()
    }

    pub(crate) fn run(&self, at: &Path, words: &[&str]) -> Outcome {
        self.stage.backlot(words).within(at).output()
    }

    #[track_caller]
    pub(crate) fn ask(&self, at: &Path, sql: &str) -> String {
        let words = ["exec", "-T", "db", "psql", "-U", "postgres", "-Atqc", sql];
        self.run(at, &words).assert_code(0).stdout.trim().to_owned()
    }

    /// The ports of web and db, as `up` tells them.
    #[track_caller]
    pub(crate) fn up(&self, at: &Path) -> (u16, u16) {
        self.run(at, &["up", "-d", "--wait", "-q"]).assert_code(0);
        let ps = self.run(at, &["ps", "--json"]).assert_code(0);
        let services: Vec<Value> = serde_json::from_str(&ps.stdout).unwrap();
        let port = |name: &str| -> u16 {
            let service = services.iter().find(|service| service["service"] == name).unwrap();
            let address = service["endpoints"][0]["address"].as_str().unwrap();
            address.rsplit(':').next().unwrap().parse().unwrap()
        };
        (port("web"), port("db"))
    }

    #[track_caller]
    pub(crate) fn down(&self, at: &Path) {
        self.run(at, &["down", "--volumes", "--yes", "-q"]).assert_code(0);
    }
}

#[test]
fn a_worktree_has_ports_of_its_own_and_all_that_names_them_follows() {
    let shop = shop();
    let (main, feature) = (shop.stage.project(), shop.worktree("feature"));
    // It is there before the main checkout, whose ports they are all the same.
    let said = shop.run(&feature, &["up", "-d", "--wait"]).assert_code(0);
    let (web, db) = shop.up(&feature);
    assert!(
        said.stderr.contains(&format!("web: {} is the main checkout's, so http://127.0.0.1:{web}", shop.web)),
        "{said}"
    );
    assert!(
        said.stderr.contains(&format!("db: {} is the main checkout's, so 127.0.0.1:{db}", shop.db)),
        "{said}"
    );
    assert_eq!(shop.up(&main), (shop.web, shop.db));
    assert!(web != shop.web && db != shop.db && web != db);
    for (at, web) in [(&main, shop.web), (&feature, web)] {
        assert_eq!(get(web, "/").unwrap().0, 200);
        let site = shop.run(at, &["exec", "-T", "web", "printenv", "SITE"]).assert_code(0).stdout;
        assert_eq!(site.trim(), format!("http://localhost:{web}/"));
        assert_eq!(shop.ask(at, "SHOW port"), if *at == main { shop.db } else { db }.to_string());
    }
    let url = shop.run(&feature, &["db", "url"]).assert_code(0).stdout;
    assert!(url.contains(&format!(":{db}/")), "{url}");
    let config = shop.run(&feature, &["config"]).assert_code(0);
    assert!(config.stdout.contains(&format!("web: {} is the main checkout's", shop.web)), "{config}");
    let doctor = shop.run(&feature, &["doctor"]);
    assert!(doctor.stdout.contains(&format!("web: {} is the main", shop.web)), "{doctor}");
    // The same after all kinds of ends.
    shop.run(&feature, &["down", "-q"]).assert_code(0);
    assert_eq!(shop.up(&feature), (web, db));
    shop.stage.kill_everything();
    assert_eq!(shop.up(&feature), (web, db));
    shop.down(&feature);
    assert_eq!(shop.up(&feature), (web, db));
    assert_eq!(shop.up(&main), (shop.web, shop.db));
    shop.down(&feature);
    shop.down(&main);
    shop.stage.assert_clean_tree();
}

#[test]
fn what_git_does_not_bring_into_a_worktree_is_taken_from_the_main_checkout() {
    let shop = Shop { stage: Stage::empty(BACKLOT), web: 0, db: 0 };
    let compose = "services: {web: {image: w, command: 'sleep $LONG', env_file: conf/w.env}}\n";
    for (file, text) in [(".gitignore", "*.env\n"), ("compose.yaml", compose)] {
        shop.stage.file(file, text);
    }
    shop.stage.under_git();
    for (file, text) in [(".env", "LONG=60\n"), ("conf/w.env", "A=1\n")] {
        shop.stage.file(file, text);
    }
    let feature = shop.worktree("feature");
    std::fs::create_dir(feature.join("conf")).unwrap();
    // One is wrong, and the other only odd: each is told with the command that brings it.
    for (words, file) in [(["config", "-q"], "conf/w.env"), (["--dry-run", "up"], ".env")] {
        let outcome = shop.run(&feature, &words);
        let command = format!("`cp [project]/{file} [stage]/feature/{file}`");
        assert!(outcome.stderr.contains(&command), "{outcome}");
        std::fs::copy(shop.stage.project().join(file), feature.join(file)).unwrap();
    }
    let config = shop.run(&feature, &["config"]).assert_code(0);
    assert!(config.stdout.contains("LONG                60") && config.stderr.is_empty(), "{config}");
}

#[test]
fn a_worktree_moves_aside_whoever_has_its_port() {
    let shop = shop();
    let feature = shop.worktree("feature");
    // A port that its branch alone publishes stays while it can be had.
    let more = free_port();
    let compose = std::fs::read_to_string(feature.join("compose.yaml")).unwrap();
    std::fs::write(feature.join("compose.yaml"), compose.replace(&shop.web.to_string(), &more.to_string()))
        .unwrap();
    let (web, db) = shop.up(&feature);
    assert_eq!(web, more);
    shop.run(&feature, &["down", "-q"]).assert_code(0);
    let held = std::net::TcpListener::bind(("127.0.0.1", more)).unwrap();
    let said = shop.run(&feature, &["up", "-d", "--dry-run"]).assert_code(0);
    assert!(!said.stdout.is_empty(), "{said}");
    let (web, again) = shop.up(&feature);
    assert_ne!(web, more);
    assert_eq!(again, db);
    drop(held);
    shop.run(&feature, &["down", "-q"]).assert_code(0);
    assert_eq!(shop.up(&feature), (web, db), "it stays where it went");
    shop.down(&feature);
    // In the main checkout it is in the way, as ever.
    let held = std::net::TcpListener::bind(("127.0.0.1", shop.web)).unwrap();
    let main = shop.stage.project();
    let failed = shop.run(&main, &["up", "-d"]).assert_code(1);
    assert!(failed.stderr.contains("which service web publishes, is in use"), "{failed}");
    drop(held);
}

#[test]
fn a_second_clone_moves_aside_for_the_first() {
    let shop = shop();
    let (main, clone) = (shop.stage.project(), shop.stage.root().join("clone"));
    shop.stage.run("git", &["clone", "--quiet", ".", clone.to_str().unwrap()]).output().assert_code(0);
    assert_eq!(shop.up(&main), (shop.web, shop.db));
    if !cfg!(target_os = "linux") {
        return shop.down(&main);
    }
    let (web, db) = shop.up(&clone);
    assert!(web != shop.web && db != shop.db);
    shop.run(&main, &["down", "-q"]).assert_code(0);
    shop.run(&clone, &["down", "-q"]).assert_code(0);
    assert_eq!(shop.up(&clone), (web, db), "it stays where it went");
    assert_eq!(shop.up(&main), (shop.web, shop.db));
    shop.down(&clone);
    shop.down(&main);
}

#[test]
fn the_first_up_in_a_worktree_begins_with_the_data_of_the_main_checkout() {
    let shop = shop();
    let main = shop.stage.project();
    let (one, two, three) = (shop.worktree("one"), shop.worktree("two"), shop.worktree("three"));
    shop.up(&main);
    shop.ask(&main, "CREATE TABLE item AS SELECT g AS id FROM generate_series(1, 100) g");
    let dry = shop.run(&one, &["up", "-d", "--dry-run"]).assert_code(0);
    assert!(
        dry.stdout.contains("copy the data of development of [project], the main checkout, for db"),
        "{dry}"
    );
    // It runs, and goes on.
    let up = shop.run(&one, &["up", "-d", "--wait"]).assert_code(0);
    assert!(up.stderr.contains("with the data of development of [project], the main checkout"), "{up}");
    assert_eq!(shop.ask(&one, "SELECT count(*) FROM item"), "100");
    shop.ask(&one, "DELETE FROM item WHERE id > 10");
    shop.ask(&main, "DELETE FROM item WHERE id > 50");
    assert_eq!(shop.ask(&one, "SELECT count(*) FROM item"), "10");
    // It has data of its own now.
    shop.run(&one, &["down", "-q"]).assert_code(0);
    let up = shop.run(&one, &["up", "-d", "--wait"]).assert_code(0);
    assert!(!up.stderr.contains("with the data of"), "{up}");
    assert_eq!(shop.ask(&one, "SELECT count(*) FROM item"), "10");
    // Of one that is down there is the volume.
    shop.run(&main, &["down", "-q"]).assert_code(0);
    shop.up(&two);
    assert_eq!(shop.ask(&two, "SELECT count(*) FROM item"), "50");
    let up = shop.run(&three, &["up", "-d", "--wait", "--empty"]).assert_code(0);
    assert!(!up.stderr.contains("with the data of"), "{up}");
    assert_eq!(shop.ask(&three, "SELECT to_regclass('item') IS NULL"), "t");
    shop.up(&main);
    assert_eq!(shop.ask(&main, "SELECT count(*) FROM item"), "50");
    for at in [&main, &one, &two, &three] {
        shop.down(at);
    }
}

#[test]
fn what_cannot_be_begun_with_is_named_and_a_copy_that_fails_leaves_nothing() {
    let shop = shop();
    let (main, feature) = (shop.stage.project(), shop.worktree("feature"));
    shop.up(&main);
    shop.ask(&main, "CREATE TABLE item AS SELECT g AS id FROM generate_series(1, 100) g");
    let compose = std::fs::read_to_string(feature.join("compose.yaml")).unwrap();
    let with = |from: &str, to: &str| {
        std::fs::write(feature.join("compose.yaml"), compose.replace(from, to)).unwrap();
    };
    for (from, to, why) in [
        (
            "image: postgres",
            "image: postgres:9",
            "that is PostgreSQL 15's, and this one is to be PostgreSQL 9",
        ),
        ("PASSWORD: pw", "PASSWORD: other", "it has another user or password"),
        ("'data:", "'./data:", "it is kept in the folder"),
    ] {
        with(from, to);
        let dry = shop.run(&feature, &["up", "-d", "--dry-run"]);
        let said = format!("db begins empty, not with the main checkout's data: {why}");
        assert!(to.ends_with('9') || dry.stderr.contains(&said), "{dry}");
    }
    with("", "");
    // Nothing of it stays, and the next one may begin with nothing.
    let place = shop.stage.root().join("tablespace");
    std::fs::create_dir(&place).unwrap();
    let words = format!("chown postgres {}", place.display());
    let _ = shop.stage.run("sh", &["-c", &words]).output();
    shop.ask(&main, &format!("CREATE TABLESPACE more LOCATION '{}'", place.display()));
    let failed = shop.run(&feature, &["up", "-d"]).assert_code(1);
    assert!(failed.stderr.contains("service db cannot begin with the data of [project]"), "{failed}");
    assert!(failed.stderr.contains("backlot up --empty"), "{failed}");
    let left = shop.stage.home().join("projects");
    assert_eq!(std::fs::read_dir(left).unwrap().count(), 1, "the main checkout's");
    shop.run(&feature, &["up", "-d", "--wait", "--empty", "-q"]).assert_code(0);
    assert_eq!(shop.ask(&feature, "SELECT to_regclass('item') IS NULL"), "t");
    assert_eq!(shop.ask(&main, "SELECT count(*) FROM item"), "100");
    shop.down(&feature);
    shop.down(&main);
}

#[test]
fn a_branch_migrates_its_copy_and_no_template_has_that_data() {
    let shop = shop();
    let (main, file) = (shop.stage.project(), "compose.yaml");
    let compose = std::fs::read_to_string(main.join(file)).unwrap();
    let migrate = "x-backlot:\n  migrate: sh migrate.sh\n";
    for volumes in ["    volumes: ['data:/var/lib/postgresql/data']\n", ""] {
        let compose = compose.replace("    volumes: ['data:/var/lib/postgresql/data']\n", volumes);
        shop.stage.file(file, format!("{migrate}{compose}"));
        let sql = "CREATE TABLE IF NOT EXISTS item (id int)";
        shop.stage.file("migrate.sh", format!("psql -qc '{sql}' >&2\n"));
        shop.stage.under_git();
        let name = if volumes.is_empty() { "one" } else { "two" };
        let worktree = shop.worktree(name);
        shop.up(&main);
        shop.ask(&main, "INSERT INTO item SELECT generate_series(1, 7)");
        let more = format!("psql -qc '{sql}; ALTER TABLE item ADD COLUMN price int' >&2\n");
        std::fs::write(worktree.join("migrate.sh"), more).unwrap();
        let up = shop.run(&worktree, &["up", "-d", "--wait"]).assert_code(0);
        assert!(up.stderr.contains("with the data of") && up.stderr.contains("✓ migrated"), "{up}");
        assert_eq!(shop.ask(&worktree, "SELECT count(*), count(price) FROM item"), "7|0");
        shop.run(&worktree, &["scenario", "up", "none", "--empty", "--only", "db", "-q"]).assert_code(0);
        let shell = ["scenario", "shell", "none", "-c", "SELECT count(*) FROM item", "--", "-Atq"];
        shop.run(&worktree, &shell).assert(0, "0", "…");
        shop.run(&worktree, &["scenario", "down", "none", "-q"]).assert_code(0);
        let columns = "SELECT count(*) FROM information_schema.columns WHERE table_name = 'item'";
        assert_eq!(shop.ask(&main, columns), "1");
        shop.down(&worktree);
        shop.down(&main);
    }
}

#[test]
fn ten_worktrees_are_up_at_once_with_addresses_and_data_of_their_own() {
    let shop = shop();
    let main = shop.stage.project();
    shop.up(&main);
    shop.ask(&main, "CREATE TABLE item AS SELECT g AS id FROM generate_series(1, 100) g");
    let all: Vec<PathBuf> = (1..=10).map(|number| shop.worktree(&format!("w{number}"))).collect();
    let up = |at: &PathBuf| shop.run(at, &["up", "-d", "--wait", "-q"]).assert_code(0);
    let (shop, up) = (&shop, &up);
    std::thread::scope(|scope| {
        let runs: Vec<_> = all.iter().map(|at| scope.spawn(move || up(at))).collect();
        for run in runs {
            run.join().unwrap();
        }
    });
    let ports: Vec<(u16, u16)> = all.iter().map(|at| shop.up(at)).collect();
    let different: std::collections::BTreeSet<u16> = ports.iter().flat_map(|(web, db)| [*web, *db]).collect();
    assert_eq!(different.len(), 20, "{ports:?}");
    for (number, at) in all.iter().enumerate() {
        shop.ask(at, &format!("DELETE FROM item WHERE id <= {number}"));
    }
    for (number, at) in all.iter().enumerate() {
        assert_eq!(shop.ask(at, "SELECT count(*) FROM item"), (100 - number).to_string());
        shop.down(at);
    }
    assert_eq!(shop.ask(&main, "SELECT count(*) FROM item"), "100");
    let again: Vec<(u16, u16)> = all.iter().take(2).map(|at| shop.up(at)).collect();
    assert_eq!(again, ports[..2]);
    for at in all.iter().take(2) {
        shop.down(at);
    }
    shop.down(&main);
    shop.stage.assert_clean_tree();
}
