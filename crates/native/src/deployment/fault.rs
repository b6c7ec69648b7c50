//! A service that should be a database, and cannot.

use std::sync::Arc;

use backlot_facts::database::DatabaseError;

/// A service that should be a database, and cannot.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) service: String,
    pub(super) is_own: bool,
    pub(super) error: Arc<DatabaseError>,
}
