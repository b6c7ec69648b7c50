//! What has to hold after a round.

use std::collections::BTreeSet;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::Fault;
use crate::kills::{Memory, Process, processes};
use crate::plan::Victim;
use crate::world::{LIMIT, World};

/// The name under which `ls` lists templates and spares that are being made, or were by somebody who was killed.
const TEMPLATES: &str = "templates";
/// The same for snapshots.
const SNAPSHOTS: &str = "snapshots";
/// What the folders of the two checkouts are called.
const PROJECT: &str = "project";
const WORKTREE: &str = "feature";
/// After so long nothing is left that nobody is told of.
const PATIENCE: Duration = Duration::from_secs(3);
/// How long a spare may take to be made.
const COPYING: Duration = Duration::from_secs(30);
/// How much of a log is shown.
const LOG_LINES: usize = 30;
const STEP: Duration = Duration::from_millis(100);
/// How long the recovery of the database's few rows may take.
const RECOVERY: Duration = Duration::from_secs(10);

/// Asks again until there is nothing to complain about, or for [`PATIENCE`]; as long as somebody makes a spare, or is at an
/// environment, that is waited for.
fn settled(world: &World, mut complaints: impl FnMut() -> Result<Vec<String>, Fault>) -> Result<(), Fault> {
    let mut start = Instant::now();
    let begun = start;
    loop {
        let left = complaints()?;
        if left.is_empty() {
            return Ok(());
        }
        // On a busy machine it takes its time.
        let makes_spare =
            || processes(&world.dir).iter().any(|process| process.role() == Some(Victim::SpareMaker));
        if begun.elapsed() < COPYING && (makes_spare() || somebody_is_at_it(world)?) {
            start = Instant::now();
        }
        if start.elapsed() > PATIENCE {
            return Err(Fault::new(left.join("\n    ")));
        }
        thread::sleep(STEP);
    }
}

/// What is in a list.
fn rows(list: &Value) -> Vec<Value> {
    list.as_array().cloned().unwrap_or_default()
}

/// Whether a command is making or removing an environment right now, as what is left of a killed one does.
fn somebody_is_at_it(world: &World) -> Result<bool, Fault> {
    let all = [world.json("ls")?, world.json("ls --all")?];
    Ok(all.iter().flat_map(rows).any(|row| row["state"] == "busy"))
}

/// What `ls` and `ps` show of a world.
struct Shown {
    /// The names of environments on disk, each with that of its checkout's directory.
    names: BTreeSet<(String, String)>,
    /// The processes of services.
    pids: BTreeSet<i32>,
}

impl Shown {
    fn of(world: &World) -> Result<Self, Fault> {
        let worktree = world.worktree();
        let own = rows(&world.json("ls")?).into_iter().map(|row| (PROJECT, row));
        let others = rows(&world.json("ls --all")?).into_iter();
        let others =
            others.filter(|row| row["root"].as_str().is_some_and(|root| Path::new(root) == worktree));
        let (mut names, mut orphans) = (BTreeSet::new(), Vec::new());
        for (checkout, row) in own.chain(others.map(|row| (WORKTREE, row))) {
            names.extend(row["environment"].as_str().map(|name| (checkout.to_owned(), name.to_owned())));
            orphans.extend(rows(&row["orphans"]).iter().filter_map(Value::as_i64));
        }
        let services = world.json("ps")?;
        let replicas = services.as_array().into_iter().flatten();
        let replicas = replicas.flat_map(|service| service["replicas"].as_array().into_iter().flatten());
        let pids = replicas.filter_map(|replica| replica["pid"].as_i64());
        let pids = pids.chain(orphans).filter_map(|pid| i32::try_from(pid).ok()).collect();
        Ok(Self { names, pids })
    }

    fn has(&self, checkout: &str, name: &str) -> bool {
        self.names.contains(&(checkout.to_owned(), name.to_owned()))
    }

    /// Whether the process belongs to what is shown, itself or by what has started it.
    fn accounts_for(&self, process: &Process, all: &[Process], projects: &Path) -> bool {
        if process.role() == Some(Victim::SpareMaker) {
            return self.has(PROJECT, TEMPLATES);
        }
        // It ends with the last of them.
        if process.role() == Some(Victim::Door) {
            return !self.names.is_empty();
        }
        let mut next = Some(process);
        while let Some(process) = next {
            if self.pids.contains(&process.id.pid) {
                return true;
            }
            let words = process.words.iter().map(Path::new);
            let mut named =
                words.chain([process.works_in.as_path()]).filter_map(|path| name_in(path, projects));
            if named.any(|(checkout, name)| self.has(&checkout, &name)) {
                return true;
            }
            next = all.iter().find(|other| other.id.pid == process.parent);
        }
        false
    }
}

/// The checkout and the environment in whose directory a path is: `projects/<checkout>-<hash>/<environment>/…`.
fn name_in(path: &Path, projects: &Path) -> Option<(String, String)> {
    let inside = path.strip_prefix(projects).ok()?;
    let mut names = inside.components().map(|name| name.as_os_str().to_string_lossy().into_owned());
    let (checkout, environment) = (names.next()?, names.next()?);
    Some((checkout.rsplit_once('-')?.0.to_owned(), environment))
}

/// Nothing is left that `ls` and `ps` do not show.
pub(crate) fn all_is_shown(world: &World) -> Result<(), Fault> {
    let projects = world.home().join("projects");
    settled(world, || {
        let shown = Shown::of(world)?;
        let all = processes(&world.dir);
        let unknown = all.iter().filter(|process| !shown.accounts_for(process, &all, &projects));
        let mut left: Vec<String> = unknown.map(|process| format!("not shown: {}", process.line())).collect();
        for path in left_overs(&world.home()) {
            let is_snapshot = path.starts_with(world.home().join("snapshots"));
            let other = if is_snapshot { SNAPSHOTS } else { TEMPLATES };
            let name = name_in(&path, &projects).unwrap_or_else(|| (PROJECT.into(), other.into()));
            if !shown.names.contains(&name) {
                left.push(format!("not shown: {}", path.display()));
            }
        }
        if !shown.has(PROJECT, "development") {
            left.extend(listening(world));
        }
        Ok(left)
    })
}

