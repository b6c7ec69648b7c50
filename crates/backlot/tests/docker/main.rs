//! Whole stories on a real Docker daemon, each under a Compose project name of its own and with the leak check at its end.
//! Without a daemon they are left out, which `./test` tells.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot set itself up has to fail loudly"
)]

mod agreement;
mod choice;
mod errors;
mod examples;
mod foreground;
mod habits;
mod load;
mod migrations;
mod mixed;
mod once;
mod passthrough;
mod production;
mod readme;
mod rollouts;
mod scenarios;
mod testing;
mod worktrees;

use backlot_testkit::{DockerStage, Outcome, Stage, wait_until};
use serde_json::Value;

const BACKLOT: &str = env!("CARGO_BIN_EXE_backlot");

/// The Flask example, on ports of its own in the place of those that it publishes.
struct Flask {
    stage: DockerStage,
    /// Where production's nginx is.
    nginx: u16,
    /// Where development's web is.
    web: u16,
}

impl Flask {
    fn new() -> Option<Self> {
        let stage = DockerStage::new(|| Stage::example(BACKLOT, "flask"))?;
        let (db, web, nginx) =
            (backlot_testkit::free_port(), backlot_testkit::free_port(), backlot_testkit::free_port());
        // In its containers the database's port stays what `POSTGRES_PORT` says.
        for environment in ["development", "production", "testing"] {
            change(
                &stage,
                &format!("docker/{environment}.yml"),
                "${POSTGRES_PORT}:5432",
                &format!("{db}:5432"),
            );
        }
        change(&stage, "docker/development.yml", "5000:5000", &format!("{web}:5000"));
        change(&stage, "docker/production.yml", "8080:8080", &format!("{nginx}:8080"));
        Some(Self { stage, nginx, web })
    }

    /// Backlot in production.
    fn production(&self, arguments: &[&str]) -> Outcome {
        self.stage.backlot(&[&["-e", "production"], arguments].concat()).output()
    }
}

/// Writes `to` for `from` in a file of the project.
fn change(stage: &Stage, file: &str, from: &str, to: &str) {
    let text = std::fs::read_to_string(stage.project().join(file)).unwrap();
    assert!(text.contains(from), "no {from} in {file}");
    stage.file(file, text.replace(from, to));
}

/// A project of one Compose file.
fn compose(text: &str) -> Option<DockerStage> {
    DockerStage::new(|| {
        let stage = Stage::empty(BACKLOT);
        stage.file("compose.yaml", text);
        stage
    })
}

/// The same with version 1 of Compose.
fn compose_1(text: &str) -> Option<DockerStage> {
    DockerStage::with_compose_1(|| {
        let stage = Stage::empty(BACKLOT);
        stage.file("compose.yaml", text);
        stage
    })
}

/// What `ps --json` says of an environment.
fn ps(stage: &DockerStage, environment: &str) -> Vec<Value> {
    let outcome = stage.backlot(&["-e", environment, "ps", "--json"]).output().assert_code(0);
    serde_json::from_str(&outcome.stdout).unwrap()
}

/// The replicas of a service in it.
fn replicas(services: &[Value], service: &str) -> Vec<Value> {
    let found = services.iter().find(|found| found["service"] == service);
    found.map(|found| found["replicas"].as_array().unwrap().clone()).unwrap_or_default()
}
