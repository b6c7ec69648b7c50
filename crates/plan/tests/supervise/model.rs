//! What should be so, worked out anew from the whole history each time.

use std::time::Duration;

use backlot_plan::supervise::{Exit, Outcome, Readiness, Standing};
use backlot_plan::{Condition, HealthTimes, RestartPolicy};

use crate::facts::{End, Evidence, Kind, Life, Process, Seen};
use crate::world::World;

const STEADY: Duration = Duration::from_secs(10);

/// How a running process does, by the evidence.
pub(crate) fn health(process: &Process) -> Kind {
    let anew = process.evidence.iter().rposition(|(_, what)| matches!(what, Evidence::JudgedAnew(_)));
    let before = match anew.map(|at| process.evidence[at].1) {
        Some(Evidence::JudgedAnew(kind)) => kind,
        _ => Kind::Starting,
    };
    let evidence = &process.evidence[anew.map_or(0, |at| at + 1)..];
    let has = |which: Evidence| evidence.iter().any(|(_, what)| *what == which);
    match &process.readiness {
        Readiness::Running { for_at_least } => {
            let healthy = before == Kind::Healthy || for_at_least.is_zero() || has(Evidence::Settled);
            if healthy { Kind::Healthy } else { Kind::Starting }
        }
        Readiness::Listening { .. } => {
            // That it listens is true whatever it is judged by.
            let listens = process.evidence.iter().any(|(_, what)| *what == Evidence::Listening);
            let bad = has(Evidence::Elsewhere) || has(Evidence::ListenLimit);
            match (before == Kind::Healthy || listens || has(Evidence::Quiet), bad) {
                (true, _) => Kind::Healthy,
                (false, true) => Kind::Unhealthy,
                (false, false) => Kind::Starting,
            }
        }
        Readiness::Check(check) => {
            let is_answer = |what: &Evidence| matches!(what, Evidence::CheckOk | Evidence::CheckFailed);
            let answers: Vec<_> = evidence.iter().filter(|(_, what)| is_answer(what)).collect();
            by_checks(check, process.since, before, &answers)
        }
    }
}

fn by_checks(check: &HealthTimes, since: Duration, before: Kind, answers: &[&(Duration, Evidence)]) -> Kind {
    let retries = check.retries.max(1) as usize;
    let last_ok = answers.iter().rposition(|(_, what)| *what == Evidence::CheckOk).map(|at| at + 1);
    if let Some(ok) = last_ok.or((before == Kind::Healthy).then_some(0)) {
        return if answers.len() - ok >= retries { Kind::Unhealthy } else { Kind::Healthy };
    }
    if before == Kind::Unhealthy {
        return Kind::Unhealthy;
    }
    let mut counted: Vec<Duration> = Vec::new();
    for (at, _) in answers {
        let last = counted.last().copied().unwrap_or(since);
        let quick = *at < since + check.start_period || *at < last + check.interval;
        if !quick && counted.len() < retries {
            counted.push(*at);
        }
    }
    if counted.len() >= retries { Kind::Unhealthy } else { Kind::Starting }
}

/// The place in a row of short lives that the last of these has, from 1.
pub(crate) fn in_a_row(ends: &[(Duration, End)]) -> u32 {
    let first = ends.iter().rposition(|(ran, _)| *ran >= STEADY).unwrap_or(0);
    u32::try_from(ends.len() - first).unwrap()
}

pub(crate) fn back_off(ends: &[(Duration, End)]) -> Duration {
    let mut pause = Duration::from_millis(100);
    for _ in 1..in_a_row(ends) {
        pause = (pause * 2).min(Duration::from_mins(1));
    }
    pause
}

/// What becomes of a replica after these ends, of which this process's was the last.
pub(crate) fn after(last: &Process, ends: &[(Duration, End)], standing: Standing) -> Kind {
    let (_, end) = ends[ends.len() - 1];
    let (policy, job) = last.ended_under.unwrap();
    let good = end == End::Exit(Exit::Code(0));
    if standing == Standing::Candidate || (end == End::NotSpawned && ends.len() == 1) {
        return Kind::Failed;
    }
    let restarts = u32::try_from(ends.len() - 1).unwrap();
    let again = match policy {
        RestartPolicy::No => false,
        RestartPolicy::Always | RestartPolicy::UnlessStopped => true,
        RestartPolicy::OnFailure(max_retries) => !good && max_retries.is_none_or(|most| restarts < most),
    };
    let may_end = match last.readiness {
        Readiness::Running { .. } => true,
        Readiness::Listening { .. } => !last.evidence.iter().any(|(_, what)| *what == Evidence::Listening),
        Readiness::Check(_) => false,
    };
    match (good && job, again, good && may_end) {
        (true, _, _) | (false, false, true) => Kind::Completed,
        (false, true, _) => Kind::BackingOff,
        (false, false, false) => Kind::Failed,
    }
}

