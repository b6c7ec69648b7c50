//! Which volumes the containers of a stage have had: of those without a name, nothing tells whose they were once their
//! container is gone.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use backlot_process::{Child, Group, SpawnOptions, Stream};

use crate::docker_program::{ask, docker};

/// Of each event: of what it tells, its id, the container that a volume is for, and the Compose project of a container.
const EVENT: &str = "{{.Type}}\t{{.Actor.ID}}\t{{index .Actor.Attributes \"container\"}}\t\
                     {{index .Actor.Attributes \"com.docker.compose.project\"}}";

/// Writes down which containers are made, and which volumes they get.
#[derive(Debug)]
pub(crate) struct Watch {
    follower: Child,
    file: PathBuf,
}

impl Watch {
    /// Begins to; from now on none is missed.
    pub(crate) fn begin(stage: &Path) -> Self {
        let file = stage.join("docker-events");
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs().to_string();
        let filters = ["type=container", "type=volume", "event=create", "event=mount"];
        let filters = filters.iter().flat_map(|filter| ["--filter", filter]);
        let program = docker(["events", "--since", &now, "--format", EVENT].into_iter().chain(filters));
        let (group, stdout) = (Group::NewSession, Stream::File(File::create(&file).unwrap()));
        let follower = program.spawn(SpawnOptions { group, stdout, ..SpawnOptions::default() }).unwrap();
        Self { follower, file }
    }

    /// The volumes of the containers of `name`'s projects that are still there.
    pub(crate) fn volumes(&self, name: &str) -> Vec<String> {
        let text = fs::read_to_string(&self.file).unwrap();
        let events: Vec<Vec<&str>> = text.lines().map(|line| line.split('\t').collect()).collect();
        let of_kind =
            |kind: &'static str| events.iter().filter(move |event| event.len() == 4 && event[0] == kind);
        let ours: BTreeSet<&str> =
            of_kind("container").filter(|event| event[3].starts_with(name)).map(|event| event[1]).collect();
        let theirs: BTreeSet<&str> =
            of_kind("volume").filter(|event| ours.contains(event[2])).map(|event| event[1]).collect();
        let there = ask(["volume", "ls", "--quiet"]);
        there.lines().filter(|volume| theirs.contains(volume)).map(str::to_owned).collect()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let _ = self.follower.kill();
    }
}
