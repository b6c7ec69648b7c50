//! Where one is, at psql's prompt; and help that asks nobody.

use backlot_testkit::Stage;

use crate::output::on_a_terminal;
use crate::{BACKLOT, USERS_SQL, seed};

#[test]
fn the_prompt_says_which_database_it_is_and_keeps_a_history_of_its_own() {
    let stage = seed();
    stage.file("scenarios/users.sql", USERS_SQL);
    stage.backlot(&["scenario", "up", "users", "-q"]).output().assert(0, "", "…");
    let shell = ["scenario", "shell", "users"];
    let typed = on_a_terminal(&stage, "scenario users |=# ", &shell, ("PRESS", "\\q\n")).assert_code(0);
    assert!(typed.stdout.contains("scenario users application=# "), "{typed}");
    let history = stage.run("sh", &["-c", "find ../home/psql -name scenario_users"]).output();
    assert_eq!(history.stdout.lines().count(), 1, "{history}");
    // What programs ask is answered as ever.
    let one = on_a_terminal(
        &stage,
        "never",
        &[&shell[..], &["-c", "select 42 as x", "--", "-At"]].concat(),
        ("PAGER", "cat"),
    );
    assert_eq!(one.assert_code(0).stdout.trim_end(), "42");
    stage
        .backlot(&shell)
        .stdin("select 43")
        .output()
        .assert_prints(" ?column? \n----------\n       43\n(1 row)");
    stage.backlot(&["scenario", "down", "users", "-q"]).output().assert_prints("");
}

#[test]
fn the_help_of_flask_starts_nothing() {
    let stage = Stage::seed(BACKLOT).with_own_templates();
    stage.program("bin/flask", "#!/bin/sh\necho \"flask $* in $APPLICATION_CONFIG\"\n");
    let path = format!("{}:{}", stage.project().join("bin").display(), stage.variable("PATH"));
    let stage = stage.with("PATH", path);
    for word in ["-h", "--help"] {
        stage.backlot(&["flask", word]).output().assert_prints("flask --help in development");
    }
    let run = stage.backlot(&["run", "-h"]).output().assert_code(0);
    assert!(
        run.stdout.starts_with("Run a command in the chosen environment, or once as a service\n"),
        "{run}"
    );
    stage.backlot(&["ls"]).output().assert(0, "", "nothing is up");
    stage.assert_nothing_left();
}
