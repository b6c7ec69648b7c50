//! Data whose checkout is not where it was: it is kept until somebody takes it over or drops it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use backlot_state::{Checkouts, EngineError, Home, Known, Report, Site};
use backlot_templates::size_of;

use crate::choose::engine_of;
use crate::machine::{folders, is_orphan, root_of};

/// What a checkout has left that is not where it was.
#[derive(Debug, Clone)]
pub struct Orphan {
    /// By what it is named: the end of its folders' names.
    pub id: String,
    /// The project's name.
    pub project: String,
    /// Where the project's directory was, as far as it is known.
    pub root: Option<PathBuf>,
    /// The branch that was checked out there.
    pub branch: Option<String>,
    /// Its environments.
    pub environments: Vec<String>,
    /// All of it, in bytes.
    pub size: u64,
    /// The folders that it is in.
    folders: Vec<PathBuf>,
    known: Option<Known>,
}

/// All of them, by place.
pub fn orphans(home: &Home) -> Vec<Orphan> {
    let all = Checkouts::of(home).all();
    let mut found: BTreeMap<String, Orphan> = BTreeMap::new();
    for dir in folders(&home.projects()) {
        let name = dir.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let Some((project, hash)) = name.rsplit_once('-') else { continue };
        let known = all.iter().find(|known| known.hash == hash);
        let sites: Vec<Site> = folders(&dir).iter().map(|dir| Site::at(home, dir)).collect();
        let root = known.map(|known| known.root.clone()).or_else(|| sites.iter().find_map(root_of));
        if sites.is_empty() || !is_orphan(known, root.as_deref()) {
            continue;
        }
        let orphan = found.entry(hash.to_owned()).or_insert_with(|| Orphan {
            id: hash.to_owned(),
            project: known.map_or_else(|| project.to_owned(), |known| known.project(project)),
            root,
            branch: known.and_then(|known| known.branch.clone()),
            environments: Vec::new(),
            size: 0,
            folders: Vec::new(),
            known: known.cloned(),
        });
        orphan
            .environments
            .extend(sites.iter().filter(|site| site.service().is_none()).map(|site| site.name().to_owned()));
        orphan.environments.sort();
        orphan.size += size_of(&dir);
        orphan.folders.push(dir);
    }
    let mut all: Vec<Orphan> = found.into_values().collect();
    all.sort_by(|one, other| one.root.cmp(&other.root));
    all
}

/// Removes all that an orphan has: it is gone for good.
///
/// # Errors
/// When something of it cannot be removed.
pub fn drop_orphan(
    home: &Home,
    orphan: &Orphan,
    caller: &BTreeMap<String, String>,
    report: Report<'_>,
) -> Result<(), EngineError> {
    for dir in &orphan.folders {
        for dir in folders(dir) {
            let site = Site::at(home, &dir);
            if site.service().is_none() {
                engine_of(&site, caller)?.down(&site, true, report)?;
            }
        }
    }
    match &orphan.known {
        Some(known) => Checkouts::of(home).forget(known),
        None => Ok(()),
    }
}

impl Orphan {
    /// Where the checkout is now, if it was only moved and that can be told.
    pub fn is_at(&self) -> Option<PathBuf> {
        self.known.as_ref()?.is_at()
    }

    /// Says that it is the checkout's in `root` from now on.
    ///
    /// # Errors
    /// When that cannot be kept.
    pub fn adopt(&self, home: &Home, root: &std::path::Path, called: &str) -> Result<(), EngineError> {
        Checkouts::of(home).adopt(&self.id, self.known.as_ref(), root, called)
    }
}