/// Whether a service may start: yes, not yet (`None`), not as things are.
pub(crate) fn gate(world: &World, service: usize) -> Option<bool> {
    let needs = world.known[service].needs.iter().map(|need| match state(world, need.on, need.condition) {
        Some(false) if !need.required => Some(true),
        other => other,
    });
    let needs: Vec<_> = needs.collect();
    if needs.contains(&Some(false)) {
        return Some(false);
    }
    if needs.contains(&None) { None } else { Some(true) }
}

fn state(world: &World, service: usize, condition: Condition) -> Option<bool> {
    let known = &world.known[service];
    if !known.up {
        return Some(false);
    }
    if known.wanted == 0 {
        return Some(true);
    }
    let members: Vec<&Seen> =
        world.seen.iter().filter(|seen| seen.service == service && seen.is_member()).collect();
    let stuck = members.iter().any(|seen| match seen.kind {
        Kind::Waiting | Kind::Blocked => gate(world, service) == Some(false),
        Kind::Failed => {
            condition != Condition::Started || world.ends(seen.id).last().unwrap().1 == End::NotSpawned
        }
        _ => false,
    });
    if stuck {
        return Some(false);
    }
    let met = members.iter().filter(|seen| match condition {
        Condition::Started => match seen.kind {
            Kind::Waiting | Kind::Blocked => false,
            Kind::Spawning => seen.restarts > 0,
            _ => true,
        },
        Condition::Healthy => seen.is_ready(),
        Condition::CompletedSuccessfully => seen.kind == Kind::Completed,
    });
    (met.count() == members.len() && members.len() >= known.wanted as usize).then_some(true)
}

/// Whether it is ready by what it was asked for before, and has not been found so by its present check.
pub(crate) fn on_trial(world: &World, seen: &Seen) -> bool {
    let Some(process) = world.process(seen.id).filter(|process| process.life == Life::Alive) else {
        return false;
    };
    let anew = process.evidence.iter().rposition(|(_, what)| *what == Evidence::JudgedAnew(Kind::Healthy));
    let answered = |at: usize| process.evidence[at..].iter().any(|(_, what)| *what == Evidence::CheckOk);
    matches!(process.readiness, Readiness::Check(_)) && anew.is_some_and(|at| !answered(at))
}

/// What somebody who waits should be told: in one word and with the service at fault.
pub(crate) fn outcome(world: &World) -> (&'static str, Option<usize>) {
    let mut ready = true;
    for service in world.order.iter().copied() {
        let known = &world.known[service];
        let replicas = || world.seen.iter().filter(|seen| seen.service == service);
        let at_fault = replicas().filter(|seen| seen.is_member()).any(|seen| match seen.kind {
            Kind::Failed | Kind::Blocked | Kind::Unhealthy => true,
            Kind::BackingOff => in_a_row(&world.ends(seen.id)) >= 4 || !world.was_ready(seen.id),
            _ => false,
        });
        if known.up && !world.rolling[service] && (at_fault || known.aborted) {
            return ("failed", Some(service));
        }
        let wanted = if known.up { known.wanted as usize } else { 0 };
        ready &= !world.rolling[service]
            && replicas().count() == wanted
            && replicas().all(|seen| seen.is_member() && seen.is_ready() && !on_trial(world, seen));
    }
    if world.known.iter().all(|known| !known.up) && world.seen.is_empty() {
        return ("stopped", None);
    }
    (if ready { "ready" } else { "pending" }, None)
}

pub(crate) fn word(world: &World, outcome: &Outcome) -> (&'static str, Option<usize>) {
    match outcome {
        Outcome::Pending => ("pending", None),
        Outcome::Ready => ("ready", None),
        Outcome::Stopped => ("stopped", None),
        Outcome::Failed { service, .. } => ("failed", Some(world.index(*service))),
    }
}
