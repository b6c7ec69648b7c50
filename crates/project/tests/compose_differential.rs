//! Holds what Backlot makes of Compose files against what `docker compose config --format json` prints.
//!
//! Every folder of `fixtures/` is a project: its files, `args` (options of `docker compose`, one a line), `process.env`
//! (the caller's environment), and `expected.json`, recorded from Compose 2.26 with the project's directory written as
//! `/project` and the home as `/home`. What Compose refuses has `{"refused": "its words"}`, and Backlot must refuse it.
//!
//! - The recorded results are always compared.
//! - Where Compose 2.26 is installed, it is asked again, so that the records stay true; `BACKLOT_REQUIRE_COMPOSE=1` makes
//!   its absence a failure. `tests/install-compose-v2` installs it.
//! - `BACKLOT_RECORD=1` records anew.
//! - What Compose 2.26 does not know yet has a file `newer`, which says since when Compose does it or in what Backlot goes
//!   further; its result was written by hand, after the source of Compose.

#![expect(clippy::expect_used, reason = "what a test needs and lacks may end it")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use backlot_project::{Lookup, Project};
use serde_json::{Value, json};

/// What differs on purpose: the fixture, the place in the result, and why.
const ON_PURPOSE: &[(&str, &str, &str)] = &[
    (
        "dates",
        "/services/web/labels/released",
        "a plain date stays as it is written; Compose makes a time stamp of it",
    ),
    ("dates", "/x-released", "a plain date stays as it is written; Compose makes a time stamp of it"),
];

/// Results of Compose that Compose itself cannot read.
const NOT_READ_BACK: &[(&str, &str)] = &[
    (
        "several-files",
        "one file says a:1.1.1.1, the other a=1.1.1.1; Compose joins them to the same host twice",
    ),
    ("logging-and-limits", "devices under blkio_config are written with keys in capitals"),
];

const COMPOSE_VERSION: &str = "2.26.";

/// A fixture, copied into a directory of its own called `project`.
struct Fixture {
    name: String,
    source: PathBuf,
    dir: tempfile::TempDir,
}

