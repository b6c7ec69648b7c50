//! Which engine runs an environment.

use std::collections::BTreeMap;
use std::fmt::Display;

use backlot_docker::{Client, DockerStack};
use backlot_native::{Native, NativeStack, is_so_on_all};
use backlot_project::{Environment, EnvironmentName, Project};
use backlot_state::{Deployment, Engine, EngineError, EngineKind, Ground, Site, Wishes, volume};

use crate::moving::{apply_known, apply_name_on_docker};

/// What it is known by which kind of engine an environment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Known {
    /// It runs there, or somebody wants it there.
    Is(EngineKind),
    /// It is not up, and its data is in Docker's volumes.
    HasDataOnDocker,
    /// Nothing of it is there.
    Nothing,
}

impl Known {
    fn kind(self) -> EngineKind {
        match self {
            Self::Is(kind) => kind,
            Self::HasDataOnDocker => EngineKind::Docker,
            Self::Nothing => EngineKind::Native,
        }
    }
}

/// The kind of engine that runs the environment at `site`, or has its data; `wanted` where nothing of it is up. A record that
/// cannot be read says nothing.
fn kind_at(site: &Site, wanted: Option<EngineKind>) -> Result<Known, EngineError> {
    Ok(match (site.record().ok().flatten().map(|record| record.engine), wanted) {
        (Some(engine), Some(wanted)) if engine != wanted => {
            return Err(EngineError::OtherEngine { environment: site.name().to_owned(), engine });
        }
        (Some(kind), _) | (None, Some(kind)) => Known::Is(kind),
        // Services without a database have no record.
        (None, None) if runs(site) => Known::Is(EngineKind::Native),
        (None, None) => match site.data_on_docker()? {
            Some(has) if !(has.is_left && has_native_data(site)?) => Known::HasDataOnDocker,
            Some(_) | None => Known::Nothing,
        },
    })
}

/// Whether something runs natively at `site`. A home that cannot be looked at is told by whoever is to use it.
fn runs(site: &Site) -> bool {
    [site.is_supervised(), site.is_running()].into_iter().any(|runs| runs.unwrap_or(false))
}

/// Whether there is a native volume of the environment at `site`.
fn has_native_data(site: &Site) -> Result<bool, EngineError> {
    Ok(!site.removable_volumes()?.is_empty())
}

/// Docker, for an environment whose data is there as far as it is known; none when that has gone.
fn holding(site: &Site, caller: &BTreeMap<String, String>) -> Result<Option<Client>, EngineError> {
    let silent = |source: EngineError| EngineError::DataOnDocker {
        environment: site.name().to_owned(),
        source: Box::new(source),
    };
    let client = Client::locate(caller).map_err(|error| silent(error.into()))?;
    let volumes = client.volumes_of(site).map_err(silent)?;
    Ok((!volumes.is_empty()).then_some(client))
}

/// The engine that runs what is at `site`, as its record tells; else native.
///
/// # Errors
/// When there is no `docker` for an environment that runs on it.
pub(crate) fn engine_of(
    site: &Site,
    caller: &BTreeMap<String, String>,
) -> Result<Box<dyn Engine>, EngineError> {
    Ok(match kind_at(site, None)?.kind() {
        EngineKind::Native => Box::new(Native::default()),
        EngineKind::Docker => Box::new(Client::locate(caller)?),
    })
}

/// The engine that runs the environment at `site`, or has its data; `wanted` where nothing of it is up, else native. Docker also
/// for an environment of which no record tells: Compose itself may have brought it up, or somebody takes it down at this moment.
///
/// # Errors
/// When it runs on another engine than the wanted one, or there is no `docker`, or its data is there and no daemon answers.
pub fn engine_at(
    site: &Site,
    wanted: Option<EngineKind>,
    caller: &BTreeMap<String, String>,
    project: &dyn Fn() -> Option<Project>,
) -> Result<Box<dyn Engine>, EngineError> {
    let client = match kind_at(site, wanted)? {
        Known::Is(EngineKind::Docker) => Some(Client::locate(caller)?),
        Known::HasDataOnDocker => holding(site, caller)?,
        Known::Is(EngineKind::Native) | Known::Nothing => None,
    };
    let Some(client) = client else { return Ok(Box::new(Native::default())) };
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

/// An environment on the engine that is wanted; else on the one that runs it, or has its data; else native when all that `wishes`
/// ask for can run natively, or as containers beside; else on Docker when a daemon answers, which is `told` with the reason. Without
/// one, native says why it cannot. That data stays on the engine that is not wanted is told, too.
pub fn deployment<'a>(
    ground: Ground<'a>,
    environment: Environment,
    wanted: Option<EngineKind>,
    wishes: &Wishes,
    told: &mut dyn FnMut(&dyn Display),
) -> Result<Box<dyn Deployment<'a> + 'a>, EngineError> {
    let site = Site::new(ground.home, ground.project, environment.name.as_str());
    let kind = match kind_at(&site, wanted)? {
        Known::Is(kind) => kind,
        Known::HasDataOnDocker if holding(&site, ground.caller)?.is_some() => EngineKind::Docker,
        Known::HasDataOnDocker => {
            told(&format_args!("the volumes of {} are not on Docker any more", site.name()));
            return best(ground, environment, wishes, told);
        }
        Known::Nothing => return best(ground, environment, wishes, told),
    };
    if site.record().is_ok_and(|record| record.is_none())
        && let Some(line) = left_behind(&site, kind)?
    {
        told(&line);
    }
    Ok(match kind {
        EngineKind::Native => Box::new(NativeStack::new(ground, environment, wanted.is_none())?),
        EngineKind::Docker => Box::new(on_docker(ground, environment)?),
    })
}

/// That an environment with data on one engine begins on the other.
fn left_behind(site: &Site, kind: EngineKind) -> Result<Option<String>, EngineError> {
    let (native, docker) = (has_native_data(site)?, site.data_on_docker()?.is_some());
    let name = site.name();
    Ok(match kind {
        EngineKind::Native if docker && !native => Some(format!(
            "the data of {name} is in Docker's volumes, where it stays: natively it begins anew (--engine docker has it)"
        )),
        EngineKind::Docker if native && !docker => Some(format!(
            "the data of {name} is in native volumes, where it stays: Docker has volumes of its own (--engine native has it)"
        )),
        EngineKind::Native | EngineKind::Docker => None,
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
    match kind_at(&site, wanted)?.kind() {
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
    let site = Site::new(ground.home, ground.project, environment.name.as_str());
    let has_cluster = || {
        let volumes = site.removable_volumes().unwrap_or_default();
        volumes.iter().any(|volume| !volume::clusters(&site, volume).is_empty())
    };
    // Who has not answered for containers does not for a whole stack either.
    let is_mute = native.as_ref().is_ok_and(NativeStack::has_no_containers);
    // Nor does a container have the data that is here, or leave out what is not to be installed.
    let stays = wishes.no_install || native.as_ref().is_ok_and(NativeStack::has_data) || has_cluster();
    if is_mute || stays || Client::locate(ground.caller).and_then(|client| client.check()).is_err() {
        return Ok(Box::new(native?));
    }
    told(&format_args!("on Docker: {reason}"));
    Ok(Box::new(on_docker(ground, environment)?))
}
