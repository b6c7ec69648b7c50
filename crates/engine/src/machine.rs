//! All environments of this machine, told from what is on disk: no row costs a process or a connection, but one that runs
//! services, whose supervisor is asked.

use std::cell::{Cell, OnceCell};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use backlot_docker::Client;
use backlot_state::volume::Maker;
use backlot_state::{
    Checkout, Checkouts, EngineError, EngineKind, Home, Known, Record, Site, State, Summary,
};

use crate::list::{SCENARIO, left_over};

/// How long it may take to find out the sizes of databases; those that would take longer are left out.
const SIZES: Duration = Duration::from_millis(20);
/// The first number that a database of a user's has, and that of the one called postgres.
const FIRST_USER_DATABASE: u32 = 16_384;
const POSTGRES_DATABASE: u32 = 5;

/// An environment of this machine.
#[derive(Debug)]
pub struct Row {
    /// The project's name.
    pub project: String,
    /// The project's directory, as far as it is known.
    pub root: Option<PathBuf>,
    /// The branch that is checked out there.
    pub branch: Option<String>,
    /// How it does.
    pub summary: Summary,
}

/// All environments of this machine that are up or have something kept, by project, place and name.
///
/// # Errors
/// When the home cannot be read.
pub fn list_machine(home: &Home, caller: &BTreeMap<String, String>) -> Result<Vec<Row>, EngineError> {
    let known = Checkouts::of(home).all();
    let mut rows = Vec::new();
    let (docker, spent) = (Docker { caller, running: OnceCell::new() }, Cell::new(Duration::ZERO));
    for dir in folders(&home.projects()) {
        let name = dir.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let Some((project, hash)) = name.rsplit_once('-') else { continue };
        let known = known.iter().find(|known| known.hash == hash);
        let sites: Vec<Site> = folders(&dir).iter().map(|dir| Site::at(home, dir)).collect();
        let names: BTreeSet<&str> = sites.iter().map(Site::name).collect();
        let is_own = |site: &&Site| site.service().is_none() || !names.contains(site.environment());
        let root = known.map(|known| known.root.clone()).or_else(|| sites.iter().find_map(root_of));
        let is_gone = is_orphan(known, root.as_deref());
        let branch = root.as_deref().filter(|_| !is_gone).and_then(|root| Checkout::of(root).branch());
        let branch = branch.or_else(|| known?.branch.clone());
        for site in sites.iter().filter(is_own) {
            let Some(summary) = summary(site, is_gone, &docker, &spent)? else { continue };
            let project = known.map_or_else(|| project.to_owned(), |known| known.project(project));
            let (root, branch) = (root.clone(), branch.clone());
            rows.push(Row { project, root, branch, summary });
        }
    }
    rows.sort_by(|one, other| {
        let key = |row: &Row| (row.project.clone(), row.root.clone(), row.summary.environment.clone());
        key(one).cmp(&key(other))
    });
    Ok(rows)
}

/// Whether a checkout is not where it was: its directory is gone, or another one has its place.
pub(crate) fn is_orphan(known: Option<&Known>, root: Option<&Path>) -> bool {
    match known {
        Some(known) => known.has_left(),
        None => root.is_some_and(|root| !root.is_dir()),
    }
}

/// The project's directory, as an environment or its volume tells of it.
pub(crate) fn root_of(site: &Site) -> Option<PathBuf> {
    let record = || Record::read(&site.record_path()).ok().flatten().map(|record| record.project);
    let maker = |volume: &PathBuf| -> Option<Maker> {
        let known: Option<backlot_state::volume::VolumeRecord> =
            backlot_state::read_state(&volume.join("volume.json")).ok().flatten();
        known?.maker
    };
    record().or_else(|| folders(&site.volumes()).iter().find_map(maker).map(|maker| maker.project))
}

fn summary(
    place: &Site,
    is_gone: bool,
    docker: &Docker<'_>,
    spent: &Cell<Duration>,
) -> Result<Option<Summary>, EngineError> {
    let name = place.name().strip_prefix(SCENARIO).unwrap_or(place.name());
    if place.live().is_dir() {
        let record = place.record().ok().flatten();
        let seen = match record.as_ref().map(|record| record.engine) {
            Some(EngineKind::Docker) => backlot_docker::glance(place, name, &|project| docker.has(project))?,
            Some(EngineKind::Native) | None => backlot_native::glance(place, name)?,
        };
        let data = record.and_then(|record| record.database).map(|database| database.data_dir);
        let size = data.and_then(|dir| size(&dir, spent));
        // Also one that runs: nobody can go there to stop it.
        let is_orphan = is_gone && matches!(seen.state, State::Stopped | State::Running);
        let state = if is_orphan { State::Orphan } else { seen.state };
        return Ok(Some(Summary { size: seen.size.or(size), state, ..seen }));
    }
    if place.volumes().is_dir() {
        let state = if place.is_busy()? {
            State::Busy
        } else if is_gone {
            State::Orphan
        } else {
            State::Down
        };
        let clusters = folders(&place.volumes()).into_iter().map(|volume| volume.join("data"));
        let size = clusters.filter_map(|dir| size(&dir, spent)).reduce(|one, other| one + other);
        return Ok(Some(Summary { state, size, ..left_over(name, place.name()) }));
    }
    if !place.has_leftovers() {
        return Ok(None);
    }
    let state = if place.is_busy()? { State::Busy } else { State::LeftOver };
    Ok(Some(Summary { state, ..left_over(name, place.name()) }))
}

/// What Docker runs, asked for once, and only if something is there that it may run.
struct Docker<'a> {
    caller: &'a BTreeMap<String, String>,
    running: OnceCell<Option<BTreeSet<String>>>,
}

impl Docker<'_> {
    fn has(&self, project: &str) -> Option<bool> {
        let ask = || Client::locate(self.caller).and_then(|client| client.running_projects()).ok();
        let running = self.running.get_or_init(ask).as_ref()?;
        Some(running.contains(project))
    }
}

/// The size of the databases in a cluster that are a user's, in bytes, as their files are; none if there is no time for that.
fn size(data: &Path, spent: &Cell<Duration>) -> Option<u64> {
    if spent.get() > SIZES {
        return None;
    }
    let begun = Instant::now();
    let numbered = |dir: &PathBuf| dir.file_name()?.to_str()?.parse::<u32>().ok();
    let all: Vec<PathBuf> = folders(&data.join("base"));
    let own = |dir: &&PathBuf| numbered(dir).is_some_and(|number| number >= FIRST_USER_DATABASE);
    let mut wanted: Vec<&PathBuf> = all.iter().filter(own).collect();
    if wanted.is_empty() {
        wanted = all.iter().filter(|dir| numbered(dir) == Some(POSTGRES_DATABASE)).collect();
    }
    let files = wanted.iter().flat_map(|dir| fs::read_dir(dir).into_iter().flatten().flatten());
    let sizes = files.filter_map(|file| Some(file.metadata().ok()?.len()));
    let size = (!wanted.is_empty()).then(|| sizes.sum());
    spent.set(spent.get() + begun.elapsed());
    size
}

pub(crate) fn folders(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let folders = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    folders.map(|entry| entry.path()).collect()
}