impl Fixture {
    fn all() -> Vec<Self> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
        let mut sources: Vec<PathBuf> =
            fs::read_dir(folder).expect("fixtures").map(|entry| entry.expect("a fixture").path()).collect();
        sources.sort();
        sources.into_iter().map(Self::new).collect()
    }

    fn new(source: PathBuf) -> Self {
        let file_name = source.file_name().expect("a name").to_string_lossy();
        let name = file_name.split_once('-').expect("a number and a name").1.to_owned();
        let dir = tempfile::tempdir().expect("a temporary directory");
        let fixture = Self { name, source, dir };
        fs::create_dir(fixture.home()).expect("a home");
        copy(&fixture.source, &fixture.root());
        fixture
    }

    fn root(&self) -> PathBuf {
        self.dir.path().canonicalize().expect("the directory").join("project")
    }

    fn home(&self) -> PathBuf {
        self.dir.path().canonicalize().expect("the directory").join("home")
    }

    fn is_newer(&self) -> bool {
        self.source.join("newer").exists()
    }

    fn lines(&self, file: &str) -> Vec<String> {
        let text = fs::read_to_string(self.source.join(file)).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    fn process_env(&self) -> BTreeMap<String, String> {
        let own = self.lines("process.env");
        let pairs = own.iter().map(|line| line.split_once('=').expect("NAME=value"));
        let mut env: BTreeMap<String, String> =
            pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        env.insert("HOME".to_owned(), self.home().display().to_string());
        env.insert("PWD".to_owned(), self.root().display().to_string());
        env
    }

    fn expected_path(&self) -> PathBuf {
        self.source.join("expected.json")
    }

    fn expected(&self) -> Value {
        let text = fs::read_to_string(self.expected_path())
            .expect("a recorded result: record it with BACKLOT_RECORD=1");
        serde_json::from_str(&text).expect("JSON")
    }

    /// Replaces the directories of this run by fixed ones.
    fn portable(&self, text: &str) -> Value {
        let text = text.replace(&self.root().display().to_string(), "/project");
        let text = text.replace(&self.home().display().to_string(), "/home");
        let parent = self.dir.path().canonicalize().expect("the directory");
        serde_json::from_str(&text.replace(&parent.display().to_string(), "")).expect("JSON")
    }

    /// What Backlot makes of it.
    fn read(&self) -> Value {
        let mut lookup =
            Lookup { start_dir: self.root(), process_env: self.process_env(), ..Lookup::default() };
        for pair in self.lines("args").chunks(2) {
            let value = pair[1].clone();
            match pair[0].as_str() {
                "-f" => lookup.compose_files.push(value.into()),
                "-p" => lookup.project_name = Some(value),
                "--env-file" => lookup.env_files.push(value.into()),
                "--profile" => lookup.profiles.push(value),
                other => panic!("an option that fixtures do not have: {other}"),
            }
        }
        match Project::find(lookup).and_then(|project| project.plain_stack()) {
            Ok(stack) => self.portable(&stack.resolved().to_string()),
            Err(error) => json!({"refused": error.to_string()}),
        }
    }

    /// What Compose makes of it.
    fn ask_compose(&self, compose: &Compose) -> Value {
        let args: Vec<String> =
            self.lines("args").into_iter().chain(["config", "--format", "json"].map(str::to_owned)).collect();
        let output = compose.run(&args, &self.root(), &self.process_env());
        if output.status.success() {
            self.portable(&String::from_utf8(output.stdout).expect("text"))
        } else {
            let text = String::from_utf8_lossy(&output.stderr).into_owned();
            self.portable(&json!({"refused": text.lines().last()}).to_string())
        }
    }

    /// The places at which two results differ, except those that differ on purpose; and those that no longer differ.
    fn differences(&self, theirs: &Value, ours: &Value) -> Vec<String> {
        let mut found = BTreeMap::new();
        compare(theirs, ours, String::new(), &mut found);
        let listed: BTreeSet<&str> = ON_PURPOSE
            .iter()
            .filter(|(fixture, ..)| *fixture == self.name)
            .map(|(_, place, _)| *place)
            .collect();
        let unlisted = found.iter().filter(|(place, _)| !listed.contains(place.as_str()));
        let gone = listed.iter().filter(|place| !found.contains_key(**place));
        let unlisted = unlisted.map(|(place, (theirs, ours))| {
            format!("{}: {place}\n    Compose: {theirs}\n    Backlot: {ours}", self.name)
        });
        unlisted
            .chain(gone.map(|place| format!("{}: {place} is listed but does not differ", self.name)))
            .collect()
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).expect("a directory");
    for entry in fs::read_dir(from).expect("a folder") {
        let path = entry.expect("a file").path();
        let target = to.join(path.file_name().expect("a name"));
        if path.is_dir() {
            copy(&path, &target);
        } else if !path.ends_with("expected.json") {
            fs::copy(&path, &target).expect("a copy");
        }
    }
}

fn compare(theirs: &Value, ours: &Value, place: String, found: &mut BTreeMap<String, (String, String)>) {
    // That both refuse is enough: the words are each one's own.
    if theirs.get("refused").is_some() && ours.get("refused").is_some() {
        return;
    }
    match (theirs, ours) {
        (Value::Object(theirs), Value::Object(ours)) => {
            let keys: BTreeSet<&String> = theirs.keys().chain(ours.keys()).collect();
            for key in keys {
                // A missing key is not the same as null: Compose means something by each.
                let missing = Value::String("(not there)".to_owned());
                let (theirs, ours) = (theirs.get(key).unwrap_or(&missing), ours.get(key).unwrap_or(&missing));
                compare(theirs, ours, format!("{place}/{key}"), found);
            }
        }
        (Value::Array(theirs), Value::Array(ours)) if theirs.len() == ours.len() => {
            for (index, (theirs, ours)) in theirs.iter().zip(ours).enumerate() {
                compare(theirs, ours, format!("{place}/{index}"), found);
            }
        }
        (Value::Number(a), Value::Number(b)) if a.as_f64() == b.as_f64() => {}
        (theirs, ours) if theirs == ours => {}
        (theirs, ours) => {
            found.insert(place, (theirs.to_string(), ours.to_string()));
        }
    }
}

/// Compose as it is installed here.
struct Compose {
    docker_config: Option<String>,
    path: String,
}

