//! The version of a language that services run with.

use std::time::Duration;

use backlot_process::wait_for;
use backlot_testkit::Stage;

use crate::BACKLOT;

const LIMIT: Duration = Duration::from_secs(30);

#[test]
fn what_needs_nothing_installed_runs_with_the_version_of_its_image() {
    let stage = Stage::empty(BACKLOT);
    let folder = stage.root().join("pyenv/versions/3.99.1/bin");
    for name in ["python3", "python3.99"] {
        let program = folder.strip_prefix(stage.project()).unwrap_or(&folder).join(name);
        stage.program(program.to_str().unwrap(), "#!/bin/sh\necho this is 3.99; exec sleep 100\n");
    }
    let service =
        |tag: &str| format!("services:\n  web: {{image: 'python:{tag}', command: python3 app.py}}\n");
    stage.file("compose.yaml", service("3.99-slim"));
    let root = stage.root().join("pyenv");
    let backlot = |words: &[&str]| stage.backlot(words).env("PYENV_ROOT", root.to_str().unwrap()).output();
    let up = backlot(&["up", "-d", "--wait", "-q"]);
    up.assert(0, "", "");
    let logs = || backlot(&["logs", "web"]).stdout;
    let said = wait_for(LIMIT, || Some(logs()).filter(|text| text.contains("this is 3.99")));
    assert!(said.is_some(), "{}", logs());
    backlot(&["down", "-q"]).assert_code(0);
    stage.file("compose.yaml", service("3.98"));
    let plan = backlot(&["up", "--dry-run"]).assert_code(0);
    assert!(plan.stderr.contains("service web runs with Python 3."), "{plan}");
    assert!(plan.stderr.contains("its image has 3.98 ([project]/compose.yaml:2:3)"), "{plan}");
}
