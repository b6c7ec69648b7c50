//! A stage on real Docker: a Compose project with a name of its own, of which nothing is left.

use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use backlot_process::Program;

use crate::docker_leaks;
use crate::docker_program::{LIMIT, docker, variables};
use crate::docker_watch::Watch;
use crate::podman;
use crate::run::{Outcome, Run};
use crate::stage::Stage;

/// Has every story on Docker left out.
const WITHOUT: &str = "BACKLOT_WITHOUT_DOCKER";
/// Has a story fail that would be left out.
const REQUIRE: &str = "BACKLOT_REQUIRE_DOCKER";
/// The images that the stories start from.
const IMAGES: [&str; 8] = [
    "debian:bookworm",
    "nginx",
    "node:20-slim",
    "postgres",
    "postgres:15",
    "python:3",
    "python:3.11-slim",
    "redis:7",
];
/// Where a plug-in of Docker's is found whatever its configuration says.
const PLUGIN_FOLDERS: [&str; 4] = [
    "/usr/local/lib/docker/cli-plugins",
    "/usr/local/libexec/docker/cli-plugins",
    "/usr/lib/docker/cli-plugins",
    "/usr/libexec/docker/cli-plugins",
];

/// A stage whose runs know the way to the daemon, and whose Compose projects all begin with one name.
#[derive(Debug)]
pub struct DockerStage {
    stage: Stage,
    name: String,
    watch: Watch,
    /// Whether containers beside processes are Podman's.
    podman: bool,
}

impl DockerStage {
    /// The stage on Docker, with Compose 2; none where there is no Docker, or it is not to be used.
    pub fn new(stage: impl FnOnce() -> Stage) -> Option<Self> {
        if let Err(reason) = gate() {
            return left_out(reason);
        }
        if !answers(&docker(["compose", "version"])) {
            return left_out("version 2 of Compose is not installed");
        }
        Some(Self::named(stage()))
    }

    /// The same with Compose 1, which is taken where no version 2 is found.
    pub fn with_compose_1(stage: impl FnOnce() -> Stage) -> Option<Self> {
        if let Err(reason) = gate() {
            return left_out(reason);
        }
        if PLUGIN_FOLDERS.iter().any(|folder| Path::new(folder).join("docker-compose").exists()) {
            return left_out("version 2 of Compose is installed for all users: version 1 is not taken");
        }
        let Some(first) = on_path("docker-compose") else {
            return left_out("version 1 of Compose is not installed");
        };
        let version = Program::new(first).args(["--version"]).envs(&variables()).output(LIMIT);
        if !version.is_ok_and(|version| String::from_utf8_lossy(&version.stdout).contains(" version 1.")) {
            return left_out("docker-compose is not version 1");
        }
        let mut stage = Self::named(stage());
        let empty = stage.root().join("user").display().to_string();
        stage.set("DOCKER_CONFIG", &empty);
        Some(stage)
    }

    fn named(mut stage: Stage) -> Self {
        // On other stages it leads nowhere.
        stage.unset("DOCKER_HOST");
        // Of programs it has its own, which for examples begins with the system's.
        let lead = variables().into_iter().filter(|(name, _)| name != "PATH");
        let stage = lead.fold(stage, |stage, (name, value)| stage.with(&name, value));
        let random = stage.root().file_name().unwrap().to_string_lossy().to_lowercase();
        let name = format!("bt{}-{}", std::process::id(), random.rsplit_once('-').unwrap().1);
        let watch = Watch::begin(stage.root());
        Self { stage: stage.showing(&name, "[name]"), name, watch, podman: false }
    }

    /// The same stage, on which containers beside processes are Podman's; none where there is none, or it is not to be used.
    pub fn with_podman(mut self) -> Option<Self> {
        if !podman::is_there() {
            return None;
        }
        for (name, value) in podman::variables() {
            self.stage.set(&name, value);
        }
        self.stage.set("BACKLOT_CONTAINERS", "podman");
        self.podman = true;
        Some(self)
    }

