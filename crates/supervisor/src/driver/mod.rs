//! The main loop: carries out what the state machine decides, and tells it what happens.
//!
//! One thread owns everything and starts all processes, because they die with the thread that has started them. All
//! others only wait for one thing each, and tell it.

mod adopt;
mod beside;
mod ending;
mod endpoints;
mod health;
mod hooks;
mod input;
mod launch;
mod listening;
mod report;
mod requests;
mod spawn;
mod timers;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use backlot_gateway::ReplicaId as GatewayId;
use backlot_plan::supervise::{
    Action, Command, Event, Moment, Outcome, Release, ReplicaId, ServiceId, ServiceStatus, Supervision,
};
use backlot_process::{Ends, kill_descendants, reap_strangers};

use crate::addresses::Addresses;
use crate::driver::beside::Beside;
use crate::driver::endpoints::{Backends, Endpoints};
use crate::driver::health::HealthCheck;
use crate::driver::launch::Process;
use crate::driver::requests::Waiter;
use crate::driver::timers::Timers;
use crate::protocol::Failure;
use crate::runbook::{Databases, Readiness, Runbook, ServiceRun};
use backlot_logs::{Cap, LogSet, Tail, cap_foreign};

pub(crate) use crate::driver::input::{ConnectionId, Input};
pub(crate) use crate::driver::launch::Own;

/// How often it is looked after what needs no haste.
const HOUSEKEEPING: Duration = Duration::from_secs(10);
/// How long is worked without listening to anybody.
const TURN: Duration = Duration::from_millis(50);
/// How long what is left at the end has to die.
const KILL_LIMIT: Duration = Duration::from_secs(2);

/// A running stack.
pub(crate) struct Driver {
    machine: Supervision,
    begun: Instant,
    runbook: Runbook,
    releases: BTreeMap<(ServiceId, Release), Arc<ServiceRun>>,
    last_release: Release,
    processes: BTreeMap<ReplicaId, Process>,
    /// The last lines of the latest process of each place.
    tails: BTreeMap<(ServiceId, u32), Tail>,
    endpoints: Endpoints,
    addresses: Arc<Addresses>,
    logs: LogSet,
    databases: Arc<dyn Databases>,
    inputs: Sender<Input>,
    ends: Ends,
    timers: Timers,
    events: VecDeque<Event>,
    /// What the machine has said and is not done yet.
    actions: VecDeque<Action>,
    waiters: Vec<Waiter>,
    /// The services of which it was told that they are ready, and where.
    announced: BTreeSet<ServiceId>,
    /// Those of which it was told that nobody answers at their ports.
    silent: BTreeSet<ServiceId>,
    asked_to_end: u32,
    /// Cuts logs that others write, which takes as long as they are.
    capping: Option<JoinHandle<()>>,
}

impl Driver {
    /// Opens the endpoints of `services` and of what they depend on (all, if none is named); nothing runs yet.
    pub(crate) fn new(
        runbook: Runbook,
        services: &[String],
        databases: Arc<dyn Databases>,
        inputs: Sender<Input>,
    ) -> Result<Self, Failure> {
        let stack = crate::spec::stack(&runbook).map_err(|error| Failure::impossible(error.to_string()))?;
        let machine = Supervision::new(stack);
        let releases = runbook.services.iter().filter_map(|run| {
            let id = machine.stack().find(&run.name)?;
            Some(((id, Release::default()), Arc::new(run.clone())))
        });
        let releases = releases.collect();
        let logs = LogSet::new(&runbook.logs, Cap::default());
        let mut endpoints = Endpoints::new(logs.clone())?;
        for run in runbook.with_dependencies(services) {
            endpoints.open(run)?;
        }
        let addresses = Arc::<Addresses>::default();
        addresses.take(&runbook);
        Ok(Self {
            machine,
            begun: Instant::now(),
            runbook,
            releases,
            last_release: Release::default(),
            processes: BTreeMap::new(),
            tails: BTreeMap::new(),
            endpoints,
            addresses,
            logs,
            databases,
            inputs,
            ends: Ends::new().map_err(|error| Failure::impossible(error.to_string()))?,
            timers: Timers::default(),
            events: VecDeque::new(),
            actions: VecDeque::new(),
            waiters: Vec::new(),
            announced: BTreeSet::new(),
            silent: BTreeSet::new(),
            asked_to_end: 0,
            capping: None,
        })
    }

    /// Who knows where addresses lead.
    pub(crate) fn addresses(&self) -> Arc<Addresses> {
        Arc::clone(&self.addresses)
    }