/// The next command works, and no row is lost whose INSERT was acknowledged.
pub(crate) fn goes_on(world: &World, acknowledged: &BTreeSet<u64>) -> Result<(), Fault> {
    world.must("up -d --wait")?;
    // A server one of whose processes was killed a moment ago recovers first, and says so.
    let start = Instant::now();
    let there = loop {
        match world.sql("SELECT n FROM rows") {
            Some(rows) => break rows,
            None if start.elapsed() < RECOVERY => thread::sleep(STEP),
            None => return Err(Fault::new("the database does not answer")),
        }
    };
    let there: BTreeSet<u64> = there.lines().filter_map(|line| line.parse().ok()).collect();
    let lost: Vec<_> = acknowledged.difference(&there).collect();
    if lost.is_empty() { Ok(()) } else { Err(Fault::new(format!("rows are lost: {lost:?}"))) }
}

/// `down` leaves nothing but volumes.
pub(crate) fn ends(world: &World, memory: &Memory) -> Result<(), Fault> {
    memory.note(&world.dir);
    world.must("scenario down --all")?;
    world.must("down")?;
    // What of the worktree is up stops, and its data goes.
    let _ = world.git("worktree remove --force ../feature".split(' ')).output_with(b"", LIMIT);
    world.must("prune --all --yes")?;
    let kept = world.json("snapshot ls")?;
    for snapshot in kept.as_array().into_iter().flatten().filter_map(|one| one["name"].as_str()) {
        world.must(&format!("snapshot rm --yes {snapshot}"))?;
    }
    settled(world, || {
        let list = world.json("ls")?;
        let mut left: Vec<String> = Vec::new();
        if list.as_array().is_none_or(|list| !list.is_empty()) {
            left.push(format!("'ls' still shows {list}"));
        }
        left.extend(processes(&world.dir).iter().map(|process| format!("process {}", process.line())));
        left.extend(left_overs(&world.home()).iter().map(|path| path.display().to_string()));
        left.extend(environments(&world.home()));
        left.extend(
            entries(&world.home().join("run")).iter().map(|path| format!("socket {}", path.display())),
        );
        left.extend(listening(world));
        left.extend(memory.left().into_iter().map(|segment| format!("shared memory {segment}")));
        Ok(left)
    })
}

/// Whoever listens at the ports that the project publishes.
fn listening(world: &World) -> Vec<String> {
    let ports = [world.database_port, world.web_port];
    let answers = |port: &u16| {
        TcpStream::connect_timeout(&SocketAddr::from((Ipv4Addr::LOCALHOST, *port)), PATIENCE).is_ok()
    };
    ports.into_iter().filter(answers).map(|port| format!("somebody listens at {port}")).collect()
}

/// What commands that were killed can leave under other names than their own.
fn left_overs(home: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![home.to_owned()];
    while let Some(folder) = folders.pop() {
        for path in entries(&folder) {
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            let is_left = ["removed", "dropped"].contains(&name.as_str())
                || name.starts_with("making-")
                || name.contains(".partial-");
            if is_left {
                found.push(path);
            } else if path.is_dir() && name != "data" {
                folders.push(path);
            }
        }
    }
    found
}

/// What is there of environments beside volumes.
fn environments(home: &Path) -> Vec<String> {
    let sites = entries(&home.join("projects")).into_iter().flat_map(|project| entries(&project));
    let has_more = |site: &PathBuf| {
        let entries = entries(site);
        let mut names = entries.iter().filter_map(|path| path.file_name());
        names.any(|name| name != "volumes" && name != "busy.lock") || !site.join("volumes").exists()
    };
    sites.filter(has_more).map(|site| format!("directory {}", site.display())).collect()
}

fn entries(dir: &Path) -> Vec<PathBuf> {
    fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}

/// Ends all of a world's processes, so that one round does not disturb the next.
pub(crate) fn end_all(world: &World) {
    for _ in 0..5 {
        for process in processes(&world.dir) {
            let is_server = process.role() == Some(Victim::Postmaster);
            let signal =
                if is_server { backlot_process::Signal::SIGQUIT } else { backlot_process::Signal::SIGKILL };
            let _ = process.id.signal(backlot_process::Signal::SIGCONT);
            let _ = process.id.signal(signal);
        }
        thread::sleep(STEP);
    }
    for process in processes(&world.dir) {
        let _ = process.id.signal(backlot_process::Signal::SIGKILL);
    }
}

/// Only to be read by people.
pub(crate) fn shown(world: &World) -> String {
    let show = |line: &str| world.json(line).unwrap_or(Value::Null).to_string();
    let logs: String = logs(&world.home().join("projects")).iter().map(|log| last_lines(log)).collect();
    format!("ls: {}\n    ps: {}{logs}", show("ls"), show("ps"))
}

/// The logs of all environments.
fn logs(dir: &Path) -> Vec<PathBuf> {
    let sites = entries(dir).into_iter().flat_map(|project| entries(&project));
    let files = sites.flat_map(|site| entries(&site.join("live")));
    files.filter(|path| path.extension().is_some_and(|extension| extension == "log")).collect()
}

fn last_lines(log: &Path) -> String {
    let text = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    let last = &lines[lines.len().saturating_sub(LOG_LINES)..];
    format!("\n    {}:\n      {}", log.display(), last.join("\n      "))
}
