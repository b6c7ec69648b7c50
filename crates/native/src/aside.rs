//! A server for a while, on a cluster that nobody else knows yet.

use std::fs;
use std::path::Path;
use std::time::Duration;

use backlot_postgres::{
    Access, ClusterSpec, Installation, StopMode, Syncing, Workshop, make_private, remove_tree, start_aside,
};
use backlot_snapshots::SnapshotError;
use backlot_state::{EngineError, Home};

use crate::copying::storage;

/// How long it may take to come to its end.
const STOPPING: Duration = Duration::from_mins(5);
/// The longest path of a directory in which Postgres can make its socket.
const SHORT: usize = 90;

/// Starts a server on the cluster in `data`, which only a socket leads to, has something done with it, and stops it in good
/// order.
///
/// # Errors
/// When it does not start or stop, and what `work` says.
pub(crate) fn with_server<T>(
    home: &Home,
    installation: &Installation,
    spec: &ClusterSpec,
    data: &Path,
    work: impl FnOnce(&Access) -> Result<T, EngineError>,
) -> Result<T, EngineError> {
    // They are near it where the path is short enough, so that they go with it whatever happens.
    let near = data.with_file_name("s");
    let sockets = if near.as_os_str().len() < SHORT { near } else { home.sockets(data) };
    home.make(sockets.parent().unwrap_or(home.root()))?;
    let workshop = Workshop {
        scratch: data.with_file_name("scratch"),
        socket_dir: sockets.clone(),
        log_file: data.with_file_name("log"),
        owner: home.owner().clone(),
    };
    make_private(&sockets, home.owner()).map_err(storage)?;
    let server = start_aside(installation, spec, data, &workshop, Syncing::Off)
        .map_err(|error| EngineError::of(SnapshotError::Unusable(error)));
    let done = server.and_then(|(cluster, access)| {
        let done = work(&access);
        let mode = if done.is_ok() { StopMode::Fast } else { StopMode::Immediate };
        cluster.stop(mode, STOPPING)?;
        done
    });
    let _ = remove_tree(&sockets);
    let _ = fs::remove_file(&workshop.log_file);
    done
}
