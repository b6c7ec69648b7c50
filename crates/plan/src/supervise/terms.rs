//! What is asked of a process.

use std::time::Duration;

use super::ids::Signal;
use super::spec::{Readiness, ServiceSpec};
use crate::words::RestartPolicy;

/// What a service asks of each of its processes. A replica keeps what its own release asked for: a new one may be ready at
/// something that the old one knows nothing of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Terms {
    pub(super) readiness: Readiness,
    pub(super) restart: RestartPolicy,
    pub(super) stop_signal: Signal,
    pub(super) stop_grace: Duration,
    pub(super) gateway: bool,
}

impl Terms {
    pub(super) fn of(spec: &ServiceSpec) -> Self {
        let ServiceSpec { readiness, restart, stop_signal, stop_grace, gateway, .. } = *spec;
        Self { readiness, restart, stop_signal, stop_grace, gateway }
    }
}
