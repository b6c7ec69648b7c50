//! What is there of an environment.

use backlot_plan::{Filling as Filled, Observed, Server, Storage};
use backlot_state::{EngineError, Filling, Record, Site};
use backlot_templates::is_cluster;

/// Looks at the environment at `site`, whatever its files say of it now.
pub(super) fn look(site: &Site, record: Option<&Record>) -> Result<Observed, EngineError> {
    let filling = record.map_or(Filled::NotYet, |record| match record.filling {
        Filling::None => Filled::NotYet,
        Filling::Begun => Filled::Begun,
        Filling::Done => Filled::Done,
        Filling::Failed { .. } => Filled::Failed,
    });
    // The lock alone may be held by the children of a postmaster that was killed.
    let database = record.and_then(|record| record.database.as_ref());
    let recorded = database.is_some_and(|database| database.process.is_alive());
    let server = match site.is_running()? {
        false => Server::Stopped,
        true if recorded => Server::Running,
        true => Server::Unrecorded,
    };
    Ok(Observed {
        files: site.has_files(),
        cluster: is_cluster(&site.data(&Storage::Throwaway)),
        services: site.is_supervised()?,
        volume: !site.removable_volumes()?.is_empty(),
        server,
        filling,
        migrated: false,
    })
}
