//! The README's console blocks are run, and print what it says.

use std::path::Path;

use backlot_testkit::{Example, Stage, examples, free_port, repository, without_numbers};

use crate::BACKLOT;

#[test]
fn the_readme_shows_what_happens() {
    let readme = std::fs::read_to_string(repository().join("README.md")).unwrap();
    let stage = Stage::example(BACKLOT, "flask");
    let binary = std::env::var("BACKLOT_TEST_BINARY").unwrap_or_else(|_| BACKLOT.to_owned());
    let bin = Path::new(&binary).parent().unwrap().display().to_string();
    let path = format!("{bin}:{}", std::env::var("PATH").unwrap());
    let (postgres, nginx) = (free_port().to_string(), free_port().to_string());
    let stage = stage.with("PATH", path).with("POSTGRES_PORT", postgres);
    // It publishes a port that may be taken on this machine.
    let file = std::fs::read_to_string(stage.project().join("docker/production.yml")).unwrap();
    stage.file("docker/production.yml", file.replace("8080:8080", &format!("{nginx}:8080")));
    // It shows everyday life: the template is there already.
    stage.backlot(&["scenario", "up", "warm", "-q"]).output().assert_prints("");
    stage.backlot(&["scenario", "down", "warm", "-q"]).output().assert_prints("");
    let examples = examples(&readme, "console");
    assert!(examples.len() >= 6, "the README shows only {} commands", examples.len());
    for Example { command, output } in examples {
        let command = command.replace("8080", &nginx);
        let outcome = stage.run("sh", &["-c", &format!("exec 2>&1; {command}")]).output();
        let (shown, printed) = (without_numbers(&output), without_numbers(&outcome.stdout));
        assert_eq!(printed, shown, "the README shows something else for\n{outcome}");
    }
}
