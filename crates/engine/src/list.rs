//! What environments there are, how they do, and what killed commands have left.

use std::collections::{BTreeMap, BTreeSet};

use backlot_project::Project;
use backlot_state::{EngineError, Home, Site, State, Summary};
use backlot_templates::Templates;

use crate::choose::engine_of;

/// What the names of scenarios begin with on disk.
pub(crate) const SCENARIO: &str = "scenario_";

/// The name under which templates are listed, of which killed commands have left some that are unfinished.
const SNAPSHOTS: &str = "snapshots";
const TEMPLATES: &str = "templates";

/// The scenarios of a project that are up or have left something, by name.
pub fn list(
    home: &Home,
    project: &Project,
    caller: &BTreeMap<String, String>,
) -> Result<Vec<Summary>, EngineError> {
    summaries(home, project, caller, |site| site.name().starts_with(SCENARIO))
}

/// All environments of a project that are up or have left something, by name, and what is left of unfinished templates and snapshots.
pub fn list_all(
    home: &Home,
    project: &Project,
    caller: &BTreeMap<String, String>,
) -> Result<Vec<Summary>, EngineError> {
    let mut all = summaries(home, project, caller, |_| true)?;
    if Templates::new(home.templates(), home.owner().clone()).has_left_overs() {
        all.push(left_over(TEMPLATES, TEMPLATES));
    }
    if Site::new(home, project, SNAPSHOTS).snapshots().has_left_overs() {
        all.push(left_over(SNAPSHOTS, SNAPSHOTS));
    }
    Ok(all)
}

fn summaries(
    home: &Home,
    project: &Project,
    caller: &BTreeMap<String, String>,
    wanted: impl Fn(&Site) -> bool,
) -> Result<Vec<Summary>, EngineError> {
    let mut found = Vec::new();
    let sites = Site::all(home, project)?;
    let is_there = |name: &str| sites.iter().any(|site| site.name() == name);
    // A further database of an environment is no environment, unless nothing else is left of that.
    let own = |site: &&Site| site.service().is_none() || !is_there(site.environment());
    for site in sites.iter().filter(own).filter(|site| wanted(site)) {
        let name = site.name().strip_prefix(SCENARIO).unwrap_or(site.name());
        if site.live().is_dir() {
            found.push(summary(site, name, caller)?);
        } else if site.has_leftovers() {
            let state = if site.is_busy()? { State::Busy } else { State::LeftOver };
            found.push(Summary { state, ..left_over(name, site.name()) });
        }
    }
    Ok(found)
}

pub(crate) fn left_over(name: &str, environment: &str) -> Summary {
    Summary {
        name: name.to_owned(),
        environment: environment.to_owned(),
        state: State::LeftOver,
        engine: None,
        port: None,
        database: None,
        size: None,
        age: None,
        services: Vec::new(),
        names: None,
        starting: BTreeSet::new(),
        orphans: Vec::new(),
    }
}

fn summary(site: &Site, name: &str, caller: &BTreeMap<String, String>) -> Result<Summary, EngineError> {
    let summary = match engine_of(site, caller) {
        Ok(engine) => engine.summary(site, name),
        // Without a client nobody can be asked.
        Err(_) => backlot_docker::summary(None, site, name),
    }?;
    let is_up = !summary.services.is_empty() || site.is_supervised()?;
    Ok(Summary { names: is_up.then(|| names_of(site)).flatten(), ..summary })
}

/// What is behind the names of services, at the front door that is open.
fn names_of(site: &Site) -> Option<String> {
    let (door, house) = (backlot_door::standing(site.home())?, backlot_door::house(site)?);
    Some(backlot_door::names::of_all(&house.name, door.port))
}
