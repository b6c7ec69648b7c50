//! The front door, with all engines behind it.

use std::collections::BTreeMap;
use std::sync::Arc;

use backlot_door::DoorError;
use backlot_state::Home;

use crate::choose::engine_of;

/// What the process of the front door does, which was handed so many listeners: it serves until nothing is up any more.
///
/// # Errors
/// When it cannot begin.
pub fn keep_door(home: &Home, listeners: u16, caller: BTreeMap<String, String>) -> Result<(), DoorError> {
    backlot_door::run(home, listeners, Arc::new(move |site| engine_of(site, &caller)?.services(site)))
}
