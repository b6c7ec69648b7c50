//! Spares: throw-away clusters that are cloned ahead of need, so that the next `up` only has to rename one.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use backlot_process::{Group, SpawnOptions};
use backlot_state::{Home, STOCK_VERB, Site, ourselves};
use backlot_templates::{TemplateError, Templates};

/// Spares of each template: one is enough for one person, and more would only take space.
const SPARES: usize = 1;
/// Bytes that are left for better use than spares, of which each takes 30 MiB.
const SPACE_TO_SPARE: u64 = 1 << 30;

/// What of the free space all templates may take, with their spares.
const SHARE: u64 = 5;

/// The templates that environments which are there can go back to.
pub fn needed(home: &Home) -> BTreeSet<String> {
    let folders = |dir: PathBuf| fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path());
    let sites = folders(home.projects()).flat_map(folders);
    sites.filter_map(|dir| Site::at(home, &dir).record().ok()??.snapshot).collect()
}

/// Has spares of a template made by a process of its own, so that nobody waits for it. Returns its number.
pub(crate) fn refill(home: &Home, template: &str) -> Option<i32> {
    // Without a spare the next `up` takes some milliseconds more; that is no reason to fail this one.
    let spawned = ourselves().and_then(|program| {
        let program = program.arg(STOCK_VERB).arg(home.root()).arg(template);
        let options =
            SpawnOptions { group: Group::NewSession, dies_with_parent: None, ..SpawnOptions::default() };
        program.spawn(options)
    });
    spawned.ok().map(|child| child.id().pid)
}

/// What the process does that makes spares.
///
/// # Errors
/// When a spare cannot be made; nobody is there to be told.
pub fn fill_up(home: &Home, template: &str) -> Result<(), TemplateError> {
    let name = Path::new(template).file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let templates = Templates::new(home.templates(), home.owner().clone());
    templates.settle(name)?;
    // What is kept for the next time is to be a part of what is free.
    let room = room(home);
    let taken = templates.prune_to(room, &needed(home))?;
    let left = home.free_space().map_or(u64::MAX, |free| free.saturating_sub(SPACE_TO_SPARE));
    templates.keep_spares_of(name, SPARES, room.checked_sub(taken).map(|room| room.min(left))).map(drop)
}

/// What all templates and spares may take, in bytes.
pub fn room(home: &Home) -> u64 {
    home.free_space().map_or(u64::MAX, |free| (free / SHARE).max(SPACE_TO_SPARE))
}
