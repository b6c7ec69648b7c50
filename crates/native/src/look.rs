//! What is there of an environment.

use std::path::Path;

use backlot_plan::{Filling as Filled, Observed, Server, Storage};
use backlot_state::how_far::bytes_in;
use backlot_state::{EngineError, Filling, Home, HowFar, Record, Site};
use backlot_templates::{MAKING_PREFIX, has_ended_well, is_cluster};

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
    let data = site.data(&Storage::Throwaway);
    Ok(Observed {
        files: site.has_files(),
        // One without a record may be half made.
        cluster: is_cluster(&data)
            && (server != Server::Stopped || database.is_some() && has_ended_well(&data)),
        services: site.is_supervised()?,
        volume: !site.removable_volumes()?.is_empty(),
        server,
        filling,
        migrated: false,
    })
}

/// How much there is of a cluster that is being made at `data`, or of the template for it.
pub(super) fn bytes_made(home: &Home, data: &Path) -> HowFar {
    let (folder, name) = (data.parent().unwrap_or(data).to_owned(), data.file_name().unwrap_or_default());
    let template = (home.templates(), MAKING_PREFIX.to_owned());
    bytes_in(vec![(folder, name.to_string_lossy().into_owned()), template])
}
