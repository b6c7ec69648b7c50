//! Random stacks of one to four services.

use std::time::Duration;

use backlot_plan::supervise::{Readiness, Release, Replacement, ServiceSpec, Signal};
use backlot_plan::{Condition, Dependency, HealthTimes, RestartPolicy};

use crate::choices::Random;

const NAMES: [&str; 4] = ["a", "b", "c", "d"];

pub(crate) fn random(random: &mut Random) -> Vec<ServiceSpec> {
    let count = [1, 2, 2, 3, 3, 4][random.below(6)];
    let mut services: Vec<ServiceSpec> = (0..count).map(|at| service(at, random)).collect();
    // What is waited for is not always written first.
    if random.below(2) == 0 {
        services.reverse();
    }
    services
}

/// What may become of a stack: services change, come and go.
pub(crate) fn changed(specs: &[ServiceSpec], random: &mut Random) -> Vec<ServiceSpec> {
    let mut changed: Vec<ServiceSpec> = Vec::new();
    for (at, name) in NAMES.iter().enumerate() {
        let before = specs.iter().find(|spec| spec.name == *name);
        let mut spec = service(at, random);
        match (before, random.below(8)) {
            (None, 0..6) | (Some(_), 0) => continue,
            (Some(before), 1..5) => spec = before.clone(),
            // Something of it changes, but not what its processes are made of.
            (Some(before), 5) => spec.release = before.release,
            (Some(_) | None, _) => spec.release = Release(0),
        }
        changed.push(spec);
    }
    let names: Vec<String> = changed.iter().map(|spec| spec.name.clone()).collect();
    for spec in &mut changed {
        spec.depends_on.retain(|name, dependency| names.contains(name) || !dependency.required);
    }
    changed
}

fn service(at: usize, random: &mut Random) -> ServiceSpec {
    let mut spec = ServiceSpec::new(NAMES[at]);
    spec.replicas = [0, 1, 1, 1, 1, 2, 2, 3][random.below(8)];
    spec.readiness = match random.below(5) {
        0 => Readiness::Running { for_at_least: Duration::ZERO },
        1 => Readiness::Running { for_at_least: Duration::from_millis(300) },
        2 => Readiness::Listening { limit: Duration::from_secs(5) },
        _ => Readiness::Check(HealthTimes {
            interval: Duration::from_millis([100, 1000, 30_000][random.below(3)]),
            timeout: Duration::from_secs(1),
            retries: [0, 1, 2, 3][random.below(4)],
            start_period: Duration::from_millis([0, 0, 2000][random.below(3)]),
            start_interval: Duration::from_millis(200),
        }),
    };
    spec.restart = match random.below(5) {
        0 | 1 => RestartPolicy::No,
        2 => RestartPolicy::Always,
        3 => RestartPolicy::OnFailure([None, Some(0), Some(2)][random.below(3)]),
        _ => RestartPolicy::UnlessStopped,
    };
    spec.release = Release(1);
    spec.stop_signal = [Signal::TERM, Signal(3)][random.below(2)];
    spec.stop_grace = Duration::from_secs([0, 1, 10][random.below(3)]);
    spec.gateway = random.below(2) == 0;
    spec.replacement =
        [Replacement::StartFirst, Replacement::StartFirst, Replacement::StopFirst][random.below(3)];
    for other in &NAMES[..at] {
        if random.below(2) == 0 {
            let condition =
                [Condition::Started, Condition::Healthy, Condition::CompletedSuccessfully][random.below(3)];
            let dependency =
                Dependency { condition, required: random.below(4) != 0, restart: random.below(3) == 0 };
            spec.depends_on.insert((*other).to_owned(), dependency);
        }
    }
    spec
}