impl Compose {
    /// Compose 2.26, if it answers.
    fn find() -> Result<Self, String> {
        let from_home = || std::env::var("HOME").ok().map(|home| format!("{home}/.docker"));
        let docker_config = std::env::var("DOCKER_CONFIG").ok().or_else(from_home);
        let compose = Self { docker_config, path: std::env::var("PATH").unwrap_or_default() };
        let output =
            compose.try_run(&["version", "--short"].map(str::to_owned), Path::new("/"), &BTreeMap::new())?;
        let version = String::from_utf8_lossy(&output.stdout).trim().trim_start_matches('v').to_owned();
        if output.status.success() && version.starts_with(COMPOSE_VERSION) {
            Ok(compose)
        } else {
            Err(format!("docker compose answers {version:?}, not {COMPOSE_VERSION}*"))
        }
    }

    fn run(&self, args: &[String], dir: &Path, env: &BTreeMap<String, String>) -> Output {
        self.try_run(args, dir, env).expect("docker compose")
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "the test asks the real Compose, which Backlot itself never does here"
    )]
    fn try_run(&self, args: &[String], dir: &Path, env: &BTreeMap<String, String>) -> Result<Output, String> {
        Command::new("docker")
            .arg("compose")
            .args(args)
            .current_dir(dir)
            .env_clear()
            .envs(env)
            .env("PATH", &self.path)
            .envs(self.docker_config.iter().map(|config| ("DOCKER_CONFIG", config)))
            .output()
            .map_err(|error| format!("docker does not run: {error}"))
    }
}

fn is_set(name: &str) -> bool {
    std::env::var(name).is_ok_and(|value| value == "1")
}

fn report(failures: &[String]) {
    assert!(failures.is_empty(), "{} differences:\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn backlot_agrees_with_the_recorded_results() {
    if is_set("BACKLOT_RECORD") {
        return;
    }
    let fixtures = Fixture::all();
    assert!(fixtures.len() >= 78, "only {} fixtures", fixtures.len());
    let failures: Vec<String> = fixtures
        .iter()
        .flat_map(|fixture| fixture.differences(&fixture.expected(), &fixture.read()))
        .collect();
    report(&failures);
}

#[test]
fn compose_itself_agrees_with_the_recorded_results() {
    let compose = match Compose::find() {
        Ok(compose) => compose,
        Err(why) if is_set("BACKLOT_REQUIRE_COMPOSE") || is_set("BACKLOT_RECORD") => {
            panic!("{why}; install it with crates/project/tests/install-compose-v2")
        }
        Err(why) => {
            eprintln!("not compared with Compose itself: {why}");
            return;
        }
    };
    let mut failures = Vec::new();
    for fixture in Fixture::all().into_iter().filter(|fixture| !fixture.is_newer()) {
        let result = fixture.ask_compose(&compose);
        if is_set("BACKLOT_RECORD") {
            let text = serde_json::to_string_pretty(&result).expect("JSON") + "\n";
            fs::write(fixture.expected_path(), text).expect("a record");
            continue;
        }
        let mut found = BTreeMap::new();
        compare(&fixture.expected(), &result, String::new(), &mut found);
        if !found.is_empty() {
            failures.push(format!("{}: Compose gives another result than recorded: {found:?}", fixture.name));
        }
    }
    report(&failures);
}

/// A throw-away stack is handed to Compose as the file that is written here.
#[test]
fn what_is_resolved_is_read_back_the_same() {
    let mut failures = Vec::new();
    for fixture in Fixture::all() {
        let first = fixture.read();
        if first.get("refused").is_some() || NOT_READ_BACK.iter().any(|(name, _)| *name == fixture.name) {
            continue;
        }
        let path = fixture.root().join("again.yaml");
        fs::write(&path, first.to_string()).expect("a file");
        let lookup = Lookup {
            start_dir: fixture.root(),
            compose_files: vec![path],
            profiles: vec!["*".to_owned()],
            ..Lookup::default()
        };
        let again = Project::find(lookup).and_then(|project| project.plain_stack());
        match again {
            Ok(stack) => failures.extend(fixture.differences(&first, stack.resolved())),
            Err(error) => failures.push(format!("{}: {error} at {:?}", fixture.name, error.location())),
        }
    }
    failures.retain(|failure| !failure.ends_with("is listed but does not differ"));
    report(&failures);
}

#[test]
fn the_table_names_fixtures_that_there_are() {
    let names: BTreeSet<String> = Fixture::all().into_iter().map(|fixture| fixture.name).collect();
    for (fixture, place, _) in ON_PURPOSE {
        assert!(names.contains(*fixture), "{fixture}: {place}");
    }
}
