//! The seed layout, with the files of the article that it comes from.

mod common;

use std::path::PathBuf;

use backlot_project::stack::{MountKind, Port, PortRange, Protocol};
use backlot_project::{Layout, Lookup, Origin, Project, ScenarioSource};
use common::{Files, environment, process, scenario, told};

const SCENARIO_JSON: &str = r#"[
  {"name": "FLASK_ENV", "value": "development"},
  {"name": "POSTGRES_DB", "value": "postgres"},
  {"name": "POSTGRES_USER", "value": "postgres"},
  {"name": "POSTGRES_HOSTNAME", "value": "localhost"},
  {"name": "POSTGRES_PASSWORD", "value": "postgres"},
  {"name": "APPLICATION_DB", "value": "application"}
]"#;

const SCENARIO_YML: &str = r#"version: '3.4'

services:
  db:
    image: postgres
    environment:
      POSTGRES_DB: ${POSTGRES_DB}
      POSTGRES_USER: ${POSTGRES_USER}
      POSTGRES_PASSWORD: ${POSTGRES_PASSWORD}
      SCENARIO: ${APPLICATION_SCENARIO_NAME}
    ports:
      - "5432"
  web:
    build:
      context: ${PWD}
      dockerfile: docker/Dockerfile
    environment:
      FLASK_ENV: ${FLASK_ENV}
      FLASK_CONFIG: ${FLASK_CONFIG}
      POSTGRES_HOSTNAME: "db"
    command: flask run --host 0.0.0.0
    volumes:
      - ${PWD}:/opt/code
      - ./local:/opt/local
    ports:
      - "5000:5000"
"#;

