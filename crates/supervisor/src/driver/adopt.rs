//! Going on with another runbook: what changed is touched, and nothing else.

use std::collections::BTreeSet;
use std::sync::Arc;

use backlot_plan::supervise::{Command, Event, Health, Phase, Release, ServiceId, ServiceSpec};
use backlot_plan::{Difference, ServiceChange, ServiceStep, service_steps};

use crate::driver::Driver;
use crate::protocol::{Failure, FailureCode};
use crate::runbook::{Runbook, ServiceKind, ServiceRun};

impl Driver {
    /// Replaces what has changed, stops what is there no more, and runs `services` with all that they depend on. When none
    /// are named, that is all of the runbook; else the others stay as they are.
    pub(super) fn up(&mut self, wanted: Runbook, services: &[String]) -> Result<Vec<ServiceId>, Failure> {
        let wanted = self.possible(wanted, services)?;
        self.forget_unused_releases();
        let mut specs = Vec::new();
        let mut runs = Vec::new();
        for run in &wanted.services {
            let current = self.machine.stack().find(&run.name).and_then(|id| self.current(id));
            let (release, run) = match current {
                Some((release, old)) if !old.must_be_replaced_by(run) => (release, old.becoming(run)),
                Some(_) | None => (self.new_release(), run.clone()),
            };
            specs.push(ServiceSpec { release, ..crate::spec::service(&run) });
            runs.push((run.name.clone(), release, run));
        }
        let stack =
            self.machine.stack().continued(specs).map_err(|error| Failure::impossible(error.to_string()))?;
        let runs_on = |run: &&ServiceRun| services.is_empty() || self.endpoints.has(&run.name);
        let mut open = wanted.with_dependencies(services);
        open.extend(wanted.services.iter().filter(runs_on));
        self.endpoints.adopt(&open)?;
        for (name, release, run) in runs {
            if let Some(id) = stack.find(&name) {
                self.releases.insert((id, release), Arc::new(run));
            }
        }
        self.addresses.take(&wanted);
        self.runbook = wanted;
        self.tell(Event::Command(Command::Adopt { stack: Box::new(stack) }));
        self.settle();
        self.enter_new_endpoints();
        let named = self.all_or(services)?;
        let up = if services.is_empty() { Vec::new() } else { named.clone() };
        self.tell(Event::Command(Command::Up { services: up }));
        Ok(named)
    }

    /// What [`Driver::up`] would do.
    pub(super) fn plan(&self, wanted: Runbook, services: &[String]) -> Result<Vec<ServiceStep>, Failure> {
        let chosen: BTreeSet<String> =
            wanted.with_dependencies(services).into_iter().map(|run| run.name.clone()).collect();
        let wanted = self.possible(wanted, services)?;
        let now = self.status();
        let running = |name: &str| {
            let report = now.iter().find(|report| report.name == name);
            report.filter(|report| !report.replicas.is_empty()).map(|report| report.wanted)
        };
        let mut changes: Vec<ServiceChange<'_>> = Vec::new();
        for run in &wanted.services {
            let running = running(&run.name);
            changes.push(ServiceChange {
                name: &run.name,
                running,
                wanted: if chosen.contains(&run.name) { Some(run.replicas) } else { running },
                difference: self.difference(run),
            });
        }
        let is_there = |name: &str| wanted.services.iter().any(|run| run.name == name);
        changes.extend(now.iter().filter(|report| !is_there(&report.name)).map(|report| ServiceChange {
            name: &report.name,
            running: running(&report.name),
            wanted: None,
            difference: Difference::None,
        }));
        Ok(service_steps(&changes))
    }

    /// What differs between a service as it runs and as it is wanted.
    fn difference(&self, wanted: &ServiceRun) -> Difference {
        let current = self.machine.stack().find(&wanted.name).and_then(|id| self.current(id));
        let Some((_, old)) = current else { return Difference::Substance };
        let becoming = ServiceRun { replicas: old.replicas, ..old.becoming(wanted) };
        if old.must_be_replaced_by(wanted) {
            Difference::Substance
        } else if becoming == ServiceRun::clone(&old) {
            Difference::None
        } else {
            Difference::Terms
        }
    }

