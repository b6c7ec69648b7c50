//! The example of a workflow for GitHub Actions is one, and what it runs does what it says.

use backlot_testkit::{Stage, repository};
use backlot_yaml::{Node, Source, documents};

use crate::BACKLOT;

/// The one step that needs a network: `tests/packages.rs` installs in another way.
const INSTALLS: &str = "cargo install backlot --locked";

fn text<'n>(node: &'n Node, key: &str) -> Option<&'n str> {
    node.get(key).and_then(Node::as_str)
}

#[test]
fn the_workflow_runs_the_tests() {
    let stage = Stage::example(BACKLOT, "flask");
    let source = Source::read(&repository().join("docs/github-actions.yml")).unwrap();
    let workflow = documents(&source).unwrap().pop().unwrap();
    assert!(workflow.get("on").unwrap().get("push").is_some());
    let job = workflow.get("jobs").unwrap().get("test").unwrap();
    assert!(text(job, "runs-on").unwrap().starts_with("ubuntu-"));
    let steps = job.get("steps").unwrap().as_list().unwrap();
    for step in steps {
        let uses = text(step, "uses");
        let is_known = uses.is_some_and(|uses| uses.starts_with("actions/") && uses.contains("@v"));
        assert!(is_known || text(step, "run").is_some(), "{uses:?}");
    }
    let runs: Vec<&str> = steps.iter().filter_map(|step| text(step, "run")).collect();
    assert_eq!(runs.len(), 2, "install and test: {runs:?}");
    assert_eq!(runs[0], INSTALLS);
    let bin = std::path::Path::new(stage.binary()).parent().unwrap().display().to_string();
    let path = format!("{bin}:{}", stage.variable("PATH"));
    let stage = stage.with("PATH", path).with("CI", "true");
    for run in &runs[1..] {
        // As Actions does.
        let said = stage.run("bash", &["--noprofile", "--norc", "-eo", "pipefail", "-c", run]).output();
        assert!(said.code == 0 && said.stdout.contains(" 4 passed"), "{said}");
    }
}
