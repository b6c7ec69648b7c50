//! Which engine runs an environment.

use std::collections::BTreeMap;
use std::fmt::Display;

use backlot_docker::{Client, DockerStack};
use backlot_native::{Native, NativeStack, is_so_on_all};
use backlot_project::{Environment, EnvironmentName, Project};
use backlot_state::{Deployment, Engine, EngineError, EngineKind, Ground, Site, Wishes};

use crate::moving::{apply_known, apply_name_on_docker};

/// The kind of engine that runs the environment at `site`; `wanted` where nothing of it is there, else native. A record that
/// cannot be read says nothing.
fn kind_at(site: &Site, wanted: Option<EngineKind>) -> Result<EngineKind, EngineError> {
    match (site.record().ok().flatten().map(|record| record.engine), wanted) {
        (Some(engine), Some(wanted)) if engine != wanted => {
            Err(EngineError::OtherEngine { environment: site.name().to_owned(), engine })
        }
        (Some(kind), _) | (None, Some(kind)) => Ok(kind),
        (None, None) => Ok(EngineKind::Native),
    }
}

/// The engine that runs what is at `site`, as its record tells; else native.
///
/// # Errors
/// When there is no `docker` for an environment that runs on it.
pub(crate) fn engine_of(
    site: &Site,
    caller: &BTreeMap<String, String>,
) -> Result<Box<dyn Engine>, EngineError> {
    Ok(match kind_at(site, None)? {
        EngineKind::Native => Box::new(Native::default()),
        EngineKind::Docker => Box::new(Client::locate(caller)?),
    })
}

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
) -> Result<Box<dyn Engine>, EngineError> {
    let client = match kind_at(site, wanted)? {
        EngineKind::Native => return Ok(Box::new(Native::default())),
        EngineKind::Docker => Client::locate(caller)?,
    };
    let found = EnvironmentName::parse(site.name()).ok().zip(project());
    let found = found.and_then(|(name, project)| Some((project.environment(&name).ok()?, project)));
    Ok(Box::new(match found {
        Some((mut environment, project)) => {
            apply_known(site.home(), &project, &mut environment);
            apply_name_on_docker(site.home(), &project, &mut environment);
            client.adopting(&environment, project.root())
        }
        None => client,
    }))
}

/// An environment on the engine that is wanted; else on the one that runs it; else native when all that `wishes` ask for can
/// run natively, or as containers beside; else on Docker when a daemon answers, which is `told` with the reason. Without one, native
/// says why it cannot.
pub fn deployment<'a>(
    ground: Ground<'a>,
    environment: Environment,
    wanted: Option<EngineKind>,
    wishes: &Wishes,
    told: &mut dyn FnMut(&dyn Display),
) -> Result<Box<dyn Deployment<'a> + 'a>, EngineError> {
    let site = Site::new(ground.home, ground.project, environment.name.as_str());
    let there = kind_at(&site, wanted)?;
    if wanted.is_none() && site.record().is_ok_and(|record| record.is_none()) {
        return best(ground, environment, wishes, told);
    }
    Ok(match there {
        EngineKind::Native => Box::new(NativeStack::new(ground, environment, wanted.is_none())?),
        EngineKind::Docker => Box::new(on_docker(ground, environment)?),
    })
}

fn on_docker(ground: Ground<'_>, mut environment: Environment) -> Result<DockerStack<'_>, EngineError> {
    apply_name_on_docker(ground.home, ground.project, &mut environment);
    DockerStack::new(ground, environment)
}

/// What of the files of `environment` the engine that `wanted` or its record names does not do, a line each; where neither
/// names one, the native one.
pub fn not_done(
    ground: Ground<'_>,
    environment: Environment,
    wanted: Option<EngineKind>,
) -> Result<Vec<String>, EngineError> {
    let site = Site::new(ground.home, ground.project, environment.name.as_str());
    match kind_at(&site, wanted)? {
        EngineKind::Native => backlot_native::not_done(ground, environment),
        EngineKind::Docker => Ok(Vec::new()),
    }
}

fn best<'a>(
    ground: Ground<'a>,
    environment: Environment,
    wishes: &Wishes,
    told: &mut dyn FnMut(&dyn Display),
) -> Result<Box<dyn Deployment<'a> + 'a>, EngineError> {
    let (native, reason) = match NativeStack::new(ground, environment.clone(), true) {
        Ok(native) => match native.obstacle(wishes)? {
            None => return Ok(Box::new(native)),
            // It is told with all that is in the way.
            Some(reason) if is_so_on_all(&reason) => return Ok(Box::new(native)),
            Some(reason) => (Ok(native), reason.to_string()),
        },
        Err(error) if is_so_on_all(&error) => return Err(error),
        Err(error) => {
            let reason = error.to_string();
            (Err(error), reason)
        }
    };
    // Who has not answered for containers does not for a whole stack either.
    let is_mute = native.as_ref().is_ok_and(NativeStack::has_no_containers);
    // Nor does a container have the data that is here, or leave out what is not to be installed.
    let stays = wishes.no_install || native.as_ref().is_ok_and(NativeStack::has_data);
    if is_mute || stays || Client::locate(ground.caller).and_then(|client| client.check()).is_err() {
        return Ok(Box::new(native?));
    }
    told(&reason);
    Ok(Box::new(on_docker(ground, environment)?))
}