    /// `wanted` as far as it was asked for, if it can be while the others run.
    fn possible(&self, wanted: Runbook, services: &[String]) -> Result<Runbook, Failure> {
        let wanted = self.beside_others(wanted, services)?;
        let Some(service) = self.cannot_become(&wanted) else { return Ok(wanted) };
        let text = format!("{service} has changed in what cannot be changed while the others run");
        Err(Failure { code: FailureCode::Structure, service: Some(service), ..Failure::impossible(text) })
    }

    /// `wanted` as far as it was asked for: services that were not named, nor are needed by those, are left as they run.
    fn beside_others(&self, mut wanted: Runbook, named: &[String]) -> Result<Runbook, Failure> {
        if named.is_empty() {
            return Ok(wanted);
        }
        let is_wanted = |name: &&String| wanted.services.iter().any(|run| run.name == **name);
        for name in named.iter().filter(|name| !is_wanted(name)) {
            self.find(name)?;
        }
        let chosen = wanted.with_dependencies(named).into_iter().map(|run| run.name.clone());
        let chosen: BTreeSet<String> = chosen.collect();
        for old in self.runbook.services.iter().filter(|old| !chosen.contains(&old.name)) {
            let current = self.machine.stack().find(&old.name).and_then(|id| self.current(id));
            let run = current.map_or_else(|| old.clone(), |(_, run)| ServiceRun::clone(&run));
            let run = ServiceRun { replicas: old.replicas, ..run };
            match wanted.services.iter_mut().find(|run| run.name == old.name) {
                Some(place) => *place = run,
                None => wanted.services.push(run),
            }
        }
        Ok(wanted)
    }

    /// A service that becomes something else than it is, or that is to listen where nginx does.
    fn cannot_become(&self, wanted: &Runbook) -> Option<String> {
        let is_front = |run: &&ServiceRun| matches!(run.kind, ServiceKind::Front(_));
        let fronts = self.runbook.services.iter().filter(is_front);
        let held: BTreeSet<u16> =
            fronts.flat_map(|run| &run.process().ports).map(|port| port.endpoint).collect();
        let cannot = |run: &&ServiceRun| {
            let old = self.runbook.services.iter().find(|old| old.name == run.name);
            let other =
                |old: &ServiceRun| std::mem::discriminant(&old.kind) != std::mem::discriminant(&run.kind);
            let is_process = matches!(run.kind, ServiceKind::Process(_));
            old.is_some_and(other)
                || (is_process && run.process().ports.iter().any(|port| held.contains(&port.endpoint)))
        };
        wanted.services.iter().find(cannot).map(|run| run.name.clone())
    }

    /// Lets those that are ready serve endpoints that were opened since.
    fn enter_new_endpoints(&self) {
        for status in self.machine.status() {
            for replica in status.replicas() {
                let Phase::Running { health: Health::Healthy, .. } = replica.phase else { continue };
                if self.processes.get(&replica.replica).is_some_and(|process| process.in_gateway) {
                    let (service, id) =
                        (self.service_name(replica.replica), self.gateway_id(replica.replica));
                    self.endpoints.add(&service, &id, &self.backends(replica.replica));
                }
            }
        }
    }

    /// What a service is made of: what runs, or in a rollout what comes.
    pub(super) fn current(&self, service: ServiceId) -> Option<(Release, Arc<ServiceRun>)> {
        let release = self.status_of(service)?.release();
        Some((release, Arc::clone(self.releases.get(&(service, release))?)))
    }

    /// A new release of a service that is made of the same as now.
    pub(super) fn same_anew(&mut self, service: ServiceId) -> Release {
        let release = self.new_release();
        if let Some((_, run)) = self.current(service) {
            self.releases.insert((service, release), run);
        }
        release
    }

    fn new_release(&mut self) -> Release {
        self.last_release.0 += 1;
        self.last_release
    }

    /// Only what the machine has heard of is in use: not to be done while it is still to be told.
    pub(super) fn forget_unused_releases(&mut self) {
        let used: BTreeSet<(ServiceId, Release)> = self
            .machine
            .status()
            .flat_map(|status| status.releases().into_iter().map(move |release| (status.service(), release)))
            .collect();
        self.releases.retain(|key, _| used.contains(key));
    }
}
