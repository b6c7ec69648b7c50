//! All that can be known to be in the way of an `up` before it begins.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use backlot_containers::Client;
use backlot_facts::storage;
use backlot_fetched::Order;
use backlot_hint::{Explain, Hint};
use backlot_plan::{Server, Volume};
use backlot_process::in_full;
use backlot_project::Location;
use backlot_project::stack::MountKind;
use backlot_stack::{Cast, Claim, Looked};
use backlot_state::volume::{self, VolumeError};
use backlot_state::{EngineError, Obstacles, Wishes, mark};

use crate::claims::{self, PortError, PortErrors};
use crate::deployment::{NativeStack, again, endpoints};
use crate::up::Again;
use crate::{DatabaseService, changes, cluster, running};

impl NativeStack<'_> {
    /// What an `up` runs, and the external volumes of that.
    ///
    /// # Errors
    /// When something is in the way: all of it at once.
    pub(super) fn ready(&self, wishes: &Wishes) -> Result<(Cast, BTreeSet<String>), EngineError> {
        let looked = self.look(wishes)?;
        let Looked { cast, obstacles, mut faulty } = looked;
        let mut all: Vec<EngineError> = Vec::new();
        for fault in &self.faults {
            if fault.is_own || (cast.services.contains(&fault.service) && !wishes.database_only) {
                faulty.insert(fault.service.clone());
                all.push(EngineError::of(Arc::clone(&fault.error)));
            }
        }
        all.extend(obstacles.into_iter().map(EngineError::from));
        let (external, missing) = self.volumes(&cast.services);
        for (service, error) in missing {
            faulty.insert(service);
            all.push(error.into());
        }
        for database in self.database.iter().chain(self.wanted_others(&cast, wishes)) {
            let obstacles = database.obstacles(again(wishes, database));
            if !obstacles.is_empty() {
                faulty.insert(database.database().service.clone());
                all.extend(obstacles);
            }
        }
        // What a killed supervisor has left holds its ports until somebody tidies up.
        if !self.has_leftovers()? {
            for error in self.ports(&cast, wishes)? {
                faulty.insert(error.service.clone());
                all.push(Box::new(error).into());
            }
        }
        self.in_the_way(all, &cast.services, &faulty, wishes)?;
        Ok((cast, external))
    }

    /// That these obstacles are in the way, if there are some.
    pub(super) fn in_the_way(
        &self,
        all: Vec<EngineError>,
        services: &BTreeSet<String>,
        faulty: &BTreeSet<String>,
        wishes: &Wishes,
    ) -> Result<(), EngineError> {
        let translation = self.translation(&[], wishes, BTreeMap::new());
        // Without its database nothing of an environment runs.
        let own = self.database_names().first().copied();
        let rest = translation.rest(&wishes.services, services, faulty);
        let rest = if own.is_some_and(|own| faulty.contains(own)) { Vec::new() } else { rest };
        Obstacles::none(all, rest)
    }

    /// Whether something is there that nobody answers for.
    fn has_leftovers(&self) -> Result<bool, EngineError> {
        if !self.site.live().is_dir() || self.site.is_supervised()? {
            return Ok(false);
        }
        let contained = self.site.containers::<Client>()?.is_some();
        Ok(contained || !mark::orphans(&self.site).is_empty())
    }

    /// Of the volumes that somebody else must have made, the names; and those that are not there or have names that lead
    /// elsewhere, each with a service that mounts it.
    pub(super) fn volumes(
        &self,
        services: &BTreeSet<String>,
    ) -> (BTreeSet<String>, Vec<(String, VolumeError)>) {
        let (mut external, mut missing) = (BTreeSet::new(), BTreeMap::new());
        let stack = &self.environment.stack;
        for service in services.iter().filter_map(|name| stack.services.get(name)) {
            for mount in &service.volumes {
                let MountKind::Volume { source: Some(key) } = &mount.kind else { continue };
                let Ok(Some(Volume::Shared(name))) = storage::volume(key, stack) else { continue };
                let is_external = stack.volumes.get(key).is_some_and(|volume| volume.external);
                match volume::check(self.ground.home, &name, is_external, &service.name) {
                    Ok(()) if is_external => drop(external.insert(name)),
                    Ok(()) => {}
                    Err(error) => drop(missing.entry(name).or_insert((service.name.clone(), error))),
                }
            }
        }
        (external, missing.into_values().collect())
    }

    /// The same, of which one that is not there is an error.
    pub(super) fn check_volumes(&self, services: &BTreeSet<String>) -> Result<BTreeSet<String>, EngineError> {
        let (external, missing) = self.volumes(services);
        match missing.into_iter().next() {
            Some((_, error)) => Err(error.into()),
            None => Ok(external),
        }
    }

    /// Tries the ports that are wanted and not held yet.
    pub(super) fn check_ports(&self, cast: &Cast, wishes: &Wishes) -> Result<(), EngineError> {
        let errors = self.ports(cast, wishes)?;
        if errors.is_empty() { Ok(()) } else { Err(PortErrors(errors).into()) }
    }

    /// Those of them that cannot be had.
    fn ports(&self, cast: &Cast, wishes: &Wishes) -> Result<Vec<PortError>, EngineError> {
        let mut claims = Vec::new();
        for service in self.database.iter().chain(self.wanted_others(cast, wishes)) {
            let held = running(service.site()).ok().map(|database| database.port);
            let stays = |claim: &Claim| {
                held == Some(claim.address.port()) || (held.is_some() && wishes.database_only)
            };
            claims.extend(service.claim().filter(|claim| !stays(claim)));
        }
        claims.extend(self.translation(&[], wishes, BTreeMap::new()).claims(&cast.services).0);
        if claims.is_empty() {
            return Ok(Vec::new());
        }
        let current = if self.site.live().is_dir() { self.current()? } else { Vec::new() };
        let open: Vec<u16> = endpoints(&current).into_values().collect();
        Ok(claims::check(&claims, &self.site, &open, &self.environment))
    }
}

