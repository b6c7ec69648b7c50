//! The machine.

use super::action::Action;
use super::event::{Command, Event};
use super::ids::{Moment, ReplicaId, ServiceId};
use super::outbox::Outbox;
use super::reason::Reason;
use super::replica::Replica;
use super::service::Service;
use super::stack::{Node, StackSpec};

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
        let services = (0..stack.len())
            .map(ServiceId)
            .map(|id| Service::new(id, stack.service(id).replicas, stack.node(id).release()))
            .collect();
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
            Event::Spawned(id) => self.tell(id, |replica, node, out| replica.on_spawned(node, out, now)),
            Event::SpawnFailed { replica: id, detail } => self.tell(id, |replica, node, out| {
                replica.on_end(Reason::NotSpawned { detail }, node, out, now);
            }),
            Event::Exited { replica: id, exit } => {
                self.tell(id, |replica, node, out| replica.on_end(exit.into(), node, out, now));
            }
            Event::Listening(id) => self.tell(id, Replica::on_listening),
            Event::ListensElsewhere { replica: id, address } => {
                self.tell(id, |replica, node, out| replica.on_listens_elsewhere(address, node, out));
            }
            Event::Health { replica: id, epoch, answer } => {
                self.tell(id, |replica, node, out| replica.on_health(epoch, answer, node, out, now));
            }
            Event::Drained(id) => self.tell(id, Replica::on_drained),
            Event::Timer(timer) => {
                self.tell(timer.replica, |replica, node, out| replica.on_timer(timer, node, out, now));
            }
        }
        self.settle();
        self.out.take()
    }

    /// Tells a replica, if its present process is meant.
    fn tell(&mut self, id: ReplicaId, news: impl FnOnce(&mut Replica, &Node, &mut Outbox)) {
        if let Some(service) = self.services.get_mut(id.service.0)
            && let Some(replica) = service.find(id)
        {
            news(replica, self.stack.node(id.service), &mut self.out);
        }
    }

    /// Leaves out services that another stack gave out.
    fn command_for_known(&mut self, command: Command) {
        let known = |service: &ServiceId| service.0 < self.stack.len();
        let is_known = match &command {
            Command::Up { services } => services.iter().all(known),
            Command::Down | Command::Kill => true,
            Command::Stop { service } | Command::Scale { service, .. } | Command::Restart { service, .. } => {
                known(service)
            }
        };
        if is_known {
            self.command(command);
        }
    }
}
