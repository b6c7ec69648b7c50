//! `--dry-run` says what would be done, and does none of it; `--json` and stdout that cannot be written to.

use backlot_testkit::Stage;

use crate::{USERS_SQL, seed};

const START: &str =
    "clone a durable cluster into volume pgdata with postgres\nstart db on a free port of 127.0.0.1";

/// Runs it with `--dry-run`; nothing may be there afterwards.
#[track_caller]
fn would(stage: &Stage, arguments: &[&str], steps: &str) {
    let arguments = [&["--dry-run"][..], arguments].concat();
    stage.backlot(&arguments).output().assert_prints(steps);
    stage.assert_nothing_left();
}

#[test]
fn no_verb_does_anything_on_a_dry_run() {
    let stage = seed();
    stage.file("scenarios/it.sql", USERS_SQL);
    would(&stage, &["run", "--", "touch", "a file"], &format!("{START}\nrun touch 'a file'"));
    would(&stage, &["flask", "db", "upgrade"], &format!("{START}\nrun flask db upgrade"));
    would(
        &stage,
        &["create-initial-db"],
        &format!("{START}\ncreate the database application, unless it is there"),
    );
    would(
        &stage,
        &["db", "drop", "--yes"],
        &format!("{START}\ndrop the database application, if it is there"),
    );
    would(&stage, &["db", "url"], &format!("{START}\nprint the URL of the database application"));
    would(
        &stage,
        &["test", "--", "true"],
        "clone a throw-away cluster with …\nstart db on a free port of 127.0.0.1\nrun …/true\nstop the server\n\
         remove the environment's files",
    );
    would(
        &stage,
        &["scenario", "up", "it", "--json"],
        "[\n  \"clone a throw-away cluster …\",\n  \"start db on a free port of 127.0.0.1\",\n  \"run scenarios/it.sql\"\n]",
    );
    would(&stage, &["scenario", "down", "it"], "");
    assert!(!stage.project().join("a file").exists());
}

#[test]
fn json_is_what_stdout_has() {
    let stage = seed();
    stage.backlot(&["scenario", "up", "it", "-q"]).output().assert_prints("");
    let url = stage.backlot(&["scenario", "url", "it", "--json"]).output().assert_code(0);
    assert!(url.stdout.contains("\"url\": \"postgresql://"), "{url}");
    stage.backlot(&["scenario", "down", "it", "none", "--json", "-q"]).output().assert_prints(
        "[\n  {\n    \"name\": \"it\",\n    \"removed\": true\n  },\n  {\n    \"name\": \"none\",\n    \"removed\": false\n  }\n]",
    );
    stage.backlot(&["scenario", "down", "--all"]).output().assert(
        0,
        "",
        "no scenario is up: nothing to remove",
    );
}

#[test]
#[cfg(target_os = "linux")]
fn data_that_did_not_arrive_is_an_error() {
    let stage = seed();
    let script = "\"$0\" config > /dev/full";
    stage.run("sh", &["-c", script, crate::BACKLOT]).output().assert(
        1,
        "",
        "error: cannot write to stdout\n  because: No space left on device …",
    );
    // A reader that has seen enough is none.
    let script = "\"$0\" config --json | true";
    stage.run("sh", &["-c", script, crate::BACKLOT]).output().assert_prints("");
}

#[test]
fn lines_to_be_copied_name_the_same_project() {
    let stage = seed();
    let project = stage.project().display().to_string();
    let named = ["-C", &project, "-p", "other"];
    let with = |rest: &[&str]| stage.backlot(&[&named[..], rest].concat()).within("/").output();
    with(&["scenario", "up", "it"]).assert(
        0,
        "Scenario it is ready on port …\n  SQL shell:  backlot -C [project] -p other scenario shell it\n  URL:        …",
        "…\n  · no file of that name in scenarios/: the database is empty",
    );
    with(&["scenario", "down", "it", "-q"]).assert_prints("");
    let down = "error: scenario_it is not up\n  help: backlot -C [project] -p other scenario up it";
    with(&["scenario", "url", "it"]).assert(1, "", down);
}
