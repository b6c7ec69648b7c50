//! What is told of a running stack.

use std::net::{SocketAddr, SocketAddrV4};
use std::sync::PoisonError;
use std::time::{Duration, UNIX_EPOCH};

use backlot_plan::Endpoint;
use backlot_plan::supervise::{
    Health as PlanHealth, Phase, Reason, ReplicaId, ReplicaStatus, Report, ServiceId, ServiceStatus,
};

use crate::driver::Driver;
use crate::protocol::{
    EndpointReport, Failure, FailureCode, Health, News, ReplicaReport, ServiceReport, State, native,
};
use crate::runbook::{PortRun, ServiceKind};
use backlot_logs::Stream;

impl Driver {
    /// How everything is, each service after those that it depends on.
    pub(super) fn status(&self) -> Vec<ServiceReport> {
        self.machine.status().map(|status| self.service_report(status)).collect()
    }

    fn service_report(&self, status: ServiceStatus<'_>) -> ServiceReport {
        let name = &self.machine.stack().service(status.service()).name;
        ServiceReport {
            name: name.clone(),
            engine: self.engine(name),
            wanted: status.wanted(),
            rolling: status.is_rolling(),
            endpoints: self.endpoints(name),
            replicas: status.replicas().map(|replica| self.replica_report(&replica)).collect(),
        }
    }

    fn engine(&self, name: &str) -> String {
        let run = self.runbook.services.iter().find(|run| run.name == name);
        let container = run.and_then(|run| run.process().container.as_ref());
        container.map_or_else(native, |container| container.engine.clone())
    }

    fn endpoints(&self, name: &str) -> Vec<EndpointReport> {
        let Some(run) = self.runbook.services.iter().find(|run| run.name == name) else { return Vec::new() };
        let reports = |port: &PortRun| {
            let published = port.published_at();
            let own = crate::runbook::local(port.endpoint);
            let hidden = Some(own).filter(|own| !published.contains(own));
            let all =
                hidden.into_iter().map(|own| (own, false)).chain(published.into_iter().map(|at| (at, true)));
            let (target, protocol) = (port.target, port.protocol);
            let report = move |(at, published): (SocketAddr, bool)| EndpointReport {
                target,
                address: Endpoint::new(at.ip().to_string(), at.port()),
                published,
                protocol,
            };
            all.map(report).collect::<Vec<_>>()
        };
        run.process().ports.iter().flat_map(reports).collect()
    }

    fn replica_report(&self, status: &ReplicaStatus<'_>) -> ReplicaReport {
        let process = self.processes.get(&status.replica);
        let network = process.and_then(|process| process.network.as_ref());
        let real = |(port, place): (u16, SocketAddrV4)| (port, SocketAddr::V4(place));
        let (state, health, reason) = describe(status.phase);
        // Until the checks' times are up, this is all that is known.
        let awaited = || {
            let said = process.and_then(|process| process.last_check.as_ref());
            said.filter(|_| health == Some(Health::Starting)).map(|said| format!("its last check: {said}"))
        };
        let started = process.and_then(|process| process.started.duration_since(UNIX_EPOCH).ok());
        ReplicaReport {
            number: status.replica.number,
            state,
            health,
            reason: reason.map(ToString::to_string).or_else(awaited),
            addresses: process
                .map(|process| {
                    let known = process.addresses.iter().flatten();
                    known.map(|at| Endpoint::new(at.ip().to_string(), at.port())).collect()
                })
                .unwrap_or_default(),
            pid: process.and_then(|process| match process.container {
                // Its client is nobody's business.
                Some(_) => process.inside,
                None => Some(process.id.pid),
            }),
            started: started.and_then(|started| u64::try_from(started.as_millis()).ok()),
            restarts: status.restarts,
            own: network.map(|network| network.own()),
            ports: network.map(|network| network.listening()).into_iter().flatten().map(real).collect(),
        }
    }

    /// That a service is ready, and where it is reached; nothing for one that is not published.
    pub(super) fn announcement(&self, service: ServiceId) -> Option<News> {
        let name = self.machine.stack().service(service).name.clone();
        let published = self.endpoints(&name).into_iter().filter(|endpoint| endpoint.published);
        let urls: Vec<String> = published.map(|endpoint| endpoint.url()).collect();
        let text = format!("is ready at {}", urls.join(", "));
        (!urls.is_empty()).then_some(News { service: name, replica: None, text, bad: false })
    }

