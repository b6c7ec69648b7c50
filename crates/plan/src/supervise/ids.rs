//! The names of things, and time.

use std::time::Duration;

/// A service of one [`super::StackSpec`], which gives it out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServiceId(pub(super) usize);

/// One process of one replica.
///
/// The place (`service`, `number`) stays when a process is restarted, and can be given to another replica once it is
/// free. The run never comes twice, so what is said late about an earlier process is not taken for the present one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReplicaId {
    /// The service.
    pub service: ServiceId,
    /// The replica's place, from 1.
    pub number: u32,
    /// The process, counted through all of the stack from 1; 0 where none has been started.
    pub run: u64,
}

/// What a service's processes are made of (program, arguments, environment), as the caller numbers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Release(pub u32);

/// A signal's number on this platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Signal(pub i32);

impl Signal {
    /// Asks a process to end; the same number everywhere.
    pub const TERM: Self = Self(15);
}

/// A point in time, as what has passed since a start that the caller chooses. Never a wall clock: those jump.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Moment(Duration);

impl Moment {
    /// The moment that comes so long after the start.
    #[must_use]
    pub const fn after_start(passed: Duration) -> Self {
        Self(passed)
    }

    /// What has passed since an earlier moment; nothing when it is not earlier.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

/// Tells one wait from every other. A time-out or an answer that names a past one has no effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch(pub(super) u64);

/// A time-out, as it was set and as it comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Timer {
    /// Whose it is.
    pub replica: ReplicaId,
    /// The wait that it ends.
    pub epoch: Epoch,
    /// What it is for.
    pub kind: TimerKind,
}

/// What a time-out is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TimerKind {
    /// It ran long enough to count as ready.
    Settled,
    /// It should listen by now.
    ListenLimit,
    /// The next health check is due.
    NextCheck,
    /// The health check should have been answered by now.
    CheckLimit,
    /// It is restarted.
    BackOff,
    /// Its requests should be finished by now.
    DrainLimit,
    /// It should have followed its stop signal by now.
    Grace,
    /// It should have died from the kill by now.
    KillLimit,
}
