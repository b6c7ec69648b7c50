//! The facade, with programs that do what real ones will not do on demand: each engine is chosen, asked and left as it says.

#![expect(clippy::unwrap_used, reason = "a test that cannot set itself up has to fail loudly")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use backlot_engine::{
    Deployment, EngineError, EngineKind, Ground, Home, Purpose, Record, Site, State, Wishes, deployment,
    engine_at, list_all,
};
use backlot_process::Owner;
use backlot_project::{EnvironmentName, Lookup, Project};
use backlot_testkit::{FakeDocker, FakePostgres, Stage};

/// A project on a stage, and what its commands would be called with.
struct World {
    stage: Stage,
    home: Home,
    project: Project,
    caller: BTreeMap<String, String>,
    interrupted: AtomicBool,
}

impl World {
    fn new(stage: Stage, compose: &str, path: &str) -> Self {
        stage.file("compose.yaml", compose);
        let caller = BTreeMap::from([("PATH".to_owned(), path.to_owned())]);
        let lookup = Lookup { start_dir: stage.project(), process_env: caller.clone(), ..Lookup::default() };
        let project = Project::find(lookup).unwrap();
        // The account that Postgres would run as has to get at what is in there.
        let home = Home::choose(
            &BTreeMap::from([("BACKLOT_HOME".to_owned(), stage.home().display().to_string())]),
            Owner::for_postgres().unwrap(),
        );
        Self { home: home.unwrap(), stage, project, caller, interrupted: AtomicBool::new(false) }
    }

    fn ground(&self) -> Ground<'_> {
        let Self { home, project, caller, interrupted, .. } = self;
        Ground { home, project, caller, interrupted }
    }

    fn site(&self) -> Site {
        Site::new(&self.home, &self.project, "development")
    }

    /// Development on the engine that is chosen, and the reasons that were told.
    fn choose(
        &self,
        wanted: Option<EngineKind>,
    ) -> Result<(Box<dyn Deployment<'_> + '_>, Vec<String>), EngineError> {
        let environment = self.project.environment(&EnvironmentName::parse("development").unwrap()).unwrap();
        let mut told = Vec::new();
        let mut tell = |reason: &dyn std::fmt::Display| told.push(reason.to_string());
        let chosen = deployment(self.ground(), environment, wanted, &Wishes::default(), &mut tell)?;
        Ok((chosen, told))
    }

    /// The error of an `up`, after which nothing may be left.
    fn failing_up(&self, chosen: &dyn Deployment<'_>) -> EngineError {
        let error = chosen.up(&Wishes::default(), &mut |_| {}, &mut |_| {}).unwrap_err();
        assert!(!self.site().dir().exists(), "{error}: {} is left", self.site().dir().display());
        error
    }

    fn record(&self, text: &str) {
        let live = self.site().live();
        self.home.make(&live).unwrap();
        fs::write(live.join("record.json"), text).unwrap();
    }
}

/// A Postgres whose programs are scripts.
fn native(script: &[(&str, &str)]) -> World {
    let stage = Stage::empty("backlot");
    let fake = FakePostgres::on(&stage, "15.18");
    for (program, text) in script {
        let version = format!("[ \"$1\" = --version ] && echo '{program} (PostgreSQL) 15.18' && exit 0");
        fake.replace(program, &format!("{version}\n{text}"));
    }
    let compose = format!(
        "services:\n  db:\n    image: postgres\n    environment: {{POSTGRES_PASSWORD: x}}\n    x-backlot: {{bin: '{}'}}\n",
        fake.bin()
    );
    World::new(stage, &compose, "/usr/bin:/bin")
}

/// A stack that only Docker can run, and a `docker` that is this script.
fn docker(script: &str) -> World {
    let stage = Stage::empty("backlot");
    let fake = FakeDocker::on(&stage, script);
    let path = fake.path();
    World::new(stage, "services:\n  app: {image: vendor/app, ports: ['80']}\n", &path)
}

/// A daemon that answers and has no containers.
const IDLE: &str = "case \"$*\" in
version*|info*) echo '{\"Client\":{\"Version\":\"27.0\"},\"Server\":{\"Version\":\"27.0\",\"ApiVersion\":\"1.46\"}}' ;;
compose\\ version*) echo 2.29.0 ;;
*) : ;;
esac";

#[test]
fn native_is_chosen_where_it_can_and_where_nobody_else_answers() {
    let world = native(&[]);
    let (chosen, told) = world.choose(None).unwrap();
    assert_eq!((chosen.kind(), told), (EngineKind::Native, Vec::new()));

    let world = docker("echo 'Cannot connect to the Docker daemon' >&2; exit 1");
    let (chosen, told) = world.choose(None).unwrap();
    assert_eq!((chosen.kind(), told), (EngineKind::Native, Vec::new()));
}

