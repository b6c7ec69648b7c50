//! What `pg_dump` has written becomes a snapshot, whole or not at all.

use std::fs;

use backlot_testkit::Stage;

use crate::BACKLOT;

const COMPOSE: &str = "\
services:
  db:
    image: postgres
    environment: {POSTGRES_PASSWORD: pw, POSTGRES_USER: app, POSTGRES_DB: shop}
    volumes: ['data:/var/lib/postgresql/data']
volumes: {data: }
";
const ITEMS: &str = "\
CREATE ROLE web;
CREATE TABLE item (id int, name text);
ALTER TABLE item OWNER TO web;
INSERT INTO item SELECT g, 'name ' || g FROM generate_series(1, 300) g;
CREATE VIEW seen AS SELECT count(*) FROM item;
";

/// A database that has something in it, and a dump of it in each of these forms.
fn dumped(forms: &[&str]) -> Stage {
    let stage = Stage::empty(BACKLOT);
    stage.file("compose.yaml", COMPOSE);
    stage.backlot(&["up", "-d", "--wait", "-q"]).output().assert_prints("");
    stage.backlot(&["db", "shell", "-c", ITEMS, "--", "-q"]).output().assert_prints("");
    for form in forms {
        let file = stage.project().join(format!("items.{form}"));
        let (form, file) = (format!("-F{form}"), file.display().to_string());
        stage
            .backlot(&["exec", "db", "pg_dump", "-U", "app", "-d", "shop", &form, "-f", &file])
            .output()
            .assert_code(0);
    }
    stage
}

#[track_caller]
fn ask(stage: &Stage, sql: &str) -> String {
    stage.backlot(&["db", "shell", "-c", sql, "--", "-Atq"]).output().assert_code(0).stdout.trim().to_owned()
}

#[test]
fn a_dump_in_any_form_becomes_a_snapshot_that_can_be_restored() {
    let forms = ["p", "c", "t", "d"];
    let stage = dumped(&forms);
    stage.backlot(&["db", "shell", "-c", "DELETE FROM item", "--", "-q"]).output().assert_prints("");
    for form in forms {
        let (name, file) = (format!("from-{form}"), format!("items.{form}"));
        let load = stage.backlot(&["snapshot", "load", &name, &file]).output().assert_code(0);
        assert!(
            load.stderr.contains("roles that the dump names were made, and cannot log in: web"),
            "{load}"
        );
        assert_eq!(ask(&stage, "SELECT count(*) FROM item"), "0", "what runs has nothing to do with it");
    }
    for form in ["p", "c"] {
        stage
            .backlot(&["snapshot", "restore", &format!("from-{form}"), "--yes", "-q"])
            .output()
            .assert_prints("");
        assert_eq!(ask(&stage, "SELECT * FROM seen"), "300");
        assert_eq!(ask(&stage, "SELECT tableowner FROM pg_tables WHERE tablename = 'item'"), "web");
        ask(&stage, "DELETE FROM item");
    }
    stage.backlot(&["snapshot", "load", "from-p", "items.p"]).output().assert(
        1,
        "",
        "error: there is a snapshot from-p already\n  help: …\n",
    );
    let kept = stage.backlot(&["snapshot", "ls", "--json"]).output().assert_code(0);
    let kept: serde_json::Value = serde_json::from_str(&kept.stdout).unwrap();
    let names: Vec<&str> = kept.as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(names.iter().filter(|name| name.starts_with("before-restore-")).count(), 2, "{names:?}");
    stage.backlot(&[&["snapshot", "rm", "--yes", "-q"], &names[..]].concat()).output().assert_prints("");
    stage.backlot(&["down", "--volumes", "--yes", "-q"]).output().assert_prints("");
}

#[test]
fn a_dump_that_does_not_load_says_at_what_and_leaves_nothing() {
    let stage = dumped(&["p", "c"]);
    let plain = fs::read_to_string(stage.project().join("items.p")).unwrap();
    let archive = fs::read(stage.project().join("items.c")).unwrap();
    let rows = plain.find("name 200").unwrap();
    fs::write(stage.project().join("cut.c"), &archive[..archive.len() / 2]).unwrap();
    for (file, text, said) in [
        ("cut.p", plain[..rows].to_owned(), "/cut.p is not whole: it ends in line …, in TABLE DATA item"),
        (
            "bad.p",
            plain.replace("name 17\n", "name\t17\n"),
            "/bad.p does not load, in TABLE DATA item, line …: ERROR:  extra data after last expected column\nCONTEXT:  COPY item, line 17: …",
        ),
        (
            "view.p",
            plain.replace("FROM public.item;", "FROM public.none;"),
            "/view.p does not load, in VIEW seen, line …: ERROR:  relation \"public.none\" does not exist\n…",
        ),
        (
            "new.p",
            plain.replace("SET row_security", "SET newer_than_all = 0;\nSET row_security"),
            "/new.p does not load, line …: ERROR:  unrecognized configuration parameter \"newer_than_all\"",
        ),
        (
            "other.p",
            format!("\\connect other\n{plain}"),
            "line 1 of …/other.p leads to another database: \\connect other",
        ),
        (
            "text.p",
            "good morning".to_owned(),
            "/text.p does not load, line 1: ERROR:  syntax error at or near \"good\"\n…",
        ),
        ("empty.p", String::new(), "/empty.p is no dump: it is empty"),
    ] {
        stage.file(file, text);
        let said = if said.starts_with('/') { format!("…{said}") } else { said.to_owned() };
        stage.backlot(&["snapshot", "load", "it", file, "-q"]).output().assert(
            1,
            "",
            &format!("error: {said}\n  help: …\n"),
        );
    }
    let load = stage.backlot(&["snapshot", "load", "it", "cut.c", "-q"]).output().assert_code(1);
    assert!(load.stderr.starts_with("error: pg_restore cannot read "), "{load}");
    stage.backlot(&["snapshot", "ls", "--json"]).output().assert_prints("[]");
    stage.backlot(&["down", "--volumes", "--yes", "-q"]).output().assert_prints("");
    stage.assert_nothing_left();
}