/// A server that is not to be had, with who asks for it.
#[derive(Debug, thiserror::Error)]
#[error("{}", in_full(source_error))]
struct NoServer {
    source_error: EngineError,
    service: String,
    at: Location,
}

impl Explain for NoServer {
    fn code(&self) -> &'static str {
        self.source_error.code()
    }

    fn hint(&self) -> Option<Hint> {
        let end = format!(" (service {}, {})", self.service, self.at);
        Some(self.source_error.hint().unwrap_or_else(|| "".into()).then(end.as_str()))
    }
}

impl DatabaseService<'_> {
    /// An error about the server that it wants, with its place in the file.
    fn in_the_file(&self, source_error: EngineError) -> EngineError {
        let service = self.database.service.clone();
        let Some(at) = self.environment.stack.services.get(&service).map(|found| found.location.clone())
        else {
            return source_error;
        };
        EngineError::of(NoServer { source_error, service, at })
    }

    /// All that is known to keep it from being started.
    fn obstacles(&self, again: Again) -> Vec<EngineError> {
        // Nothing else can be said of data that it cannot have.
        if let Err(error) = self.check_volume(&mut |_| {}) {
            return vec![error];
        }
        match self.observed(again, None) {
            Err(error) => return vec![error],
            Ok(observed) if again.seen(observed).server == Server::Running && !again.fresh => {
                return Vec::new();
            }
            Ok(_) => {}
        }
        let missing = self.missing_for_start().and_then(|missing| self.check_extension(&missing)).err();
        let missing = missing.map(|error| self.in_the_file(error));
        let locked_out = changes::locked_out(&self.database, &self.site).map(EngineError::from);
        missing.into_iter().chain(locked_out).collect()
    }

    /// That its server has the extension that its image is made for; one that is `missing` is asked when it was fetched.
    pub(super) fn check_extension(&self, missing: &[Order]) -> Result<(), EngineError> {
        match self.locate() {
            Ok(installation) if missing.is_empty() => cluster::check_extension(&self.database, &installation),
            Ok(_) | Err(_) => Ok(()),
        }
    }
}
