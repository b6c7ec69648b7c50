//! A stack, a clock, and words: `web-1` is the present process in place 1 of `web`, and actions read as sentences.

use std::time::Duration;

use backlot_plan::supervise::{
    Action, Command, Epoch, Event, Exit, Health, Moment, Outcome, Phase, Readiness, Release, ReplicaId,
    Report, ServiceId, ServiceSpec, StackSpec, Supervision, Timer, TimerKind,
};
use backlot_plan::{Condition, Dependency, HealthTimes, RestartPolicy};

pub(crate) const LISTENS: Readiness = Readiness::Listening { limit: Duration::from_secs(30) };

pub(crate) const CHECKED: Readiness = Readiness::Check(HealthTimes {
    interval: Duration::from_secs(10),
    timeout: Duration::from_secs(3),
    retries: 2,
    start_period: Duration::ZERO,
    start_interval: Duration::from_secs(5),
});

pub(crate) fn service(name: &str, change: impl FnOnce(&mut ServiceSpec)) -> ServiceSpec {
    let mut spec = ServiceSpec::new(name);
    change(&mut spec);
    spec
}

/// A web service of so many replicas behind the gateway.
pub(crate) fn web(replicas: u32) -> ServiceSpec {
    service("web", |web| {
        web.replicas = replicas;
        web.readiness = LISTENS;
        web.gateway = true;
    })
}

pub(crate) fn needs(spec: &mut ServiceSpec, other: &str, dependency: Dependency) {
    spec.depends_on.insert(other.into(), dependency);
}

pub(crate) fn after(spec: &mut ServiceSpec, other: &str, condition: Condition) {
    needs(spec, other, Dependency { condition, required: true, restart: false });
}

pub(crate) struct Stage {
    pub(crate) machine: Supervision,
    pub(crate) now: Duration,
    timers: Vec<Timer>,
    checks: Vec<(ReplicaId, Epoch)>,
}

impl Stage {
    pub(crate) fn new(services: impl IntoIterator<Item = ServiceSpec>) -> Self {
        let stack = StackSpec::new(services.into_iter().collect()).unwrap();
        Self { machine: Supervision::new(stack), now: Duration::ZERO, timers: Vec::new(), checks: Vec::new() }
    }

    /// All services up, every process spawned and listening or checked well; jobs done.
    pub(crate) fn ready(services: impl IntoIterator<Item = ServiceSpec>) -> Self {
        let mut stage = Self::new(services);
        stage.up();
        stage.be_well();
        assert_eq!(stage.machine.outcome(), Outcome::Ready);
        stage
    }

    /// Whatever is spawned comes up well, until nothing more does.
    pub(crate) fn be_well(&mut self) {
        for _ in 0..10 {
            for (name, phase) in self.phases() {
                match phase {
                    Phase::Spawning => drop(self.spawned(&name)),
                    Phase::Running { health: Health::Starting, .. } => {
                        self.listening(&name);
                        if self.checks.iter().any(|(replica, _)| *replica == self.id(&name)) {
                            self.check_ok(&name);
                        }
                    }
                    _ => {}
                }
            }
        }
    }

    pub(crate) fn service(&self, name: &str) -> ServiceId {
        self.machine.stack().find(name).unwrap()
    }

    pub(crate) fn phases(&self) -> Vec<(String, Phase)> {
        let replicas = self.machine.status().flat_map(|service| service.replicas());
        replicas.map(|replica| (self.machine.label(replica.replica), replica.phase.clone())).collect()
    }

    pub(crate) fn phase(&self, name: &str) -> Phase {
        self.phases().into_iter().find(|(known, _)| known == name).unwrap().1
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.phases().into_iter().map(|(name, _)| name).collect()
    }

    pub(crate) fn id(&self, name: &str) -> ReplicaId {
        let mut replicas = self.machine.status().flat_map(|service| service.replicas());
        replicas.find(|replica| self.machine.label(replica.replica) == name).unwrap().replica
    }

    pub(crate) fn tell(&mut self, event: Event) -> Vec<String> {
        let actions = self.machine.on_event(event, Moment::after_start(self.now));
        actions.iter().filter_map(|action| self.read(action)).collect()
    }

    pub(crate) fn pass(&mut self, time: Duration) {
        self.now += time;
    }

    pub(crate) fn up(&mut self) -> Vec<String> {
        self.tell(Event::Command(Command::Up { services: Vec::new() }))
    }

    pub(crate) fn down(&mut self) -> Vec<String> {
        self.tell(Event::Command(Command::Down))
    }