fn seed() -> Files {
    Files::new(&[
        ("config/scenario.json", SCENARIO_JSON),
        ("docker/scenario.yml", SCENARIO_YML),
        ("config/development.json", r#"[{"name": "POSTGRES_PORT", "value": "5432"}]"#),
        ("docker/development.yml", "services:\n  db:\n    image: postgres:${POSTGRES_PORT}\n"),
        ("config/production.json", "[]"),
        ("application/deep/file", ""),
        ("scenarios/foo.py", "def run(): pass"),
    ])
}

#[test]
fn it_is_found_from_a_directory_below() {
    let files = seed();
    let start_dir = files.root().join("application/deep");
    let project = Project::find(Lookup { start_dir, ..Lookup::default() }).expect("a project");
    assert_eq!(project.root(), files.root());
    assert_eq!(project.layout(), Layout::Seed);
    assert_eq!(project.name(), "shop");
    assert_eq!(project.environments(), [environment("development")]);
    assert_eq!(project.scenarios().expect("scenarios"), [scenario("foo")]);
}

#[test]
fn a_scenario_takes_the_scenario_files() {
    let files = seed();
    let root = files.root();
    let read = files.project().scenario_environment(&scenario("users")).expect("an environment");
    assert_eq!(read.name.as_str(), "scenario_users");
    assert_eq!(read.files, [root.join("config/scenario.json"), root.join("docker/scenario.yml")]);
    assert_eq!(read.stack.name, "scenario_users");
    assert_eq!(read.variables.value("APPLICATION_DB"), Some("application"));
    assert_eq!(read.variables.value("APPLICATION_SCENARIO_NAME"), Some("users"));
    assert_eq!(read.variables.get("APPLICATION_CONFIG").map(|v| &v.origin), Some(&Origin::Backlot));
    assert!(read.variables.is_secret("POSTGRES_PASSWORD"));

    let db = &read.stack.services["db"];
    assert_eq!(db.image.as_ref().map(|image| image.repository.as_str()), Some("postgres"));
    assert_eq!(db.environment["POSTGRES_DB"].as_deref(), Some("postgres"));
    assert_eq!(db.environment["SCENARIO"].as_deref(), Some("users"));
    assert_eq!(
        db.ports,
        [Port { target: 5432, published: None, host_ip: None, protocol: Protocol::Tcp, app_protocol: None }]
    );

    let web = &read.stack.services["web"];
    assert_eq!(
        web.command.as_deref(),
        Some(["flask", "run", "--host", "0.0.0.0"].map(str::to_owned).as_slice())
    );
    assert_eq!(web.build.as_ref().map(|build| build.context.clone()), Some(root.clone()));
    assert_eq!(
        web.build.as_ref().map(|build| build.dockerfile.clone()),
        Some(root.join("docker/Dockerfile"))
    );
    assert_eq!(web.volumes[0].kind, MountKind::Bind { source: root.clone() });
    assert_eq!(web.volumes[1].kind, MountKind::Bind { source: root.join("docker/local") });
    assert_eq!(web.ports[0].published, Some(PortRange { first: 5000, last: 5000 }));
    assert_eq!((web.location.line, web.location.column), (13, 3));
    assert_eq!(web.environment["FLASK_CONFIG"].as_deref(), Some(""));
    let place = root.join("docker/scenario.yml");
    let warning =
        format!("{}:19:21: the variable FLASK_CONFIG is not set; it is taken as empty", place.display());
    assert_eq!(read.warnings, [warning]);
}

#[test]
fn the_caller_wins_over_the_config_file() {
    let files = seed();
    let process_env = process(&[("POSTGRES_PORT", "5555"), ("PWD", "/elsewhere"), ("OTHER", "x")]);
    let project = Project::find(Lookup { process_env, ..files.lookup() }).expect("a project");
    let read = project.environment(&environment("development")).expect("an environment");
    let port = read.variables.get("POSTGRES_PORT").expect("a port");
    assert_eq!((port.value.as_str(), &port.origin), ("5555", &Origin::Process));
    assert_eq!(read.variables.get("OTHER"), None);
    assert_eq!(read.stack.services["db"].image.as_ref().and_then(|image| image.tag.as_deref()), Some("5555"));
}

#[test]
fn a_missing_file_is_named_with_the_environments_there_are() {
    let files = seed();
    let project = files.project();
    let error = project.environment(&environment("production")).expect_err("half an environment");
    assert_eq!(told(&error, &files.root()), "file-missing: docker/production.yml does not exist");
    assert_eq!(error.hint(), Some("these environments have both their files: development, scenario"));
    let error = project.environment(&environment("staging")).expect_err("no environment");
    assert_eq!(told(&error, &files.root()), "environment-unknown: there is no environment \"staging\"");
}

#[test]
fn a_scenario_can_be_named_as_an_environment() {
    let read = seed().project().environment(&environment("scenario_users")).expect("an environment");
    assert_eq!(read.variables.value("APPLICATION_SCENARIO_NAME"), Some("users"));
}

#[test]
fn a_project_name_that_is_asked_for_goes_before_the_environment() {
    let files = seed();
    let lookup = Lookup { project_name: Some("mine".to_owned()), ..files.lookup() };
    let read = Project::find(lookup).expect("a project").scenario_environment(&scenario("Users"));
    assert_eq!(read.expect("an environment").stack.name, "mine_scenario_users");
}

#[test]
fn compose_files_can_be_named_beside_the_config() {
    let files = seed();
    files.write("other/stack.yml", "services:\n  db:\n    image: ${FLASK_ENV}\n    volumes: [./x:/x]\n");
    let lookup = Lookup { compose_files: vec![PathBuf::from("other/stack.yml")], ..files.lookup() };
    let project = Project::find(lookup).expect("a project");
    let read = project.scenario_environment(&scenario("a")).expect("an environment");
    let db = &read.stack.services["db"];
    assert_eq!(db.image.as_ref().map(|image| image.repository.as_str()), Some("development"));
    assert_eq!(db.volumes[0].kind, MountKind::Bind { source: files.root().join("other/x") });
}

#[test]
fn scenario_files_of_every_kind() {
    let files = seed();
    for (path, text) in [
        ("scenarios/rows.sql", "select 1;"),
        ("scenarios/fill.rs", "fn main() {}"),
        ("scenarios/run.sh", "#!/bin/sh"),
        ("scenarios/tool", "#!/bin/sh"),
        ("scenarios/page.js", "#!/usr/bin/env node"),
        ("scenarios/any.thing", "#!/bin/sh"),
        ("scenarios/rows.md", "what is in rows"),
        ("scenarios/data/2.csv", "a"),
        ("scenarios/data/1.sql", ""),
        ("scenarios/data/notes.txt", ""),
        ("scenarios/helpers/x.py", ""),
        ("scenarios/README", "text"),
        ("scenarios/__init__.py", ""),
    ] {
        files.write(path, text);
    }
    files.make_executable("scenarios/run.sh");
    for file in ["tool", "page.js", "any.thing"] {
        files.make_executable(&format!("scenarios/{file}"));
    }
    let (project, at) = (files.project(), |path: &str| files.root().join("scenarios").join(path));
    let source = |name: &str| project.scenario_source(&scenario(name)).expect("a source");
    assert_eq!(
        source("foo"),
        ScenarioSource::Python { file: at("foo.py"), module: "scenarios.foo".to_owned() }
    );
    assert_eq!(source("rows"), ScenarioSource::Sql { file: at("rows.sql") });
    assert_eq!(source("fill"), ScenarioSource::CargoExample { file: at("fill.rs"), name: "fill".to_owned() });
    assert_eq!(source("run"), ScenarioSource::Executable { file: at("run.sh") });
    for (name, file) in [("tool", "tool"), ("page", "page.js"), ("any", "any.thing")] {
        assert_eq!(source(name), ScenarioSource::Executable { file: at(file) });
    }
    let files_of_data = vec![at("data/1.sql"), at("data/2.csv")];
    assert_eq!(source("data"), ScenarioSource::Folder { dir: at("data"), files: files_of_data });
    assert_eq!(source("nothing"), ScenarioSource::Empty);
    assert_eq!(source("helpers"), ScenarioSource::Empty);
    let names: Vec<String> =
        project.scenarios().expect("scenarios").iter().map(ToString::to_string).collect();
    assert_eq!(names, ["any", "data", "fill", "foo", "page", "rows", "run", "tool"]);
}

#[test]
fn scenario_files_that_are_refused() {
    let files = seed();
    files.write("scenarios/foo.sql", "");
    files.write("scenarios/idle.sh", "");
    files.write("scenarios/still.js", "");
    files.write("outside.sql", "");
    std::os::unix::fs::symlink("../outside.sql", files.root().join("scenarios/away.sql")).expect("a link");
    std::os::unix::fs::symlink("foo.sql", files.root().join("scenarios/near.sql")).expect("a link");
    let project = files.project();
    let refusal =
        |name: &str| told(&project.scenario_source(&scenario(name)).expect_err("a refusal"), &files.root());
    assert_eq!(
        refusal("foo"),
        "scenario-ambiguous: scenario \"foo\" has two sources, scenarios/foo.py and scenarios/foo.sql"
    );
    assert_eq!(
        refusal("idle"),
        "scenario-not-executable: scenarios/idle.sh cannot be run: it is not executable"
    );
    assert_eq!(
        refusal("still"),
        "scenario-not-executable: scenarios/still.js cannot be run: it is not executable"
    );
    assert_eq!(
        refusal("away"),
        "scenario-outside: scenarios/away.sql leads out of the scenarios folder, to outside.sql"
    );
    assert!(project.scenario_source(&scenario("near")).is_ok());
}