    /// Builds an image, of which the name begins with the stage's, for whoever runs the containers.
    pub fn image(&self, name: &str, dockerfile: &str) -> String {
        let tag = format!("{}-{name}", self.name);
        self.file("image/Dockerfile", dockerfile);
        self.docker(&["build", "--quiet", "--tag", &tag, "image"]).assert_code(0);
        std::fs::remove_dir_all(self.project().join("image")).unwrap();
        if self.podman {
            podman::load(&tag);
        }
        tag
    }

    /// What the names of its Compose projects begin with.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Sets a variable for all runs on this stage.
    pub fn set(&mut self, name: &str, value: &str) {
        self.stage.set(name, value);
    }

    /// A run of Backlot in the project's directory, under the stage's name.
    pub fn backlot(&self, arguments: &[&str]) -> Run<'_> {
        self.stage.backlot(&[&["-p", &self.name], arguments].concat())
    }

    /// The same on Docker, whatever could run natively.
    pub fn on_docker(&self, arguments: &[&str]) -> Run<'_> {
        self.backlot(&[&["--engine", "docker"], arguments].concat())
    }

    /// What came of a `docker` command.
    pub fn docker(&self, arguments: &[&str]) -> Outcome {
        self.stage.run("docker", arguments).output()
    }

    /// The ids of the containers of this stage's projects.
    pub fn containers(&self) -> Vec<String> {
        docker_leaks::containers(self.name(), self.root()).into_iter().map(|thing| thing.id).collect()
    }

    /// The leak check: no container, network or volume, named or not, of this stage's projects is left, and nothing that a stage without
    /// Docker would leave. Also done when the stage goes.
    pub fn assert_nothing_left(&self) {
        let left = docker_leaks::left(&self.name, self.root(), &self.watch);
        assert!(left.is_empty(), "left in Docker: {left:#?}");
        let left = if self.podman { podman::left(&self.name) } else { Vec::new() };
        assert!(left.is_empty(), "left in Podman: {left:#?}");
        self.stage.assert_nothing_left();
    }
}

impl Deref for DockerStage {
    type Target = Stage;

    fn deref(&self) -> &Stage {
        &self.stage
    }
}

impl Drop for DockerStage {
    fn drop(&mut self) {
        let left = if std::thread::panicking() {
            Vec::new()
        } else {
            docker_leaks::left(&self.name, self.root(), &self.watch)
        };
        docker_leaks::remove(&self.name, self.root(), &self.watch);
        docker_leaks::remove_images(&self.name);
        if self.podman {
            podman::remove(&self.name);
        }
        assert!(left.is_empty(), "left in Docker: {left:#?}");
    }
}

/// Whether Docker is there and to be used, found out once; if not, why.
fn gate() -> Result<(), &'static str> {
    static GATE: OnceLock<Result<(), &'static str>> = OnceLock::new();
    *GATE.get_or_init(|| {
        if std::env::var_os(WITHOUT).is_some() {
            Err("BACKLOT_WITHOUT_DOCKER is set")
        } else if on_path("docker").is_none() {
            Err("docker is not installed")
        } else if !answers(&docker(["version"])) {
            Err("no daemon answers")
        } else if !answers(&docker(["image", "inspect"].iter().chain(&IMAGES).copied())) {
            Err("images are missing: scripts/docker-images")
        } else {
            Ok(())
        }
    })
}

#[expect(clippy::print_stderr, reason = "the test harness shows it on request")]
fn left_out(reason: &str) -> Option<DockerStage> {
    assert!(std::env::var_os(REQUIRE).is_none(), "{REQUIRE} is set, but {reason}");
    eprintln!("left out: {reason}");
    None
}

fn answers(program: &Program) -> bool {
    program.output(LIMIT).is_ok_and(|output| output.status.success())
}

fn on_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|dir| dir.join(program)).find(|file| file.is_file())
}
