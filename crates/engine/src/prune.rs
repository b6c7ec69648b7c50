//! What is kept on this machine for the next time, what it takes, and what of it can go.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::{Duration, SystemTime};

use backlot_dependencies::kept;
use backlot_native::{needed_templates, tidy};
use backlot_snapshots::{BEFORE_RESTORE, Store};
use backlot_state::{Checkouts, EngineError, Home, Site, now};
use backlot_templates::{Templates, size_of};

use crate::machine::folders;
use crate::orphans::{Orphan, drop_orphan, orphans};

/// What nobody has used for so long is not needed.
const IDLE: Duration = Duration::from_secs(7 * DAY);
const DAY: u64 = 24 * 60 * 60;
/// What removes snapshots but those that a restore has made of what was there.
const SNAPSHOT_WAY: &str = "backlot snapshot rm";

/// What kind of thing is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// What commands have left that were killed.
    LeftOver,
    /// A cluster that others are cloned from, with its spares.
    Template,
    /// Packages of Python, Node or Ruby.
    Packages,
    /// A snapshot.
    Snapshot,
    /// What a checkout has left that is not where it was.
    Orphan,
}

impl Kind {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::LeftOver => "left over",
            Self::Template => "template",
            Self::Packages => "packages",
            Self::Snapshot => "snapshot",
            Self::Orphan => "orphan",
        }
    }
}

/// Something that is kept.
#[derive(Debug, Clone)]
pub struct Item {
    /// What it is.
    pub kind: Kind,
    /// Its name; of a snapshot with its project's.
    pub name: String,
    /// What it takes.
    pub bytes: u64,
    /// For how long nobody has used it, in seconds, or how old it is.
    pub idle: Option<u64>,
    /// Why it stays, if it does.
    pub stays: Option<String>,
    /// Whether it cannot be made again.
    pub is_data: bool,
    place: PathBuf,
    orphan: Option<Orphan>,
}

/// All that is kept, the largest of each kind first. With `all`, what nobody uses right now is not needed. `here` is the project at
/// hand, which may have been moved.
///
/// # Errors
/// When it cannot be read.
pub fn survey(home: &Home, all: bool, here: Option<&Path>) -> Result<Vec<Item>, EngineError> {
    let idle_limit = if all { Duration::ZERO } else { IDLE };
    let mut items = left_overs(home);
    let templates = Templates::new(home.templates(), home.owner().clone());
    let needed = needed_templates(home);
    for known in templates.known()? {
        let idle = idle(known.used);
        let stays = match () {
            () if needed.contains(&known.key) => Some("an environment can be reset to it".to_owned()),
            () => recently(idle, idle_limit),
        };
        let place = home.templates().join(&known.key);
        let name = known.key.chars().take(12).collect();
        items.push(item(Kind::Template, name, known.bytes, Some(idle), stays, place));
    }
    for kept in kept(&home.dependencies()).map_err(EngineError::of)? {
        let idle = idle(kept.used);
        let name =
            kept.folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let bytes = size_of(&kept.folder);
        let stays = recently(idle, idle_limit);
        items.push(item(Kind::Packages, name, bytes, Some(idle), stays, kept.folder));
    }
    for project in folders(&home.snapshots()) {
        let owner = project.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let owner = owner.rsplit_once('-').map_or(owner.as_str(), |(name, _hash)| name).to_owned();
        for saved in Store::at(&project, home.owner().clone()).all()? {
            let stays =
                (!saved.name.starts_with(BEFORE_RESTORE)).then(|| format!("{SNAPSHOT_WAY} removes it"));
            let age = now().saturating_sub(saved.snapshot.made);
            let name = format!("{owner}/{}", saved.name);
            let place = project.join(&saved.name);
            let one = item(Kind::Snapshot, name, saved.snapshot.bytes, Some(age), stays, place);
            items.push(Item { is_data: true, ..one });
        }
    }
    let here = here.and_then(|root| Checkouts::of(home).at(root));
    let is_here = |orphan: &Orphan| here.as_ref().is_some_and(|here| here.hash == orphan.id);
    let orphans = orphans(home).into_iter().filter(|orphan| !is_here(orphan));
    items.extend(orphans.map(|orphan| left_behind(orphan, all)));
    items.sort_by(|a, b| a.kind.cmp(&b.kind).then(b.bytes.cmp(&a.bytes)).then(a.name.cmp(&b.name)));
    Ok(items)
}

