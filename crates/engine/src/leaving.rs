//! What becomes of an environment whose worktree goes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use backlot_state::checkout::{Left, until_left};
use backlot_state::{Checkouts, EngineError, EngineKind, Home, Site};

use crate::choose::engine_of;

/// How long nothing may run before it counts as over: what is started anew does not run for a moment.
const PAUSE: Duration = Duration::from_secs(2);

/// Waits until the checkout in `root` goes, and stops the environment at `site` then. What is thrown away goes with a checkout that
/// was removed; of one that was moved it stays, and is found there.
///
/// # Errors
/// When it cannot be stopped; nobody is there to be told.
pub fn look_after(
    home: &Home,
    site: &Path,
    root: &Path,
    caller: &BTreeMap<String, String>,
) -> Result<(), EngineError> {
    let site = Site::at(home, site);
    let seen = std::cell::Cell::new(Instant::now());
    let is_over = || {
        let is_native = site.record().ok().flatten().is_none_or(|record| record.engine == EngineKind::Native);
        let runs = !is_native
            || [site.is_supervised(), site.is_running(), site.is_busy()]
                .into_iter()
                .any(|runs| runs.unwrap_or(true));
        if runs {
            seen.set(Instant::now());
        }
        seen.get().elapsed() > PAUSE
    };
    let mut root = root.to_owned();
    let left = loop {
        let Some(left) = until_left(&site, &root, &is_over)? else { return Ok(()) };
        // Somebody may have brought it up where it is now: that is to go on.
        match root_now(home, &site).filter(|now| *now != root && now.is_dir()) {
            Some(now) => root = now,
            None => break left,
        }
    };
    let engine = engine_of(&site, caller)?;
    match left {
        Left::Removed => engine.down(&site, false, &mut |_| {}).map(drop),
        Left::Moved => engine.stop(&site, &mut |_| {}).map(drop),
    }
}

/// Where the checkout is that an environment belongs to, as far as anybody has seen it.
fn root_now(home: &Home, site: &Site) -> Option<PathBuf> {
    let project = site.environment_dir().parent()?.file_name()?.to_string_lossy().into_owned();
    let (_, hash) = project.rsplit_once('-')?;
    Checkouts::of(home).all().into_iter().find(|known| known.hash == hash).map(|known| known.root)
}
