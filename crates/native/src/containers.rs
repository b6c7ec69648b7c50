//! The removal of containers that are left of an environment.

use backlot_containers::{Client, remove_all};
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