    /// Tells where a service is reached, when that is known for the first time; whether it was told.
    pub(super) fn announce(&mut self, replica: ReplicaId) -> bool {
        if self.is_silent(replica) || !self.announced.insert(replica.service) {
            return false;
        }
        let news = self.announcement(replica.service);
        news.as_ref().inspect(|news| self.broadcast(news)).is_some()
    }

    /// Whether a replica has ports, and listens at none of them.
    fn is_silent(&self, replica: ReplicaId) -> bool {
        self.processes.get(&replica).is_some_and(|process| !process.told.is_empty() && !process.listens())
    }

    /// Says once of a service that nobody answers at its ports, if they are published, and where it listens instead.
    pub(super) fn warn_of_silence(&mut self, replica: ReplicaId, waited: Duration) {
        let Some(run) = self.run_of(replica) else { return };
        let published = run.process().ports.iter().flat_map(PortRun::published_at);
        let ports: Vec<String> = published.map(|at| at.port().to_string()).collect();
        if ports.is_empty() || !self.silent.insert(replica.service) {
            return;
        }
        let reason = Reason::NotListening { waited };
        let elsewhere = self.processes.get(&replica).and_then(|process| process.elsewhere);
        let why = match elsewhere {
            Some(address) => self.way_out(replica.service, &address.to_string()),
            None => self.not_listening(replica.service, &reason),
        };
        let text =
            format!("runs, and nobody answers at its published port {} yet: it {why}", ports.join(", "));
        self.logs.line(
            &run.name,
            &self.machine.label(replica),
            Stream::Err,
            &format!("(backlot: it {text})"),
        );
        let replica = Some(self.machine.label(replica));
        self.broadcast(&News { service: run.name.clone(), replica, text, bad: true });
    }

    /// Tells those who look on.
    pub(super) fn report(&mut self, report: &Report) {
        if let Report::Healthy(id) = report
            && self.announce(*id)
        {
            return;
        }
        let (replica, service, text, bad) = match report {
            Report::Healthy(id) if self.is_silent(*id) => {
                (Some(*id), id.service, "is running".to_owned(), false)
            }
            Report::Healthy(id) => (Some(*id), id.service, "is ready".to_owned(), false),
            Report::Restarting { replica, reason, after } => {
                let text = format!("{reason} and is started again in {} ms", after.as_millis());
                (Some(*replica), replica.service, text, true)
            }
            Report::Completed(id) => (Some(*id), id.service, "has finished well".to_owned(), false),
            Report::Unhealthy { replica, reason }
            | Report::Failed { replica, reason }
            | Report::Blocked { replica, reason } => {
                (Some(*replica), replica.service, self.told(replica.service, reason), true)
            }
            Report::Gone(id) => (Some(*id), id.service, "is stopped".to_owned(), false),
            Report::Unkillable(id) => (
                Some(*id),
                id.service,
                "was killed and lives on: the kernel does not let it go".to_owned(),
                true,
            ),
            Report::RolloutDone(service) => (None, *service, "was replaced".to_owned(), false),
            Report::RolloutAborted { service, reason } => (None, *service, reason.to_string(), true),
        };
        let news = News {
            service: self.machine.stack().service(service).name.clone(),
            replica: replica.map(|id| self.machine.label(id)),
            text,
            bad,
        };
        self.broadcast(&news);
    }

    /// A trouble in full: where a process listens instead, and what to do about it.
    fn told(&self, service: ServiceId, reason: &Reason) -> String {
        match reason {
            Reason::ListensElsewhere { address } => self.way_out(service, address),
            Reason::NotListening { .. } => self.not_listening(service, reason),
            Reason::NotSpawned { .. }
            | Reason::Exited(_)
            | Reason::CrashLoop { .. }
            | Reason::Unhealthy { .. }
            | Reason::Stopped
            | Reason::Dependency { .. }
            | Reason::RolloutAborted { .. } => reason.to_string(),
        }
    }

