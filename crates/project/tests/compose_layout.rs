//! The Compose layout: which files make an environment, and what a throw-away one leaves out.

#[expect(dead_code, reason = "shared with other tests, which use all of it")]
mod common;

use std::path::PathBuf;

use backlot_project::stack::MountKind;
use backlot_project::{Layout, Lookup, Origin, Project};
use common::{Files, environment, process, scenario, told};
use serde_json::json;

const BASE: &str = "
services:
  db:
    image: postgres:${PG:-16}
    container_name: the-db
    ports: [\"5432:5432\"]
    volumes: [data:/var/lib/postgresql/data, ./init:/docker-entrypoint-initdb.d, /scratch]
    environment: {WHO: \"${WHO:-nobody}\", STAGE: \"${APPLICATION_CONFIG}\"}
volumes: {data: {}}
x-backlot: {test: cargo test --all, bin: tools}
";

fn shop() -> Files {
    Files::new(&[
        ("compose.yaml", BASE),
        ("compose.override.yaml", "services:\n  db: {command: override}\n"),
        ("compose.production.yaml", "services:\n  db: {command: production}\n"),
        (".env", "WHO=env\nPG=15\n"),
        (".env.production", "WHO=production-$PG\n"),
        (".env.example", "WHO=example\n"),
        (".env.dev-sample", "WHO=sample\n"),
        (".env.staging", "WHO=staging\n"),
        ("sub/dir/file", ""),
    ])
}

fn who(environment: &backlot_project::Environment) -> Option<&str> {
    environment.stack.services["db"].environment["WHO"].as_deref()
}

#[test]
fn development_is_what_compose_itself_would_take() {
    let files = shop();
    let start_dir = files.root().join("sub/dir");
    let project = Project::find(Lookup { start_dir, ..Lookup::default() }).expect("a project");
    assert_eq!(
        (project.layout(), project.root(), project.name()),
        (Layout::Compose, files.root().as_path(), "shop")
    );
    let read = project.environment(&environment("development")).expect("an environment");
    assert_eq!(read.stack.name, "shop_development");
    let names = ["compose.yaml", "compose.override.yaml"].map(|name| files.root().join(name));
    assert_eq!(read.files, [vec![files.root().join(".env")], names.to_vec()].concat());
    let db = &read.stack.services["db"];
    assert_eq!(db.command.as_deref(), Some(["override".to_owned()].as_slice()));
    assert_eq!(db.image.as_ref().and_then(|image| image.tag.as_deref()), Some("15"));
    assert_eq!(db.environment["STAGE"].as_deref(), Some("development"));
    assert_eq!(who(&read), Some("env"));
    assert_eq!(db.volumes.len(), 3);
    assert_eq!(read.stack.volumes["data"].name, "shop_development_data");
    let extension = &read.stack.extension;
    assert_eq!(extension.test.as_deref(), Some(["cargo", "test", "--all"].map(str::to_owned).as_slice()));
    assert_eq!(extension.bin, Some(files.root().join("tools")));
}

#[test]
fn another_environment_has_its_own_files_on_top() {
    let files = shop();
    let read = files.project().environment(&environment("production")).expect("an environment");
    assert_eq!(read.stack.services["db"].command.as_deref(), Some(["production".to_owned()].as_slice()));
    assert_eq!(who(&read), Some("production-15"));
    let origin = read.variables.get("WHO").map(|variable| variable.origin.clone());
    assert_eq!(origin, Some(Origin::DotEnv(files.root().join(".env.production"))));
    assert_eq!(
        read.variables.iter().map(|(name, _)| name).collect::<Vec<_>>(),
        ["WHO", "PG", "APPLICATION_CONFIG"]
    );
}

#[test]
fn the_caller_wins_over_env_files() {
    let files = shop();
    let lookup = Lookup { process_env: process(&[("WHO", "caller")]), ..files.lookup() };
    let read = Project::find(lookup).expect("a project").environment(&environment("production"));
    let read = read.expect("an environment");
    assert_eq!(who(&read), Some("caller"));
    assert_eq!(read.variables.get("WHO").map(|variable| variable.origin.clone()), Some(Origin::Process));
}

#[test]
fn env_files_that_are_named_replace_the_others() {
    let files = shop();
    files.write("ci.env", "WHO=ci\n");
    let lookup = Lookup { env_files: vec![PathBuf::from("ci.env")], ..files.lookup() };
    let read = Project::find(lookup).expect("a project").environment(&environment("production"));
    let read = read.expect("an environment");
    assert_eq!((who(&read), read.variables.value("PG")), (Some("ci"), None));
}

#[test]
fn environments_are_those_that_have_files() {
    let files = shop();
    let names: Vec<String> = files.project().environments().iter().map(ToString::to_string).collect();
    assert_eq!(names, ["development", "production", "staging"]);
    let error = files.project().environment(&environment("qa")).expect_err("no environment");
    assert_eq!(told(&error, &files.root()), "environment-unknown: there is no environment \"qa\"");
    assert_eq!(
        error.hint(),
        Some("there are development, production, staging; compose.qa.yaml would make it")
    );
}

#[test]
fn scenarios_and_tests_keep_nothing_and_claim_nothing() {
    let files = shop();
    let project = files.project();
    let users = project.scenario_environment(&scenario("users")).expect("an environment");
    let testing = project.environment(&environment("testing")).expect("an environment");
    assert_eq!(users.stack.name, "shop_scenario_users");
    assert_eq!(users.variables.value("APPLICATION_SCENARIO_NAME"), Some("users"));
    for read in [users, testing] {
        let db = &read.stack.services["db"];
        assert_eq!(db.command.as_deref(), Some(["override".to_owned()].as_slice()));
        assert_eq!(
            db.ports.iter().map(|port| (port.target, port.published)).collect::<Vec<_>>(),
            [(5432, None)]
        );
        let init = MountKind::Bind { source: files.root().join("init") };
        let kinds: Vec<_> = db.volumes.iter().map(|mount| mount.kind.clone()).collect();
        assert_eq!(kinds, [init, MountKind::Volume { source: None }]);
        assert!(read.stack.volumes.is_empty());
        let resolved = &read.stack.resolved()["services"]["db"];
        assert_eq!(resolved["ports"], json!([{"mode": "ingress", "target": 5432, "protocol": "tcp"}]));
        assert_eq!(resolved["volumes"].as_array().map(Vec::len), Some(2));
        assert_eq!(resolved.get("container_name"), None);
        assert_eq!(read.stack.resolved().get("volumes"), None);
    }
}

#[test]
fn scenarios_and_tests_with_files_of_their_own_take_them_as_they_are() {
    let files = shop();
    files.write(
        "compose.scenario.yaml",
        "services:\n  db: {command: \"scenario ${APPLICATION_SCENARIO_NAME}\"}\n",
    );
    files.write(".env.scenario", "WHO=scenario\n");
    let read = files.project().scenario_environment(&scenario("users")).expect("an environment");
    let words = ["scenario", "users"].map(str::to_owned);
    assert_eq!(read.stack.services["db"].command.as_deref(), Some(words.as_slice()));
    assert_eq!(who(&read), Some("scenario"));
    assert!(read.stack.services["db"].ports[0].published.is_some());
}

#[test]
fn files_that_are_named_are_all_there_is() {
    let files = shop();
    files.write("other/one.yaml", "services:\n  one: {image: \"${PWD}\", volumes: [./x:/x]}\n");
    files.write("two.yaml", "services:\n  two: {image: a}\n");
    let compose_files = ["other/one.yaml", "two.yaml"].map(PathBuf::from).to_vec();
    let project = Project::find(Lookup { compose_files, ..files.lookup() }).expect("a project");
    assert_eq!(project.root(), files.root().join("other"));
    let read = project.environment(&environment("anything")).expect("an environment");
    assert_eq!(read.stack.services.keys().collect::<Vec<_>>(), ["one", "two"]);
    let source = files.root().join("other/x");
    assert_eq!(read.stack.services["one"].volumes[0].kind, MountKind::Bind { source });
    let image = read.stack.services["one"].image.as_ref().map(|image| image.repository.clone());
    assert_eq!(image, Some(files.root().display().to_string()));
    let missing = Lookup { compose_files: vec![PathBuf::from("no.yaml")], ..files.lookup() };
    let error = Project::find(missing).expect_err("a missing file");
    assert_eq!(told(&error, &files.root()), "file-missing: no.yaml does not exist");
}

#[test]
fn project_names() {
    let files = Files::new(&[("compose.yaml", "services:\n  a: {image: a}\n")]);
    let find = |lookup: Lookup| Project::find(lookup).map(|project| project.name().to_owned());
    let named = |name: &str| Lookup { project_name: Some(name.to_owned()), ..files.lookup() };
    let variable = Lookup { process_env: process(&[("COMPOSE_PROJECT_NAME", "from-env")]), ..files.lookup() };
    assert_eq!(find(files.lookup()).expect("a name"), "shop");
    assert_eq!(find(variable).expect("a name"), "from-env");
    assert_eq!(find(named("given")).expect("a name"), "given");
    for bad in ["", "Shop", "a/b", "-a", "a b", "ä"] {
        assert_eq!(find(named(bad)).expect_err("a bad name").code(), "project-name-invalid", "{bad}");
    }
    files.write("compose.yaml", "name: \"${APP:-My App}\"\nservices:\n  a: {image: a}\n");
    assert_eq!(find(files.lookup()).expect("a name"), "myapp");
}

#[test]
fn the_seed_layout_wins_where_both_fit() {
    let files = shop();
    files.write("config/development.json", "[]");
    files.write("docker/development.yml", "services:\n  db: {image: seed}\n");
    assert_eq!(files.project().layout(), Layout::Seed);
}

#[test]
fn secrets_are_shown_to_nobody_who_does_not_ask() {
    let text = "
services:
  db:
    image: a
    command: [serve, \"postgresql://u:hunter2@h/d\"]
    environment: {POSTGRES_PASSWORD: hunter2, URL: \"postgresql://u:hunter2@h/d\", USER: u}
    build: {context: ., args: {NPM_TOKEN: hunter2}}
";
    let files =
        Files::new(&[("compose.yaml", text), (".env", "API_KEY=hunter2\nURL=postgresql://u:hunter2@h/d\n")]);
    let lookup = Lookup { process_env: process(&[("SECRET", "hunter2")]), ..files.lookup() };
    let project = Project::find(lookup).expect("a project");
    let read = project.environment(&environment("development")).expect("an environment");
    let shown = read.stack.resolved_masked();
    assert!(!format!("{read:?} {project:?} {shown}").contains("hunter2"));
    let shown = &shown["services"]["db"]["environment"];
    assert_eq!(*shown, json!({"POSTGRES_PASSWORD": "••••", "URL": "postgresql://u:••••@h/d", "USER": "u"}));
    assert!(read.stack.resolved().to_string().contains("hunter2"));
}

#[test]
fn a_reference_to_a_variable_that_is_withheld_is_told_with_its_place() {
    let files = Files::new(&[]);
    files.write(
        "compose.yaml",
        "services:
  web:
    build: {context: ., args: [PGUSER]}
    env_file: web.env
    environment: {URL: '${PGHOST:-db} ${PGHOST}', PGPASSWORD: , OTHER: '${UNSET:-x}'}
    secrets: [word]
secrets: {word: {environment: PGDATABASE}}
",
    );
    files.write(".env", "PGAPPNAME\nOWN=${PGPORT-1}\n");
    files.write("web.env", "A=1\nPGTZ\n");
    let names = ["PGHOST", "PGPASSWORD", "PGUSER", "PGDATABASE", "PGPORT", "PGAPPNAME", "PGTZ", "PGOPTIONS"];
    let lookup = Lookup { withheld: names.map(str::to_owned).into(), ..files.lookup() };
    let told = |lookup: Lookup| {
        let read = Project::find(lookup).expect("a project").environment(&environment("development"));
        read.expect("an environment").withheld
    };
    let root = files.root();
    let places: Vec<String> = told(lookup.clone())
        .iter()
        .map(|text| {
            let (place, _) = text.split_once(" is not taken from your shell").expect(text);
            place.replace(&format!("{}/", root.display()), "")
        })
        .collect();
    let expected = [
        ".env:1:1: PGAPPNAME",
        "compose.yaml:7:31: PGDATABASE",
        "compose.yaml:5:24: PGHOST",
        "compose.yaml:5:51: PGPASSWORD",
        ".env:2:1: PGPORT",
        "web.env:2:1: PGTZ",
        "compose.yaml:3:32: PGUSER",
    ];
    assert_eq!(places, expected);
    // What the files set is not told of, nor what nobody withholds.
    files.write(".env", "PGAPPNAME=a\nPGHOST=b\nPGPASSWORD=c\nPGPORT=1\nPGUSER=e\nPGDATABASE=f\nPGTZ=g\n");
    assert_eq!(told(lookup), [""; 0]);
}

#[test]
fn a_file_that_is_whole_is_not_laid_over_the_base() {
    let files = shop();
    let whole = "services:\n  db: {image: 'postgres:17'}\n  front: {build: ., depends_on: [db]}\n";
    files.write("compose.production.yaml", whole);
    let read = files.project().environment(&environment("production")).expect("an environment");
    assert_eq!(read.compose.files, [files.root().join("compose.production.yaml")]);
    assert_eq!(read.stack.services.keys().collect::<Vec<_>>(), ["db", "front"]);
    assert_eq!((read.stack.services["db"].volumes.len(), read.notes.len()), (0, 0));
    // What it leaves out of the base is told.
    files.write("compose.production.yaml", "services:\n  front: {image: a}\n");
    let read = files.project().environment(&environment("production")).expect("an environment");
    assert!(read.notes[0].contains("without db of the base file"), "{:?}", read.notes);
    // These need the base.
    for text in [
        "services:\n  db: {image: 'postgres:17'}\n  front: {command: x}\n",
        "services:\n  front: {image: a, depends_on: [db]}\n",
        "services:\n  front: {image: a, depends_on: {db: {condition: service_healthy}}}\n",
        "services:\n  front: {image: a, volumes: ['data:/data']}\n",
        "services:\n  front: {image: a, networks: [back]}\n",
    ] {
        files.write("compose.production.yaml", text);
        let project = files.project();
        let name = environment("production");
        let laid_over = match project.environment(&name) {
            Ok(read) => read.compose.files.len() == 2,
            Err(error) => error.to_string().contains("back") || error.to_string().contains("front"),
        };
        assert!(laid_over, "{text}");
    }
}

#[test]
fn a_service_that_is_named_switches_its_profiles_on() {
    let text = "
services:
  web: {image: a}
  debug: {image: a, profiles: [debug], depends_on: [web, helper]}
  helper: {image: a, profiles: [debug, other]}
  alone: {image: a, profiles: [alone], depends_on: [helper]}
";
    let files = Files::new(&[("compose.yaml", text)]);
    let read = |names: &[&str]| {
        let named = names.iter().map(|name| (*name).to_owned());
        files.project().naming(named).environment(&environment("development"))
    };
    let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let plain = read(&[]).expect("an environment");
    assert_eq!(plain.stack.services.keys().collect::<Vec<_>>(), ["web"]);
    assert_eq!(plain.stack.off.iter().cloned().collect::<Vec<_>>(), set(&["alone", "debug", "helper"]));
    let debug = read(&["debug"]).expect("an environment").stack;
    assert_eq!(debug.services.keys().cloned().collect::<Vec<_>>(), set(&["debug", "helper", "web"]));
    assert_eq!(debug.on_call.iter().cloned().collect::<Vec<_>>(), set(&["debug", "helper"]));
    // Those that are there only because they are named do not come by themselves.
    assert_eq!(debug.with_dependencies(&[]).into_iter().collect::<Vec<_>>(), set(&["web"]));
    assert_eq!(debug.with_dependencies(&set(&["debug"])).len(), 3);
    // As with Compose, what another profile's service needs is not switched on.
    let error = read(&["alone"]).expect_err("a dependency that is off");
    assert_eq!(error.code(), "service-undefined");
    assert!(error.hint().is_some_and(|hint| hint.contains("--profile debug")), "{error}");
}
