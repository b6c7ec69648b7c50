//! From a runbook to what the state machine is told of it.

use backlot_plan::supervise::{
    Condition as PlanCondition, Dependency as PlanDependency, HealthCheck, Readiness as PlanReadiness,
    Release, Replacement, RestartPolicy, ServiceSpec, Signal, StackError, StackSpec,
};

use crate::runbook::{Condition, Readiness, RestartRule, Runbook, ServiceKind, ServiceRun};

/// The stack of a runbook, all of it of the first release.
pub(crate) fn stack(runbook: &Runbook) -> Result<StackSpec, StackError> {
    StackSpec::new(runbook.services.iter().map(service).collect())
}

pub(crate) fn service(run: &ServiceRun) -> ServiceSpec {
    let depends_on = run.depends_on.iter().map(|(name, dependency)| {
        let condition = match dependency.condition {
            Condition::Started => PlanCondition::Started,
            Condition::Healthy => PlanCondition::Healthy,
            Condition::CompletedSuccessfully => PlanCondition::CompletedSuccessfully,
        };
        let (required, restart) = (dependency.required, dependency.restart);
        (name.clone(), PlanDependency { condition, required, restart })
    });
    ServiceSpec {
        replicas: run.replicas,
        release: Release::default(),
        depends_on: depends_on.collect(),
        readiness: readiness(&run.readiness),
        restart: match run.restart {
            RestartRule::No => RestartPolicy::No,
            RestartRule::Always => RestartPolicy::Always,
            RestartRule::OnFailure(max_retries) => RestartPolicy::OnFailure { max_retries },
            RestartRule::UnlessStopped => RestartPolicy::UnlessStopped,
        },
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
        Readiness::Check(health) => PlanReadiness::Check(HealthCheck {
            interval: health.interval,
            timeout: health.timeout,
            retries: health.retries.max(1),
            start_period: health.start_period,
            start_interval: health.start_interval,
        }),
    }
}
