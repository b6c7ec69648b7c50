//! A replica that could not be reached is tried again until it can.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use crate::balancing::replica::Replica;
use crate::balancing::state::{Action, Event};
use crate::shared::Shared;

const FIRST: Duration = Duration::from_millis(20);
const LONGEST: Duration = Duration::from_millis(500);

/// Takes a replica that refused a connection out of rotation, and begins to look for it.
pub(crate) fn unreachable(shared: &Arc<Shared>, replica: &Arc<Replica>) {
    match shared.rotation.on(replica, Event::ConnectFailed) {
        Action::Recheck { epoch } => {
            let shared = Arc::downgrade(shared);
            tokio::spawn(recheck(shared, Arc::clone(replica), epoch));
        }
        Action::Nothing | Action::Announce => (),
    }
}

/// Connects every now and then. Ends with success, or when somebody else decided about the replica.
async fn recheck(shared: Weak<Shared>, replica: Arc<Replica>, epoch: u64) {
    let mut pause = FIRST;
    loop {
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST);
        let Some(shared) = shared.upgrade() else { return };
        if !shared.rotation.is_lost(&replica, epoch) {
            return;
        }
        let answer = timeout(shared.limits.connect_timeout, TcpStream::connect(replica.addr)).await;
        if matches!(answer, Ok(Ok(_))) {
            // Waiting requests are told by the rotation.
            let _: Action = shared.rotation.on(&replica, Event::Reached { epoch });
            return;
        }
    }
}
