//! The machine.

use super::action::Action;
use super::event::{Command, Event};
use super::ids::{Moment, ReplicaId, ServiceId};
use super::outbox::Outbox;
use super::reason::Reason;
use super::replica::Replica;
use super::service::Service;
use super::stack::StackSpec;

/// The supervision of one stack.
#[derive(Debug, Clone)]
pub struct Supervision {
    pub(super) stack: StackSpec,
    /// By `ServiceId`.
    pub(super) services: Vec<Service>,
    pub(super) out: Outbox,
}

impl Supervision {
    /// Nothing runs until an [`Command::Up`].
    #[must_use]
    pub fn new(stack: StackSpec) -> Self {
        let services =
            (0..stack.len()).map(ServiceId).map(|id| Service::new(id, stack.service(id))).collect();
        Self { stack, services, out: Outbox::default() }
    }

    /// The stack that is supervised.
    #[must_use]
    pub fn stack(&self) -> &StackSpec {
        &self.stack
    }

    /// A replica's name for people: `web-1`.
    #[must_use]
    pub fn label(&self, replica: ReplicaId) -> String {
        format!("{}-{}", self.stack.service(replica.service).name, replica.number)
    }

    /// What is to be done now that this happened. What comes too late to matter has no effect.
    #[must_use]
    pub fn on_event(&mut self, event: Event, now: Moment) -> Vec<Action> {
        match event {
            Event::Command(command) => self.command_for_known(command),
            Event::Spawned(id) => self.tell(id, |replica, out| replica.on_spawned(out, now)),
            Event::SpawnFailed { replica: id, detail } => {
                self.ended(id, Reason::NotSpawned { detail }, now);
            }
            Event::Exited { replica: id, exit } => self.ended(id, exit.into(), now),
            Event::Listening(id) => self.tell(id, Replica::on_listening),
            Event::ListensElsewhere { replica: id, address } => {
                self.tell(id, |replica, out| replica.on_listens_elsewhere(address, out));
            }
            Event::Quiet(id) => self.tell(id, Replica::on_quiet),
            Event::Health { replica: id, epoch, answer } => {
                self.tell(id, |replica, out| replica.on_health(epoch, answer, out, now));
            }
            Event::Drained(id) => self.tell(id, Replica::on_drained),
            Event::Timer(timer) => {
                self.tell(timer.replica, |replica, out| replica.on_timer(timer, out, now));
            }
        }
        self.settle();
        self.out.take()
    }

    /// Tells a replica, if its present process is meant.
    fn tell(&mut self, id: ReplicaId, news: impl FnOnce(&mut Replica, &mut Outbox)) {
        if let Some(service) = self.services.get_mut(id.service.0)
            && let Some(replica) = service.find(id)
        {
            news(replica, &mut self.out);
        }
    }

    fn ended(&mut self, id: ReplicaId, reason: Reason, now: Moment) {
        let is_job = id.service.0 < self.stack.len() && self.stack.node(id.service).job;
        self.tell(id, |replica, out| replica.on_end(reason, is_job, out, now));
    }

    /// Leaves out services that another stack gave out, or that are not part of this one any more.
    fn command_for_known(&mut self, command: Command) {
        let known = |id: &ServiceId| id.0 < self.stack.len() && !self.stack.node(*id).retired;
        let is_known = match &command {
            Command::Up { services } => services.iter().all(known),
            Command::Down | Command::Kill => true,
            Command::Adopt { stack } => stack.continues(&self.stack),
            Command::Stop { service }
            | Command::Hasten { service, .. }
            | Command::Scale { service, .. }
            | Command::Restart { service, .. } => known(service),
        };
        if is_known {
            self.command(command);
        }
    }
}
