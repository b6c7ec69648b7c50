//! What a test left in a Docker daemon that others use, too.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::docker_program::{LIMIT, ask, docker};
use crate::docker_watch::Watch;

/// How long a command that was killed, and what tidies up after it, may take to let go.
const GRACE: Duration = Duration::from_secs(15);

/// What Docker tells of a thing: its id, what people call it, its Compose project, and that one's directory.
const LISTED: &str = "{{.ID}}\t{{.NAME}}\t{{.Label \"com.docker.compose.project\"}}\t\
                      {{.Label \"com.docker.compose.project.working_dir\"}}";

/// A container, network or volume.
#[derive(Debug, Default)]
pub(crate) struct Thing {
    pub(crate) id: String,
    name: String,
    project: String,
    directory: String,
}

/// The things of one kind that belong to the projects of `name`, or to any project in `stage`.
fn things(list: &[&str], name_field: &str, name: &str, stage: &Path) -> Vec<Thing> {
    let id_field = if list[0] == "volume" { "Name" } else { "ID" };
    let format = LISTED.replace(".NAME", &format!(".{name_field}")).replace(".ID", &format!(".{id_field}"));
    let text = ask(list.iter().copied().chain(["--format", &format]));
    let stage = stage.canonicalize().unwrap_or_else(|_| stage.to_owned());
    let all = text.lines().map(|line| {
        let mut fields = line.split('\t').map(str::to_owned);
        let mut next = || fields.next().unwrap_or_default();
        Thing { id: next(), name: next(), project: next(), directory: next() }
    });
    // Compose's own names begin with the project's, even where it has set no label yet.
    all.filter(|thing| {
        thing.project.starts_with(name)
            || thing.name.starts_with(name)
            || Path::new(&thing.directory).starts_with(&stage)
    })
    .collect()
}

pub(crate) fn containers(name: &str, stage: &Path) -> Vec<Thing> {
    things(&["ps", "--all", "--no-trunc"], "Names", name, stage)
}

fn networks(name: &str, stage: &Path) -> Vec<Thing> {
    things(&["network", "ls"], "Name", name, stage)
}

fn volumes(name: &str, stage: &Path, watch: &Watch) -> Vec<Thing> {
    let mut volumes = things(&["volume", "ls"], "Name", name, stage);
    let nameless = watch.volumes(name).into_iter();
    let nameless = nameless.filter(|id| volumes.iter().all(|known| known.id != *id)).collect::<Vec<_>>();
    volumes.extend(nameless.into_iter().map(|id| Thing { id, ..Thing::default() }));
    volumes
}

/// What is left; what is about to go gets a moment to.
pub(crate) fn left(name: &str, stage: &Path, watch: &Watch) -> Vec<Thing> {
    let start = Instant::now();
    loop {
        let kinds = [containers(name, stage), networks(name, stage), volumes(name, stage, watch)];
        let left: Vec<Thing> = kinds.into_iter().flatten().collect();
        if left.is_empty() || start.elapsed() > GRACE {
            return left;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Removes what a story has left, so that a failed one does not disturb others.
pub(crate) fn remove(name: &str, stage: &Path, watch: &Watch) {
    let kinds: [(&[&str], Vec<Thing>); 3] = [
        (&["rm", "--force", "--volumes"], containers(name, stage)),
        (&["network", "rm"], networks(name, stage)),
        (&["volume", "rm", "--force"], volumes(name, stage, watch)),
    ];
    for (remove, things) in kinds {
        if !things.is_empty() {
            let ids = things.into_iter().map(|thing| thing.id);
            let _ = docker(remove.iter().map(|word| (*word).to_owned()).chain(ids)).output(LIMIT);
        }
    }
}

/// Removes the images that were built for a story. What they are made of stays, so that the next one is built within a
/// moment.
pub(crate) fn remove_images(name: &str) {
    let images = ask(["image", "ls", "--format", "{{.Repository}}:{{.Tag}}"]);
    let ours: Vec<&str> = images.lines().filter(|image| image.contains(name)).collect();
    if !ours.is_empty() {
        let _ = docker(["image", "rm", "--force", "--no-prune"].into_iter().chain(ours)).output(LIMIT);
    }
}