    pub(crate) fn stop(&mut self, name: &str) -> Vec<String> {
        self.tell(Event::Command(Command::Stop { service: self.service(name) }))
    }

    pub(crate) fn hasten(&mut self, name: &str, grace: Duration) -> Vec<String> {
        self.tell(Event::Command(Command::Hasten { service: self.service(name), grace }))
    }

    pub(crate) fn scale(&mut self, name: &str, replicas: u32) -> Vec<String> {
        self.tell(Event::Command(Command::Scale { service: self.service(name), replicas }))
    }

    pub(crate) fn restart(&mut self, name: &str, rolling: bool) -> Vec<String> {
        let service = self.service(name);
        self.tell(Event::Command(Command::Restart { service, release: Release(7), rolling }))
    }

    pub(crate) fn spawned(&mut self, name: &str) -> Vec<String> {
        self.tell(Event::Spawned(self.id(name)))
    }

    pub(crate) fn not_spawned(&mut self, name: &str) -> Vec<String> {
        self.tell(Event::SpawnFailed { replica: self.id(name), detail: "no such file".into() })
    }

    pub(crate) fn exits(&mut self, name: &str, code: i32) -> Vec<String> {
        self.tell(Event::Exited { replica: self.id(name), exit: Exit::Code(code) })
    }

    pub(crate) fn listening(&mut self, name: &str) -> Vec<String> {
        self.tell(Event::Listening(self.id(name)))
    }

    pub(crate) fn drained(&mut self, name: &str) -> Vec<String> {
        self.tell(Event::Drained(self.id(name)))
    }

    pub(crate) fn check_ok(&mut self, name: &str) -> Vec<String> {
        self.checked(name, Ok(()))
    }

    pub(crate) fn check_fails(&mut self, name: &str) -> Vec<String> {
        self.checked(name, Err("refused".into()))
    }

    /// Answers the newest check.
    fn checked(&mut self, name: &str, answer: Result<(), String>) -> Vec<String> {
        let id = self.id(name);
        let (replica, epoch) = *self.checks.iter().rfind(|(replica, _)| *replica == id).unwrap();
        self.tell(Event::Health { replica, epoch, answer })
    }

    /// The newest timer of this process and kind.
    pub(crate) fn timer(&self, name: &str, kind: TimerKind) -> Timer {
        let id = self.id(name);
        *self.timers.iter().rfind(|timer| timer.replica == id && timer.kind == kind).unwrap()
    }

    pub(crate) fn time_out(&mut self, name: &str, kind: TimerKind) -> Vec<String> {
        let timer = self.timer(name, kind);
        self.tell(Event::Timer(timer))
    }

    fn read(&mut self, action: &Action) -> Option<String> {
        let name = |id: &ReplicaId| self.machine.label(*id);
        Some(match action {
            Action::Spawn { replica, release: Release(0) } => format!("spawn {}", name(replica)),
            Action::Spawn { replica, release } => format!("spawn {} of {}", name(replica), release.0),
            Action::CheckHealth { replica, epoch, .. } => {
                let text = format!("check {}", name(replica));
                self.checks.push((*replica, *epoch));
                text
            }
            Action::AddToGateway(replica) => format!("add {}", name(replica)),
            Action::RemoveFromGateway(replica) => format!("remove {}", name(replica)),
            Action::Drain { replica, .. } => format!("drain {}", name(replica)),
            Action::Signal { replica, signal } => format!("signal {} {}", signal.0, name(replica)),
            Action::Kill(replica) => format!("kill {}", name(replica)),
            Action::SetTimer { timer, after } => {
                let text = format!("{:?} {} {after:?}", timer.kind, name(&timer.replica));
                self.timers.push(*timer);
                text
            }
            Action::Report(report) => match report {
                Report::Unkillable(replica) => format!("{} is unkillable", name(replica)),
                Report::RolloutDone(_) => "rollout done".into(),
                Report::RolloutAborted { reason, .. } => format!("rollout aborted: {reason}"),
                Report::Failed { replica, reason } => format!("{} failed: {reason}", name(replica)),
                Report::Blocked { replica, reason } | Report::Unhealthy { replica, reason } => {
                    format!("{} {reason}", name(replica))
                }
                Report::Gone(replica) => format!("{} is gone", name(replica)),
                Report::Completed(replica) => format!("{} completed", name(replica)),
                Report::Healthy(_) | Report::Restarting { .. } => return None,
            },
        })
    }
}

pub(crate) fn always(spec: &mut ServiceSpec) {
    spec.restart = RestartPolicy::Always;
}
