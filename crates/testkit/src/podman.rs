//! The real `podman`, on a stage whose services run as containers of it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use backlot_process::Program;

use crate::docker_program::LIMIT;
use crate::run::find;

/// Has a story fail that would be left out.
const REQUIRE: &str = "BACKLOT_REQUIRE_PODMAN";
/// How long what is about to go may take.
const GRACE: Duration = Duration::from_secs(15);

/// The variables by which it is found, and its configuration.
pub(crate) fn variables() -> BTreeMap<String, String> {
    let is = |name: &str| name == "PATH" || name.starts_with("CONTAINERS_");
    std::env::vars().filter(|(name, _)| is(name)).collect()
}

fn podman(arguments: &[&str]) -> Program {
    Program::new(find(Path::new("podman"))).args(arguments.iter().copied()).envs(&variables())
}

/// Whether it runs containers here: as root, an image of the stories' own is taken from Docker for it.
#[expect(clippy::print_stderr, reason = "the test harness shows it on request")]
pub(crate) fn is_there() -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let is_installed = std::env::split_paths(&path).any(|dir: PathBuf| dir.join("podman").is_file());
    let why = if is_installed {
        load("debian:bookworm");
        let run = podman(&["run", "--rm", "debian:bookworm", "true"]).output(LIMIT).unwrap();
        (!run.status.success()).then(|| run.last_lines(3).join(" "))
    } else {
        Some("it is not installed".to_owned())
    };
    let Some(why) = why else { return true };
    assert!(std::env::var_os(REQUIRE).is_none(), "{REQUIRE} is set, but {why}");
    eprintln!("left out: podman: {why}");
    false
}

/// Gives it an image of Docker's.
pub(crate) fn load(image: &str) {
    let line = "docker save \"$0\" | podman load --quiet";
    let mut all = crate::docker_program::variables();
    all.extend(variables());
    let output = Program::new("/bin/sh").args(["-c", line, image]).envs(&all).output(LIMIT).unwrap();
    assert!(output.status.success(), "podman load: {}", output.last_lines(5).join("\n"));
}

/// The containers, networks and volumes whose names begin with `name`.
fn things(name: &str) -> Vec<String> {
    let lists: [&[&str]; 3] = [
        &["ps", "--all", "--format", "{{.Names}}"],
        &["network", "ls", "--format", "{{.Name}}"],
        &["volume", "ls", "--format", "{{.Name}}"],
    ];
    let ask = |words: &&[&str]| {
        let output = podman(words).output(LIMIT).unwrap();
        assert!(output.status.success(), "podman: {}", output.last_lines(5).join("\n"));
        String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect::<Vec<_>>()
    };
    lists.iter().flat_map(ask).filter(|thing| thing.starts_with(name)).collect()
}

/// What is left; what is about to go gets a moment to.
pub(crate) fn left(name: &str) -> Vec<String> {
    let start = Instant::now();
    loop {
        let left = things(name);
        if left.is_empty() || start.elapsed() > GRACE {
            return left;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Removes what a story has left, and its images.
pub(crate) fn remove(name: &str) {
    let line = "podman ps -aq --filter name=\"$0\" | xargs -r podman rm -f -t 0
podman network ls --format '{{.Name}}' | grep \"^$0\" | xargs -r podman network rm -f
podman images --format '{{.Repository}}:{{.Tag}}' | grep \"/$0\" | xargs -r podman rmi -f";
    let _ = Program::new("/bin/sh").args(["-c", line, name]).envs(&variables()).output(LIMIT);
}