    /// Who has the port that a service was to listen on, if somebody has.
    fn not_listening(&self, service: ServiceId, reason: &Reason) -> String {
        let mut replicas = self.processes.keys().filter(|replica| replica.service == service);
        match replicas.find_map(|replica| self.taken_from(*replica)) {
            Some((port, by)) => format!("{reason}: port {port}, which it was told, is in use{by}"),
            None => reason.to_string(),
        }
    }

    fn way_out(&self, service: ServiceId, address: &str) -> String {
        let told = self.processes.iter().find(|(id, _)| id.service == service);
        let port = told.and_then(|(_, process)| process.told.first().copied()).unwrap_or(0);
        let run = self.releases.iter().find(|((id, _), _)| *id == service).map(|(_, run)| run);
        if run.is_some_and(|run| run.process().has_addresses) {
            let other = address.rsplit_once(':').map_or(address, |(_, port)| port);
            return format!(
                "listens on {other} instead of {port}: have it listen on that, or say {other} in its file, or another \
                 command in `x-backlot: {{command: …}}`"
            );
        }
        let names = run.map(|run| run.process().port_variables.join(", ")).unwrap_or_default();
        let front = run.is_some_and(|run| matches!(run.kind, ServiceKind::Front(_)));
        if front || names.is_empty() {
            return format!("listens on {address} instead of 127.0.0.1:{port}");
        }
        format!(
            "listens on {address} instead of 127.0.0.1:{port}: have it take the host 127.0.0.1 and the port from a variable ({names}), or say another command in `x-backlot: {{command: …}}`"
        )
    }

    /// The trouble of a service, with the last lines of the process that is at fault.
    pub(super) fn failure(&self, service: ServiceId, reason: &Reason) -> Failure {
        let name = self.machine.stack().service(service).name.clone();
        let text = self.told(service, reason);
        let named = |name: &String| self.machine.stack().find(name);
        let at_fault = if let Reason::Dependency { service, .. } = reason { named(service) } else { None };
        let status = self.status_of(service);
        let goes_on = status.is_some_and(|status| {
            status.replicas().any(|replica| matches!(replica.phase, Phase::BackingOff { .. }))
        });
        let then = if goes_on { "; it is started again, as its restart policy says" } else { "" };
        Failure {
            code: FailureCode::Service,
            text: format!("{name} {text}{then}"),
            service: Some(name),
            last_lines: self.last_lines(at_fault.unwrap_or(service), reason),
        }
    }

    /// The last lines of the process that failed: the new one of a rollout, else one that is in trouble.
    fn last_lines(&self, service: ServiceId, reason: &Reason) -> Vec<String> {
        let named = if let Reason::RolloutAborted { replica, .. } = reason {
            replica.rsplit_once('-').and_then(|(_, number)| number.parse().ok())
        } else {
            None
        };
        let status = self.status_of(service);
        let troubled = status.and_then(|status| {
            status.replicas().find(|replica| !replica.phase.is_ready()).map(|replica| replica.replica.number)
        });
        let number: u32 = named.or(troubled).unwrap_or(1);
        let tail = self.tails.get(&(service, number));
        tail.map(|tail| tail.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect())
            .unwrap_or_default()
    }
}

fn describe(phase: &Phase) -> (State, Option<Health>, Option<&Reason>) {
    match phase {
        Phase::Waiting => (State::Waiting, None, None),
        Phase::Blocked(reason) => (State::Blocked, None, Some(reason)),
        Phase::Spawning => (State::Starting, None, None),
        Phase::Running { health, .. } => match health {
            PlanHealth::Starting => (State::Running, Some(Health::Starting), None),
            PlanHealth::Healthy => (State::Running, Some(Health::Healthy), None),
            PlanHealth::Unhealthy(reason) => (State::Running, Some(Health::Unhealthy), Some(reason)),
        },
        Phase::BackingOff { reason, .. } => (State::Restarting, None, Some(reason)),
        Phase::Draining => (State::Draining, None, None),
        Phase::Stopping | Phase::Killing => (State::Stopping, None, None),
        Phase::Completed => (State::Completed, None, None),
        Phase::Failed(reason) => (State::Failed, None, Some(reason)),
    }
}