    /// Starts `services` and what they depend on (all, if none is named), and runs until everything is stopped. It is reached at
    /// `socket`: when that goes with the whole home, nobody could ever stop it, so it ends.
    pub(crate) fn run(mut self, services: &[String], heard: &Receiver<Input>, socket: &Path) {
        let services = services.iter().filter_map(|name| self.machine.stack().find(name)).collect();
        self.tell(Event::Command(Command::Up { services }));
        let mut tidied = Instant::now();
        loop {
            let is_settled = self.settle_for(TURN);
            if is_settled && self.is_over() {
                break;
            }
            let next = self.timers.next().unwrap_or(tidied + HOUSEKEEPING).min(tidied + HOUSEKEEPING);
            let wait =
                if is_settled { next.saturating_duration_since(Instant::now()) } else { Duration::ZERO };
            match heard.recv_timeout(wait) {
                Ok(input) => {
                    self.hear(input);
                    for input in heard.try_iter() {
                        self.hear(input);
                    }
                }
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
            }
            while let Some(timer) = self.timers.take(Instant::now()) {
                self.tell(Event::Timer(timer));
            }
            if tidied.elapsed() >= HOUSEKEEPING {
                tidied = Instant::now();
                self.tidy();
                if matches!(socket.try_exists(), Ok(false)) {
                    self.asked_to_end();
                }
            }
        }
        self.endpoints.close();
        kill_descendants(&[], KILL_LIMIT);
        self.answer_all_at_the_end();
    }

    fn is_over(&self) -> bool {
        self.machine.outcome() == Outcome::Stopped && self.processes.is_empty()
    }

    fn tell(&mut self, event: Event) {
        self.events.push_back(event);
    }

    /// Tells the machine what has happened, does what it says, and answers those who have waited for it.
    fn settle(&mut self) {
        while self.settle_one() {}
        self.settled();
    }

    /// The same for about so long, as a thousand processes take their time; whether that was all.
    fn settle_for(&mut self, limit: Duration) -> bool {
        let begun = Instant::now();
        while self.settle_one() {
            if begun.elapsed() > limit {
                return false;
            }
        }
        self.settled();
        true
    }

    /// Does one thing, if there is one to do.
    fn settle_one(&mut self) -> bool {
        if let Some(action) = self.actions.pop_front() {
            self.act(action);
        } else if let Some(event) = self.events.pop_front() {
            let now = Moment::after_start(self.begun.elapsed());
            self.actions.extend(self.machine.on_event(event, now));
        } else {
            return false;
        }
        true
    }

    fn settled(&mut self) {
        self.give_up_hooks();
        if !self.machine.status().any(|status| status.is_rolling()) {
            self.endpoints.close_stale();
        }
        self.answer_waiters();
    }

    fn hear(&mut self, input: Input) {
        match input {
            Input::Exited { replica, exit } => self.exited(replica, exit),
            Input::DatabaseStarted { replica, outcome } => self.database_started(replica, outcome),
            Input::Listens { replica, addresses } => {
                if let Some(process) = self.processes.get_mut(&replica) {
                    let is_own = |(socket, address): (&TcpListener, &Option<SocketAddr>)| {
                        address.is_none_or(|address| socket.local_addr().is_ok_and(|own| own == address))
                    };
                    if !process.handed.iter().zip(&addresses).all(is_own) {
                        // Nobody listens there: a client must not be let in.
                        process.handed.clear();
                    }
                    process.addresses = addresses;
                    process.elsewhere = None;
                    self.heard_of_listening(replica);
                }
            }
            Input::ListensElsewhere { replica, address } => {
                if let Some(process) = self.processes.get_mut(&replica) {
                    process.elsewhere = Some(address);
                    if self.has_to_listen(replica) {
                        self.tell(Event::ListensElsewhere { replica, address: address.to_string() });
                    }
                }
            }
            Input::Quiet { replica, waited } => {
                if !self.has_to_listen(replica) {
                    self.warn_of_silence(replica, waited);
                    self.tell(Event::Quiet(replica));
                }
            }
            Input::Inside { replica, pid } => self.begun(replica, pid),
            Input::NotBegun { replica, waited } => self.not_begun(replica, waited),
            Input::Health { replica, epoch, answer } => {
                // It takes the place of one that serves: not before it can.
                let too_early = answer.is_ok()
                    && self.has_to_listen(replica)
                    && self.processes.get(&replica).is_some_and(|process| !process.listens());
                let answer =
                    if too_early { Err("it is well, but does not listen yet".to_owned()) } else { answer };
                if let Some(process) = self.processes.get_mut(&replica) {
                    process.last_check = answer.clone().err();
                }
                self.tell(Event::Health { replica, epoch, answer });
            }
            Input::Hooked { replica, pid, when, outcome } => self.hooked(replica, pid, when, outcome),
            Input::Drained { replica } => self.tell(Event::Drained(replica)),
            Input::Request { connection, request, reply } => self.request(connection, request, reply),
            Input::HungUp { connection } => self.hung_up(connection),
            Input::AskedToEnd => self.asked_to_end(),
        }
    }

