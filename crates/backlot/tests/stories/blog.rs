//! What many stories are about: the Flask example on ports of its own, and stacks of one program; and what is asked of them.

pub(crate) use backlot_testkit::wait_until;
use backlot_testkit::{Stage, free_port};
use serde_json::Value;

use crate::BACKLOT;

/// The Flask example with free ports in the place of those that it publishes: the port of development's web, and of
/// production's nginx.
pub(crate) struct Blog {
    pub(crate) stage: Stage,
    pub(crate) web: u16,
    pub(crate) nginx: u16,
}

pub(crate) fn blog() -> Blog {
    let stage = Stage::example(BACKLOT, "flask").with("POSTGRES_PORT", free_port().to_string());
    let (web, nginx) = (free_port(), free_port());
    for (file, from, to) in [
        ("docker/development.yml", "5000:5000", format!("{web}:5000")),
        ("docker/production.yml", "8080:8080", format!("{nginx}:8080")),
    ] {
        let text = std::fs::read_to_string(stage.project().join(file)).unwrap();
        assert!(text.contains(from), "{file}");
        stage.file(file, text.replace(from, &to));
    }
    Blog { stage, web, nginx }
}

impl Blog {
    pub(crate) fn ps(&self, environment: &str) -> Vec<Value> {
        ps(&self.stage, environment)
    }

    pub(crate) fn production(&self, arguments: &[&str]) -> backlot_testkit::Outcome {
        self.stage.backlot(&[&["-e", "production"], arguments].concat()).output()
    }
}

pub(crate) fn ps(stage: &Stage, environment: &str) -> Vec<Value> {
    let outcome = stage.backlot(&["-e", environment, "ps", "--json"]).output().assert_code(0);
    serde_json::from_str(&outcome.stdout).unwrap()
}

/// The replicas of a service.
pub(crate) fn replicas(services: &[Value], service: &str) -> Vec<Value> {
    let found = services.iter().find(|found| found["service"] == service);
    found.map(|found| found["replicas"].as_array().unwrap().clone()).unwrap_or_default()
}

/// Those of a service that are not on their way out: after a rollout the processes that were replaced may be ending.
pub(crate) fn in_service(services: &[Value], service: &str) -> Vec<Value> {
    let mut found = replicas(services, service);
    found.retain(|replica| replica["state"] != "stopping");
    found
}

/// A stack of one Python program without a database.
pub(crate) fn single(command: &str, more: &str) -> Stage {
    let stage = Stage::empty(BACKLOT);
    let compose = format!(
        "services:\n  web:\n    image: python\n    command: {command}\n    ports: [\"8000\"]\n{more}"
    );
    stage.file("compose.yaml", compose);
    stage
}

pub(crate) fn printed(stage: &Stage) -> String {
    std::fs::read_to_string(stage.root().join("stdout")).unwrap_or_default()
}
