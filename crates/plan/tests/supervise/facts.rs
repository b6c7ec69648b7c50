//! What is known: processes and all that was ever told of them.

use std::collections::BTreeMap;
use std::time::Duration;

use backlot_plan::supervise::{
    Epoch, Exit, Health, Phase, Readiness, Release, ReplicaId, ServiceId, ServiceSpec, Standing, Supervision,
    Timer,
};
use backlot_plan::{Condition, RestartPolicy};

/// A service as the model knows it.
#[expect(
    clippy::struct_excessive_bools,
    reason = "what was asked for and told, each on its own; no state is kept"
)]
pub(crate) struct Known {
    pub(crate) id: ServiceId,
    /// What its stack says of it now, or said last.
    pub(crate) spec: ServiceSpec,
    /// What each release asks of its processes.
    pub(crate) asks: BTreeMap<Release, ServiceSpec>,
    /// Its stack does not have it any more.
    pub(crate) retired: bool,
    pub(crate) needs: Vec<Need>,
    /// All that depend on it; those that do so with `restart`.
    pub(crate) above: Vec<usize>,
    pub(crate) restarts: Vec<usize>,
    pub(crate) job: bool,
    pub(crate) up: bool,
    pub(crate) wanted: u32,
    /// The most that were wanted since no more were there than wanted.
    pub(crate) peak: u32,
    pub(crate) aborted: bool,
    /// What works, and what is newest: other than that only in a rollout.
    pub(crate) proven: Release,
    pub(crate) newest: Release,
    /// Runs from before the last rolling restart.
    pub(crate) old_until: Option<u64>,
}

pub(crate) struct Need {
    pub(crate) on: usize,
    pub(crate) condition: Condition,
    pub(crate) required: bool,
    pub(crate) restart: bool,
}

/// How a process ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum End {
    NotSpawned,
    Exit(Exit),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Evidence {
    Settled,
    Listening,
    Elsewhere,
    Quiet,
    ListenLimit,
    CheckOk,
    CheckFailed,
    /// It was found to be so when it began to be judged in another way.
    JudgedAnew(Kind),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Life {
    Asked,
    Alive,
    Dead,
}

/// One process.
#[expect(clippy::struct_excessive_bools, reason = "what was told of it, each on its own; no state is kept")]
pub(crate) struct Process {
    pub(crate) id: ReplicaId,
    pub(crate) service: usize,
    /// The run of the first process of this replica: what tells it from others in the same place.
    pub(crate) first_run: u64,
    pub(crate) release: Release,
    /// What it is judged by.
    pub(crate) readiness: Readiness,
    /// When it ended: the restart policy, and whether another waited for its end.
    pub(crate) ended_under: Option<(RestartPolicy, bool)>,
    pub(crate) life: Life,
    pub(crate) since: Duration,
    pub(crate) ran: Duration,
    pub(crate) end: Option<End>,
    pub(crate) evidence: Vec<(Duration, Evidence)>,
    pub(crate) open_check: Option<Epoch>,
    pub(crate) in_gateway: bool,
    pub(crate) drained: bool,
    pub(crate) drain_over: bool,
    pub(crate) signalled: bool,
    pub(crate) grace_over: bool,
    pub(crate) killed: bool,
    pub(crate) kill_over: bool,
    pub(crate) timer: Option<Timer>,
    pub(crate) doomed: bool,
    pub(crate) was_ready: bool,
}

impl Process {
    pub(crate) fn new(
        id: ReplicaId,
        service: usize,
        first_run: u64,
        (release, readiness): (Release, Readiness),
    ) -> Self {
        Self {
            id,
            service,
            first_run,
            release,
            readiness,
            ended_under: None,
            life: Life::Asked,
            since: Duration::ZERO,
            ran: Duration::ZERO,
            end: None,
            evidence: Vec::new(),
            open_check: None,
            in_gateway: false,
            drained: false,
            drain_over: false,
            signalled: false,
            grace_over: false,
            killed: false,
            kill_over: false,
            timer: None,
            doomed: false,
            was_ready: false,
        }
    }
}

/// A phase without what it holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Waiting,
    Blocked,
    Spawning,
    Starting,
    Healthy,
    Unhealthy,
    BackingOff,
    Draining,
    Stopping,
    Killing,
    Completed,
    Failed,
}

/// What the machine says of a replica.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Seen {
    pub(crate) id: ReplicaId,
    pub(crate) service: usize,
    pub(crate) standing: Standing,
    pub(crate) kind: Kind,
    pub(crate) release: Release,
    pub(crate) restarts: u32,
}

impl Seen {
    pub(crate) fn leaves(&self) -> bool {
        matches!(self.standing, Standing::Leaving | Standing::Doomed)
    }

    pub(crate) fn is_ending(&self) -> bool {
        self.leaves() && matches!(self.kind, Kind::Stopping | Kind::Killing)
    }

    pub(crate) fn is_member(&self) -> bool {
        matches!(self.standing, Standing::Current | Standing::Outdated)
    }

    pub(crate) fn is_ready(&self) -> bool {
        matches!(self.kind, Kind::Healthy | Kind::Completed)
    }
}

pub(crate) fn kind(phase: &Phase) -> Kind {
    match phase {
        Phase::Waiting => Kind::Waiting,
        Phase::Blocked(_) => Kind::Blocked,
        Phase::Spawning => Kind::Spawning,
        Phase::Running { health: Health::Starting, .. } => Kind::Starting,
        Phase::Running { health: Health::Healthy, .. } => Kind::Healthy,
        Phase::Running { health: Health::Unhealthy(_), .. } => Kind::Unhealthy,
        Phase::BackingOff { .. } => Kind::BackingOff,
        Phase::Draining => Kind::Draining,
        Phase::Stopping => Kind::Stopping,
        Phase::Killing => Kind::Killing,
        Phase::Completed => Kind::Completed,
        Phase::Failed(_) => Kind::Failed,
    }
}

/// Reads what the machine says, in the order of the starts.
pub(crate) fn look(machine: &Supervision, known: &[Known], seen: &mut Vec<Seen>, rolling: &mut Vec<bool>) {
    seen.clear();
    rolling.clear();
    rolling.resize(known.len(), false);
    for status in machine.status() {
        let service = index(known, status.service());
        rolling[service] = status.is_rolling();
        seen.extend(status.replicas().map(|replica| Seen {
            id: replica.replica,
            service,
            standing: replica.standing,
            kind: kind(replica.phase),
            release: replica.release,
            restarts: replica.restarts,
        }));
    }
}

pub(crate) fn index(known: &[Known], id: ServiceId) -> usize {
    known.iter().position(|service| service.id == id).unwrap()
}