fn item(
    kind: Kind,
    name: String,
    bytes: u64,
    idle: Option<u64>,
    stays: Option<String>,
    place: PathBuf,
) -> Item {
    Item { kind, name, bytes, idle, stays, is_data: false, place, orphan: None }
}

/// The data of a checkout that is gone. Of one whose folder is gone as well the disk may not be mounted.
fn left_behind(orphan: Orphan, all: bool) -> Item {
    let is_near = orphan.root.as_deref().and_then(Path::parent).is_some_and(Path::is_dir);
    let stays = match orphan.is_at() {
        Some(now) => Some(format!("it is {} now", now.display())),
        None if is_near || all => None,
        None => Some("the folder above it is not there, either; backlot adopt, or prune --all".to_owned()),
    };
    let root = orphan.root.clone().unwrap_or_default();
    let name = format!("{} ({})", root.display(), orphan.environments.join(", "));
    let one = item(Kind::Orphan, name, orphan.size, None, stays, root);
    Item { is_data: true, orphan: Some(orphan), ..one }
}

/// Places that killed commands have left something in.
fn left_overs(home: &Home) -> Vec<Item> {
    let sites = folders(&home.projects()).into_iter().flat_map(|project| folders(&project));
    let sites = sites.map(|dir| Site::at(home, &dir)).filter(Site::has_leftovers);
    let mut items: Vec<Item> = sites
        .map(|site| {
            let is_busy = site.is_busy().unwrap_or(true) || site.is_running().unwrap_or(true);
            let stays = is_busy.then(|| "somebody is at it".to_owned());
            let project = site.dir().parent().and_then(Path::file_name);
            let project = project.map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            let name = format!("{project}/{}", site.name());
            item(Kind::LeftOver, name, 0, None, stays, site.dir().to_owned())
        })
        .collect();
    if Templates::new(home.templates(), home.owner().clone()).has_left_overs() {
        items.push(item(Kind::LeftOver, "templates".into(), 0, None, None, home.templates()));
    }
    for project in folders(&home.snapshots()) {
        if Store::at(&project, home.owner().clone()).has_left_overs() {
            items.push(item(Kind::LeftOver, "snapshots".into(), 0, None, None, project));
        }
    }
    items
}

/// Removes things that were found by [`survey`]; each is told with whether it is gone.
///
/// # Errors
/// When one cannot be removed.
pub fn remove(
    (home, caller): (&Home, &BTreeMap<String, String>),
    items: &[Item],
    interrupted: &AtomicBool,
    tell: &mut dyn FnMut(&Item, bool),
) -> Result<(), EngineError> {
    for item in items {
        let is_gone = match item.kind {
            Kind::LeftOver if item.place.starts_with(home.projects()) => {
                let site = Site::at(home, &item.place);
                tidy(&site)?;
                !site.has_leftovers()
            }
            Kind::LeftOver if item.place == home.templates() => {
                Templates::new(home.templates(), home.owner().clone()).remove_unfinished()?;
                true
            }
            Kind::LeftOver => {
                Store::at(&item.place, home.owner().clone()).tidy()?;
                true
            }
            Kind::Template => {
                let key = item.place.file_name().map(|name| name.to_string_lossy().into_owned());
                Templates::new(home.templates(), home.owner().clone()).remove(&key.unwrap_or_default())?
            }
            Kind::Packages => {
                let all = kept(&home.dependencies()).map_err(EngineError::of)?;
                let kept = all.into_iter().find(|kept| kept.folder == item.place);
                kept.map_or(Ok(true), |kept| kept.remove(interrupted)).map_err(EngineError::of)?
            }
            Kind::Orphan => {
                if let Some(orphan) = &item.orphan {
                    drop_orphan(home, orphan, caller, &mut |_| {})?;
                }
                true
            }
            Kind::Snapshot => {
                let (project, name) = (item.place.parent(), item.place.file_name());
                let (Some(project), Some(name)) = (project, name) else { continue };
                Store::at(project, home.owner().clone()).remove(&name.to_string_lossy())?;
                true
            }
        };
        tell(item, is_gone);
    }
    Ok(())
}

/// In seconds.
fn idle(used: SystemTime) -> u64 {
    used.elapsed().unwrap_or_default().as_secs()
}

fn recently(idle: u64, limit: Duration) -> Option<String> {
    (idle < limit.as_secs()).then(|| format!("used in the last {} days", limit.as_secs() / DAY))
}
