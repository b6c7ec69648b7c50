//! What an `up` of a whole stack would do, and what stands in its way.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::DirBuilderExt;

use backlot_facts::storage;
use backlot_plan::{Removal, ServiceStep, Step, Volume};
use backlot_project::stack::MountKind;
use backlot_state::{EngineError, Wishes, volume};
use backlot_supervisor::{Answer, FailureCode, Request};

use crate::DatabaseService;
use crate::claims::{self, Claim};
use crate::deployment::{NativeStack, again, endpoints};
use crate::running;
use crate::stack::{Cast, Translation};
use crate::supervise::ask;

impl NativeStack<'_> {
    /// The steps that an `up` would carry out now.
    pub(super) fn steps(&self, wishes: &Wishes) -> Result<Vec<Step>, EngineError> {
        let cast = self.cast(wishes)?;
        self.check_volumes(&cast.services)?;
        let mut steps = match &self.database {
            Some(service) => service.plan_up(again(wishes))?,
            None => Vec::new(),
        };
        let ends = steps.contains(&Step::Remove(Removal::StopServices)) || !self.site.is_supervised()?;
        let services = if ends { None } else { self.plan_services(&cast, wishes)? };
        let anew = || {
            let beside = self.beside(&cast);
            if beside.is_empty() { Vec::new() } else { vec![ServiceStep::Start(beside)] }
        };
        steps.extend(services.unwrap_or_else(anew).into_iter().map(Step::Service));
        Ok(steps)
    }

    /// What an `up` does to the services that a supervisor runs; nothing when it starts them all anew.
    pub(super) fn plan_services(
        &self,
        cast: &Cast,
        wishes: &Wishes,
    ) -> Result<Option<Vec<ServiceStep>>, EngineError> {
        if self.beside(cast).is_empty() && !wishes.services.is_empty() {
            return Ok(Some(Vec::new()));
        }
        let database = running(&self.site).ok();
        let current = endpoints(&self.current()?);
        let translation =
            Translation { writes: false, ..self.translation(database.as_ref(), wishes, current) };
        let runbook = Box::new(translation.runbook(&cast.services)?);
        let request = Request::Plan { runbook, services: self.named(wishes) };
        match ask(&self.site, &request, self.ground.interrupted, &mut |_| {}) {
            Ok(Answer::Plan(steps)) => Ok(Some(steps)),
            Err(EngineError::Supervisor(failure)) if failure.code == FailureCode::Structure => Ok(None),
            Ok(Answer::Nothing | Answer::Status(_) | Answer::Described(_) | Answer::Exit { .. })
            | Err(EngineError::NoServices { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(super) fn cast(&self, wishes: &Wishes) -> Result<Cast, EngineError> {
        Ok(self.translation(None, wishes, BTreeMap::new()).cast(&wishes.services)?)
    }

    /// The volumes that somebody else must have made are there, and all have names that lead nowhere else. Returns the
    /// names of the former.
    pub(super) fn check_volumes(&self, services: &BTreeSet<String>) -> Result<BTreeSet<String>, EngineError> {
        let mut external = BTreeSet::new();
        let stack = &self.environment.stack;
        for service in services.iter().filter_map(|name| stack.services.get(name)) {
            for mount in &service.volumes {
                let MountKind::Volume { source: Some(key) } = &mount.kind else { continue };
                if let Ok(Some(Volume::Shared(name))) = storage::volume(key, stack) {
                    let is_external = stack.volumes.get(key).is_some_and(|volume| volume.external);
                    volume::check(self.ground.home, &name, is_external, &service.name)?;
                    if is_external {
                        external.insert(name);
                    }
                }
            }
        }
        Ok(external)
    }

    /// Makes the folders of services that keep data.
    pub(super) fn make_folders(&self, translation: &Translation<'_>, cast: &Cast) -> Result<(), EngineError> {
        for kept in translation.all_kept(&cast.services)? {
            if let Some(volume) = &kept.volume {
                drop(volume::hold(&self.site, self.ground.project.root(), volume)?);
            }
            let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&kept.folder);
            made.map_err(|source| EngineError::Io { what: "make", path: kept.folder.clone(), source })?;
        }
        Ok(())
    }

    pub(super) fn database_service(&self) -> Option<&str> {
        self.database.as_ref().map(|service| service.database().service.as_str())
    }

    /// The services of `cast` beside the database, by name.
    pub(super) fn beside(&self, cast: &Cast) -> Vec<String> {
        let database = self.database_service();
        cast.services.iter().filter(|name| Some(name.as_str()) != database).cloned().collect()
    }

    /// Whether a supervisor is to watch over what an `up` runs: other services, or a check of the database that the file has.
    pub(super) fn is_watched(&self, cast: &Cast, wishes: &Wishes) -> bool {
        let checked = |name: &str| {
            let check = self.environment.stack.services.get(name)?.healthcheck.as_ref()?;
            Some(!check.disable && check.test.is_some())
        };
        let is_checked = self.database_service().and_then(checked).unwrap_or(false);
        !self.beside(cast).is_empty() || (is_checked && !self.throwaway && !wishes.database_only)
    }

    /// The services that a supervisor is told to run; none means all. The database runs in any case: it is the
    /// environment's.
    pub(super) fn named(&self, wishes: &Wishes) -> Vec<String> {
        let mut named = wishes.services.clone();
        if !named.is_empty() {
            named.extend(self.database_service().map(str::to_owned));
        }
        named
    }

    /// Tries the ports that are wanted and not held yet.
    pub(super) fn check_ports(&self, cast: &Cast, wishes: &Wishes) -> Result<(), EngineError> {
        let mut claims = Vec::new();
        let held = running(&self.site).ok().map(|database| database.port);
        let claim = self.database.as_ref().and_then(DatabaseService::claim);
        let stays = |claim: &Claim| held == Some(claim.port) || (held.is_some() && wishes.database_only);
        claims.extend(claim.filter(|claim| !stays(claim)));
        claims.extend(self.translation(None, wishes, BTreeMap::new()).claims(&cast.services)?);
        if claims.is_empty() {
            return Ok(());
        }
        let open: Vec<u16> = endpoints(&self.current()?).into_values().collect();
        Ok(claims::check(&claims, &self.site, &open, &self.environment)?)
    }
}