#[test]
fn what_only_its_image_is_is_a_container_beside_where_a_daemon_answers() {
    let world = docker(IDLE);
    let (chosen, told) = world.choose(None).unwrap();
    assert_eq!((chosen.kind(), told), (EngineKind::Native, Vec::new()));
}

#[test]
fn docker_is_chosen_with_the_reason_where_a_daemon_answers_and_no_such_postgres_can_be_had() {
    let stage = Stage::empty("backlot");
    let path = FakeDocker::on(&stage, IDLE).path();
    let compose = "services:\n  db: {image: 'postgres:11', environment: {POSTGRES_PASSWORD: x}}\n";
    let mut world = World::new(stage, compose, &path);
    world.caller.insert("BACKLOT_OFFLINE".into(), "1".into());
    let (chosen, told) = world.choose(None).unwrap();
    assert_eq!(chosen.kind(), EngineKind::Docker);
    assert!(told.len() == 1 && told[0].contains("11"), "{told:?}");
    assert_eq!(chosen.plan_up(&Wishes::default()).unwrap(), ["start the containers of db"]);
}

#[test]
fn what_runs_on_one_engine_is_not_taken_by_the_other() {
    let world = native(&[]);
    let record =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../state/tests/records/v1.json"));
    world.record(&record.unwrap());
    assert!(world.site().record().unwrap().is_some_and(|record: Record| record.engine == EngineKind::Native));
    let error = world.choose(Some(EngineKind::Docker)).err().unwrap();
    assert_eq!(error.code(), "other-engine", "{error}");
    let error = engine_at(&world.site(), Some(EngineKind::Docker), &world.caller, &|| None).unwrap_err();
    assert_eq!(error.code(), "other-engine", "{error}");
    fs::remove_dir_all(world.home.root()).unwrap();
}

#[test]
fn an_up_that_fails_leaves_nothing_on_disk() {
    for (program, script, code) in [
        ("initdb", "echo 'no space for the clowns' >&2; exit 1", "template"),
        ("initdb", "mkdir -p \"$PGDATA\"; exit 0", "template"),
        ("initdb", "kill -9 $$", "template"),
    ] {
        let world = native(&[(program, script)]);
        let (chosen, _) = world.choose(None).unwrap();
        let error = world.failing_up(chosen.as_ref());
        assert_eq!(error.code(), code, "{script}: {error}");
        world.stage.assert_nothing_left();
    }
}

#[test]
fn who_asks_to_stop_finds_nothing_made() {
    let world = native(&[]);
    world.interrupted.store(true, Ordering::SeqCst);
    let (chosen, _) = world.choose(None).unwrap();
    let error = world.failing_up(chosen.as_ref());
    assert!(matches!(error, EngineError::Interrupted), "{error}");

    let world = docker(IDLE);
    world.interrupted.store(true, Ordering::SeqCst);
    let (chosen, _) = world.choose(Some(EngineKind::Docker)).unwrap();
    let error = world.failing_up(chosen.as_ref());
    assert!(matches!(error, EngineError::Interrupted), "{error}");
}

#[test]
fn a_daemon_that_dies_between_two_questions_is_named() {
    let world = docker(&format!("case \"$*\" in compose*up*) echo EOF >&2; exit 1 ;; esac\n{IDLE}"));
    let (chosen, _) = world.choose(Some(EngineKind::Docker)).unwrap();
    let error = chosen.up(&Wishes::default(), &mut |_| {}, &mut |_| {}).unwrap_err();
    assert!(!matches!(error, EngineError::Interrupted), "{error}");
    assert!(world.site().record().unwrap().is_none(), "a record of what is not there");
}

#[test]
fn a_purpose_has_all_thrown_away() {
    let world = native(&[]);
    let (chosen, _) = world.choose(None).unwrap();
    let plan = chosen.meant_for(Purpose::Throwaway).plan_up(&Wishes::default()).unwrap();
    assert!(plan.iter().any(|step| step.contains("throw-away")), "{plan:?}");
    assert!(plan.iter().any(|step| step.contains("free port")), "{plan:?}");
}

#[test]
fn a_record_that_cannot_be_read_is_listed_as_damaged_and_goes() {
    let world = native(&[]);
    world.record("{\"version\": 1, \"project\"");
    let listed = list_all(&world.home, &world.project, &world.caller).unwrap();
    assert_eq!(listed.iter().map(|summary| summary.state).collect::<Vec<_>>(), [State::Damaged]);
    let engine = engine_at(&world.site(), None, &world.caller, &|| None).unwrap();
    engine.down(&world.site(), false, &mut |_| {}).unwrap();
    world.stage.assert_nothing_left();
}
