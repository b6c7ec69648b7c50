//! What is there.

use crate::desired::{Desired, Storage};

/// An environment as it was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is about another thing, and all combinations are there"
)]
pub struct Observed {
    /// Files of the environment exist (a record, logs, a throw-away cluster), whatever their state.
    pub files: bool,
    /// A whole throw-away cluster is among them, which a server can be started on with nothing lost.
    pub cluster: bool,
    /// A whole cluster is in the volume that the environment asks for.
    pub volume: bool,
    /// Whether a supervisor runs the stack's other services.
    pub services: bool,
    /// Whether a server runs.
    pub server: Server,
    /// How far the filling came.
    pub filling: Filling,
    /// Whether its schema is what the code expects, as far as migrations that ran here tell.
    pub migrated: bool,
}

/// Whether an environment's server runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Server {
    /// Nothing holds the environment's lock.
    Stopped,
    /// A server holds it, and the record tells which.
    Running,
    /// The same, but it is not what the project's files ask for any more, and only a new start makes it so.
    Outdated,
    /// Processes of a server hold it that nothing tells of: whoever started or stopped it was killed meanwhile, or the
    /// server itself was, and its children are still busy.
    Unrecorded,
}

/// How far a scenario's filling came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filling {
    /// It was never begun, or there is nothing to fill.
    NotYet,
    /// It was begun and not finished: whoever did it was killed.
    Begun,
    /// It ran and ended well.
    Done,
    /// It ran and failed; what it wrote is kept to be looked at.
    Failed,
}

impl Observed {
    /// Nothing at all.
    pub const ABSENT: Self = Self {
        files: false,
        cluster: false,
        volume: false,
        services: false,
        server: Server::Stopped,
        filling: Filling::NotYet,
        migrated: false,
    };

    /// Whether what is there has to be removed before an `up`: an earlier one was cut short, the scenario failed, or
    /// the server of a throw-away cluster (which does not sync to disk) died, and did not end as it should. Volumes are never meant.
    #[must_use]
    pub fn is_half_made(&self, desired: &Desired) -> bool {
        let filling = match self.filling {
            Filling::Begun | Filling::Failed => true,
            Filling::NotYet | Filling::Done => false,
        };
        let is_thrown_away = desired.storage == Storage::Throwaway;
        let lost = self.files && !self.cluster && self.server == Server::Stopped && is_thrown_away;
        filling || lost || self.server == Server::Unrecorded
    }
}