    fn asked_to_end(&mut self) {
        self.asked_to_end += 1;
        let command = if self.asked_to_end == 1 { Command::Down } else { Command::Kill };
        self.tell(Event::Command(command));
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Spawn { replica, release } => self.spawn(replica, release),
            Action::CheckHealth { replica, epoch, limit } => {
                let Some(run) = self.run_of(replica) else { return };
                let (Readiness::Check(health), Some(process)) =
                    (&run.readiness, self.processes.get(&replica))
                else {
                    return;
                };
                let (service, check) = (run.name.clone(), health.check.clone());
                let beside = Beside::of(&run, process);
                let check = HealthCheck { replica, epoch, limit, service, check, beside };
                check.start(Arc::clone(&self.databases), self.inputs.clone());
            }
            Action::AddToGateway(replica) => self.add_to_gateway(replica),
            Action::RemoveFromGateway(replica) => {
                self.serves(replica, false);
                self.endpoints.pause(&self.service_name(replica), &self.gateway_id(replica));
            }
            Action::Drain { replica, limit } => {
                let (service, id) = (self.service_name(replica), self.gateway_id(replica));
                self.serves(replica, false);
                if self.processes.get(&replica).is_some_and(|process| process.in_gateway) {
                    self.endpoints.drain(&service, replica, &id, limit, &self.inputs);
                } else {
                    self.tell(Event::Drained(replica));
                }
            }
            Action::Signal { replica, signal } => self.ask_to_end(replica, signal),
            Action::Kill(replica) => self.kill(replica),
            Action::SetTimer { timer, after } => self.timers.set(timer, Instant::now() + after),
            Action::Report(report) => self.report(&report),
        }
    }

    /// Whether requests of other services go to a replica through the gateway.
    fn serves(&self, replica: ReplicaId, serves: bool) {
        if let Some(network) = self.processes.get(&replica).and_then(|process| process.network.as_ref()) {
            self.addresses.serves(&self.service_name(replica), network, serves);
        }
    }

    fn add_to_gateway(&mut self, replica: ReplicaId) {
        let (service, id) = (self.service_name(replica), self.gateway_id(replica));
        if let Some(process) = self.processes.get_mut(&replica) {
            // Where it does not listen yet it is added as soon as it does.
            process.in_gateway = true;
            self.serves(replica, true);
            self.endpoints.add(&service, &id, &self.backends(replica));
        }
    }

    /// Where a replica serves which port of its container.
    fn backends(&self, replica: ReplicaId) -> Backends {
        let (Some(run), Some(process)) = (self.run_of(replica), self.processes.get(&replica)) else {
            return Backends::new();
        };
        let targets = run.process().ports.iter().map(|port| port.target);
        targets.zip(&process.addresses).filter_map(|(target, address)| Some((target, (*address)?))).collect()
    }

    /// The process of a replica is gone.
    fn forget(&mut self, replica: ReplicaId) {
        if let Some(process) = self.processes.remove(&replica) {
            process.over.store(true, std::sync::atomic::Ordering::Relaxed);
            if let Some(hooks) = &process.hooks {
                hooks.store(true, std::sync::atomic::Ordering::Relaxed);
            }
            if let Some(network) = &process.network {
                self.addresses.leave(&self.service_name(replica), network);
            }
            self.endpoints.remove(&self.service_name(replica), &self.gateway_id(replica));
        }
    }

    /// What needs no haste.
    fn tidy(&mut self) {
        let known: Vec<i32> = self.processes.values().map(|process| process.id.pid).collect();
        reap_strangers(&known);
        if self.capping.as_ref().is_some_and(|thread| !thread.is_finished()) {
            return;
        }
        let logs = self.runbook.foreign_logs.clone();
        let cap = move || {
            for log in logs {
                // Too long a log is no reason to stop.
                let _ = cap_foreign(&log, Cap::default());
            }
        };
        self.capping = std::thread::Builder::new().name("tidy".into()).spawn(cap).ok();
    }

    fn service_name(&self, replica: ReplicaId) -> String {
        self.machine.stack().service(replica.service).name.clone()
    }

    fn gateway_id(&self, replica: ReplicaId) -> GatewayId {
        GatewayId::from(format!("{}.{}", self.machine.label(replica), replica.run).as_str())
    }

    fn status_of(&self, service: ServiceId) -> Option<ServiceStatus<'_>> {
        self.machine.status().find(|status| status.service() == service)
    }

    /// What a replica was made of.
    fn run_of(&self, replica: ReplicaId) -> Option<Arc<ServiceRun>> {
        let release =
            self.status_of(replica.service)?.replicas().find(|status| status.replica == replica)?.release;
        self.releases.get(&(replica.service, release)).map(Arc::clone)
    }
}
