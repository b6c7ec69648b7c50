//! Both engines say the same of the same stack.

use std::collections::BTreeMap;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use backlot_testkit::{DockerStage, Stage, free_port, get, wait_until};
use serde_json::Value;

use crate::{BACKLOT, Flask, change};

/// A value without what differs from run to run, so that its shape is left: numbers, and strings that are addresses.
fn shape(value: &Value) -> Value {
    match value {
        Value::Number(_) => "a number".into(),
        Value::String(text) if text.contains(':') => "an address".into(),
        Value::Array(list) => {
            let mut shapes: Vec<Value> = list.iter().map(shape).collect();
            shapes.dedup();
            shapes.into()
        }
        Value::Object(object) => object
            .iter()
            .map(|(key, value)| (key.clone(), shape(value)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
        other => other.clone(),
    }
}

/// What `ps --json` says: of each service its endpoints' targets and whether they are published, and how its replicas do;
/// and all keys in their order, with the types of their values.
fn told(stage: &DockerStage, environment: &str) -> Value {
    // A replica that is well may not have been seen to listen yet.
    wait_until("all have addresses", || {
        let outcome = stage.backlot(&["-e", environment, "ps", "--json"]).output().assert_code(0);
        let services: Value = serde_json::from_str(&outcome.stdout).unwrap();
        let mut replicas =
            services.as_array().unwrap().iter().flat_map(|service| service["replicas"].as_array().unwrap());
        replicas.all(|replica| replica["addresses"].as_array().is_some_and(|all| !all.is_empty()))
    });
    let outcome = stage.backlot(&["-e", environment, "ps", "--json"]).output().assert_code(0);
    let mut services: Value = serde_json::from_str(&outcome.stdout).unwrap();
    for service in services.as_array_mut().unwrap() {
        for replica in service["replicas"].as_array_mut().unwrap() {
            assert_eq!(replica["restarts"], 0, "{outcome}");
            // What only a view has.
            for key in ["own", "ports"] {
                replica.as_object_mut().unwrap().remove(key);
            }
        }
        // Which engine it is, and what only a view has.
        for key in ["engine", "view"] {
            service.as_object_mut().unwrap().remove(key);
        }
        for endpoint in service["endpoints"].as_array_mut().unwrap() {
            // Which one is no matter of the run.
            endpoint["target"] = format!("port {}", endpoint["target"]).into();
        }
    }
    shape(&services)
}

/// The variables of a scenario, but for its port.
fn variables(stage: &DockerStage, name: &str) -> BTreeMap<String, String> {
    let outcome = stage.backlot(&["scenario", "env", name, "--json"]).output().assert_code(0);
    let mut variables: BTreeMap<String, String> = serde_json::from_str(&outcome.stdout).unwrap();
    let port = variables["PGPORT"].clone();
    for value in variables.values_mut() {
        *value = value.replace(&port, "[port]");
    }
    variables
}

/// A scenario's variables and rows on one engine.
fn scenario(stage: &DockerStage, engine: &str) -> (BTreeMap<String, String>, String) {
    let up = ["--engine", engine, "scenario", "up", "users", "--only", "db", "-q"];
    stage.backlot(&up).output().assert_prints("");
    let variables = variables(stage, "users");
    let select = ["scenario", "shell", "users", "-c", "SELECT * FROM users ORDER BY id", "--", "-A"];
    let rows = stage.backlot(&select).output().assert_code(0).stdout;
    stage.backlot(&["scenario", "down", "users", "-q"]).output().assert_prints("");
    (variables, rows)
}

#[test]
fn on_the_flask_example() {
    let Some(flask) = Flask::new() else { return };
    let stage = &flask.stage;
    assert_eq!(scenario(stage, "native"), scenario(stage, "docker"));
    let of = |engine: &str| {
        let up = ["--engine", engine, "up", "-d", "--wait", "-q", "--scale", "web=2"];
        assert_eq!(flask.production(&up).assert_code(0).stdout, "");
        let told = told(stage, "production");
        flask.production(&["down", "--volumes", "--yes", "-q"]).assert_prints("");
        told
    };
    let (native, docker) = (of("native"), of("docker"));
    assert_eq!(native, docker, "{native:#}\n{docker:#}");
}

/// The image gets the server that cargo has built on this machine: to build it once more in a container would take more
/// time than all other stories.
const DOCKERFILE: &str = "\
FROM debian:bookworm
WORKDIR /opt/application
COPY built/application /usr/local/bin/
COPY migrations migrations
ENV HOST=0.0.0.0
USER nobody
CMD [\"application\"]
";

#[test]
fn on_the_axum_example() {
    let Some(stage) = DockerStage::new(|| Stage::example(BACKLOT, "axum").with_cargo()) else { return };
    let (db, web) = (free_port(), free_port());
    change(&stage, "compose.yaml", "127.0.0.1:5432:5432", &format!("127.0.0.1:{db}:5432"));
    change(&stage, "compose.yaml", "3000:3000", &format!("{web}:3000"));
    let of = |engine: &str| {
        stage.backlot(&["--engine", engine, "up", "-d", "--wait", "-q"]).output().assert_code(0);
        let told = told(&stage, "development");
        let page = get(web, "/users").unwrap();
        stage.backlot(&["down", "--volumes", "--yes", "-q"]).output().assert_prints("");
        (told, page)
    };
    let native = of("native");
    let built = Path::new(stage.variable("CARGO_TARGET_DIR")).join("debug/application");
    stage.file("built/application", std::fs::read(&built).unwrap());
    std::fs::set_permissions(stage.project().join("built/application"), Permissions::from_mode(0o755))
        .unwrap();
    stage.file("Dockerfile", DOCKERFILE);
    assert_eq!(native, of("docker"));
    assert_eq!(scenario(&stage, "native"), scenario(&stage, "docker"));
}
