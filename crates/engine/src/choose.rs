//! Which engine runs an environment.

use std::collections::BTreeMap;
use std::fmt::Display;

use backlot_project::{Environment, EnvironmentName, Project};

use crate::deployment::{Deployment, why_not_native};
use crate::docker::Client;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::ground::Ground;
use crate::record::EngineKind;
use crate::site::Site;
use crate::up::Wishes;

/// The engine that runs the environment at `site`; `wanted` where nothing of it is there, else native. Docker also for an
/// environment of which no record tells: Compose itself may have brought it up, or somebody takes it down at this moment.
///
/// # Errors
/// When it runs on another engine than the wanted one, or there is no `docker`.
pub fn engine_at(
    site: &Site,
    wanted: Option<EngineKind>,
    caller: &BTreeMap<String, String>,
    project: &dyn Fn() -> Option<Project>,
) -> Result<Engine, EngineError> {
    let client = match Engine::of(site, wanted, caller)? {
        Engine::Native => return Ok(Engine::Native),
        Engine::Docker(client) => client,
    };
    let found = EnvironmentName::parse(site.name()).ok().zip(project());
    let found = found.and_then(|(name, project)| Some((project.environment(&name).ok()?, project)));
    Ok(Engine::Docker(match found {
        Some((environment, project)) => client.adopting(&environment, project.root()),
        None => client,
    }))
}

/// An environment on the engine that is wanted; else on the one that runs it; else native when all that `wishes` ask for can
/// run natively; else on Docker when a daemon answers, which is `told` with the reason. Without one, native says why it
/// cannot.
///
/// # Errors
/// When its files say what the engine cannot do, or another engine runs it.
pub fn deployment<'a>(
    ground: Ground<'a>,
    environment: Environment,
    wanted: Option<EngineKind>,
    wishes: &Wishes,
    told: &mut dyn FnMut(&dyn Display),
) -> Result<Deployment<'a>, EngineError> {
    let site = Site::new(ground.home, ground.project, environment.name.as_str());
    let there = Engine::of(&site, wanted, ground.caller)?.kind();
    let is_free = wanted.is_none() && site.record().is_ok_and(|record| record.is_none());
    let kind = if is_free { best(ground, &environment, wishes, told)? } else { there };
    Deployment::new(kind, ground, environment)
}

fn best(
    ground: Ground<'_>,
    environment: &Environment,
    wishes: &Wishes,
    told: &mut dyn FnMut(&dyn Display),
) -> Result<EngineKind, EngineError> {
    let Some(reason) = why_not_native(ground, environment, wishes)? else { return Ok(EngineKind::Native) };
    if Client::locate(ground.caller).and_then(|client| client.check()).is_err() {
        return Ok(EngineKind::Native);
    }
    told(&reason);
    Ok(EngineKind::Docker)
}
