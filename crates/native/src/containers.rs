//! The removal of containers that are left of an environment.

use std::collections::BTreeMap;

use backlot_containers::{Client, remove_all, remove_image};
use backlot_project::Environment;
use backlot_state::{EngineError, Event, Report, Site, Taken};

/// By what everything of an environment is known to an engine.
pub(crate) fn identity(site: &Site) -> String {
    site.dir().display().to_string()
}

/// Removes the containers that are left of an environment, and with `networks` its networks, too. That there are some stays known
/// until none is left.
///
/// # Errors
/// When the engine cannot be asked, or does not do it.
pub(crate) fn clear(taken: &Taken, networks: bool) -> Result<(), EngineError> {
    let site = taken.site();
    let Some(client) = site.containers::<Client>()? else { return Ok(()) };
    remove_all(&client, &identity(site), networks)?;
    if networks { taken.forget_containers() } else { Ok(()) }
}

/// The same, and says what it could not remove.
pub(crate) fn clear_or_tell(taken: &Taken, networks: bool, report: Report<'_>) {
    if let Err(error) = clear(taken, networks) {
        let client = taken.site().containers::<Client>().ok().flatten();
        let by = client.map_or_else(|| "the engine".to_owned(), |client| client.kind.to_string());
        report(Event::Warning(format!(
            "containers of {} may be left, and go with the next `down` when {by} answers: {error}",
            taken.site().name()
        )));
    }
}

/// The images that are built for the services of `environment`, as Compose names them; `all` of its services', where that is wanted.
pub fn images_of(environment: &Environment, all: bool) -> Vec<String> {
    let stack = &environment.stack;
    let said = |name: &str| stack.resolved()["services"][name]["image"].as_str().map(str::to_owned);
    let names = stack.services.values().filter_map(|service| match (said(&service.name), &service.build) {
        (None, Some(_)) => Some(format!("{}-{}", stack.name, service.name)),
        (image, _) => image.filter(|_| all),
    });
    names.collect()
}

/// Removes those of these images that are here. Returns their names.
///
/// # Errors
/// When no engine answers, or one cannot be removed.
pub fn remove_images(
    names: Vec<String>,
    caller: &BTreeMap<String, String>,
) -> Result<Vec<String>, EngineError> {
    if names.is_empty() {
        return Ok(names);
    }
    let client = Client::find(caller)?;
    let mut removed = Vec::new();
    for name in names {
        if remove_image(&client, &name)? {
            removed.push(name);
        }
    }
    Ok(removed)
}
