//! From a runbook to what the state machine is told of it.

use backlot_plan::supervise::{
    Readiness as PlanReadiness, Release, Replacement, ServiceSpec, Signal, StackError, StackSpec,
};

use crate::runbook::{Readiness, Runbook, ServiceKind, ServiceRun};

/// The stack of a runbook, all of it of the first release.
pub(crate) fn stack(runbook: &Runbook) -> Result<StackSpec, StackError> {
    StackSpec::new(runbook.services.iter().map(service).collect())
}

pub(crate) fn service(run: &ServiceRun) -> ServiceSpec {
    ServiceSpec {
        replicas: run.replicas,
        release: Release::default(),
        depends_on: run.depends_on.clone(),
        readiness: readiness(&run.readiness),
        restart: run.restart,
        stop_signal: Signal(run.stop_signal),
        stop_grace: run.stop_grace,
        gateway: match &run.kind {
            ServiceKind::Process(process) => !process.ports.is_empty(),
            ServiceKind::Front(_) | ServiceKind::Database { .. } => false,
        },
        replacement: match run.kind {
            ServiceKind::Process(_) if !run.keeps_data => Replacement::StartFirst,
            ServiceKind::Process(_) | ServiceKind::Front(_) | ServiceKind::Database { .. } => {
                Replacement::StopFirst
            }
        },
        ..ServiceSpec::new(run.name.clone())
    }
}

fn readiness(readiness: &Readiness) -> PlanReadiness {
    match readiness {
        Readiness::Running(for_at_least) => PlanReadiness::Running { for_at_least: *for_at_least },
        Readiness::Listening(limit) => PlanReadiness::Listening { limit: *limit },
        Readiness::Check(health) => PlanReadiness::Check(health.times),
    }
}
