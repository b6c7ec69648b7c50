//! What is asked of a running stack, and who waits for what.

use std::collections::BTreeMap;
use std::time::Duration;

use backlot_near::instead;
use backlot_plan::supervise::{Command, Event, Exit, Phase, Reason, ServiceId, ServiceStatus};

use crate::driver::{ConnectionId, Driver};
use crate::outbox::Outbox;

use crate::protocol::{Answer, Described, Failure, FailureCode, Message, News, Request};
use crate::runbook::ServiceKind;

/// Somebody who waits.
#[derive(Debug)]
pub(crate) struct Waiter {
    connection: ConnectionId,
    reply: Outbox,
    waits_for: WaitsFor,
}

/// What somebody waits for.
#[derive(Debug, PartialEq, Eq)]
enum WaitsFor {
    /// That these do well, and no rollout of them is under way.
    Ready(Vec<ServiceId>),
    /// The same, but the processes that they have replaced may be ending still: they serve nobody any more.
    Serving(Vec<ServiceId>),
    /// That all replicas of one of these have ended.
    Ended(Vec<ServiceId>),
    /// The end of everything.
    End,
    /// Nothing: the stack is to live as long as the connection.
    Attached,
}

impl Driver {
    pub(super) fn request(&mut self, connection: ConnectionId, request: Request, reply: Outbox) {
        if let Request::Up { .. } | Request::Plan { .. } | Request::Scale { .. } | Request::Restart { .. } =
            request
        {
            // It is about what all that was asked for before has come to.
            self.settle();
        }
        match self.begin(request, &reply) {
            Ok(Next::Answer(answer)) => reply.answer(Message::Done(answer)),
            Ok(Next::Wait(waits_for)) => self.waiters.push(Waiter { connection, reply, waits_for }),
            Err(failure) => reply.answer(Message::Failed(failure)),
        }
    }

    fn begin(&mut self, request: Request, reply: &Outbox) -> Result<Next, Failure> {
        let waiting = |wait: bool, waits_for: WaitsFor| {
            if wait { Next::Wait(waits_for) } else { Next::Answer(Answer::Nothing) }
        };
        Ok(match request {
            Request::Status => Next::Answer(Answer::Status(self.status())),
            Request::Up { runbook, services, wait } => {
                self.refuse_at_end()?;
                let services = self.up(*runbook, &services)?;
                waiting(wait, WaitsFor::Serving(services))
            }
            Request::Plan { runbook, services } => {
                self.refuse_at_end()?;
                Next::Answer(Answer::Plan(self.plan(*runbook, &services)?))
            }
            Request::Hasten { services, grace_ms } => self.hasten(&services, grace_ms)?,
            Request::Scale { replicas, wait } => {
                self.refuse_at_end()?;
                waiting(wait, WaitsFor::Ready(self.scale(&replicas)?))
            }
            Request::Restart { services, rolling } => {
                self.refuse_at_end()?;
                let services = if services.is_empty() { self.up_now() } else { self.all_or(&services)? };
                self.forget_unused_releases();
                for service in &services {
                    let release = self.same_anew(*service);
                    self.tell(Event::Command(Command::Restart { service: *service, release, rolling }));
                }
                Next::Wait(WaitsFor::Serving(services))
            }
            Request::WaitHealthy { services } => Next::Wait(WaitsFor::Serving(self.all_or(&services)?)),
            Request::WaitStopped { services } => Next::Wait(WaitsFor::Ended(self.all_or(&services)?)),
            Request::Describe { service } => {
                let id = self.find(&service)?;
                let (_, run) = self.current(id).ok_or_else(|| Failure::impossible("it is not known"))?;
                let process = run.process();
                let mut of_service = self.processes.iter().filter(|(replica, _)| replica.service == id);
                let living = of_service.find(|(_, process)| !process.stopping).map(|(_, process)| process);
                let network = living.and_then(|process| process.network.as_ref());
                Next::Answer(Answer::Described(Box::new(Described {
                    variables: process.environment(),
                    directory: process.directory.clone(),
                    mounts: process.mounts.clone(),
                    process: living.map(|process| process.id),
                    own: network.map(|network| network.own()),
                    called: process.called.clone(),
                    container: living.and_then(|living| living.container.as_ref()).map(|container| {
                        (process.program.clone(), container.name.clone(), process.surroundings.clone())
                    }),
                })))
            }
            Request::Attach => {
                // What was ready sooner than somebody looked on.
                for news in self.announced.iter().filter_map(|service| self.announcement(*service)) {
                    reply.tell(news);
                }
                Next::Wait(WaitsFor::Attached)
            }
            Request::Down => {
                self.asked_to_end = self.asked_to_end.max(1);
                self.tell(Event::Command(Command::Down));
                Next::Wait(WaitsFor::End)
            }
            Request::Kill => {
                self.asked_to_end = self.asked_to_end.max(2);
                self.tell(Event::Command(Command::Kill));
                Next::Wait(WaitsFor::End)
            }
        })
    }

    fn hasten(&mut self, services: &[String], grace_ms: u64) -> Result<Next, Failure> {
        let services = if services.is_empty() { self.up_now() } else { self.all_or(services)? };
        let grace = Duration::from_millis(grace_ms);
        for service in services {
            self.tell(Event::Command(Command::Hasten { service, grace }));
        }
        Ok(Next::Answer(Answer::Nothing))
    }

    fn refuse_at_end(&self) -> Result<(), Failure> {
        if self.asked_to_end == 0 {
            return Ok(());
        }
        Err(Failure { code: FailureCode::Stopping, ..Failure::impossible("everything is being stopped") })
    }

    pub(super) fn find(&self, name: &str) -> Result<ServiceId, Failure> {
        self.machine.stack().find(name).ok_or_else(|| {
            let names = self.runbook.services.iter().map(|run| run.name.as_str());
            let text = format!("there is no service {name} ({})", instead(name, names));
            Failure {
                code: FailureCode::NoService,
                service: Some(name.to_owned()),
                ..Failure::impossible(text)
            }
        })
    }

    pub(super) fn all_or(&self, names: &[String]) -> Result<Vec<ServiceId>, Failure> {
        if names.is_empty() {
            // With those that the stack has no more, until they are gone.
            return Ok(self.machine.status().map(|status| status.service()).collect());
        }
        names.iter().map(|name| self.find(name)).collect()
    }

    /// The services that somebody has asked for, whatever has become of them.
    fn up_now(&self) -> Vec<ServiceId> {
        let all = self.machine.status();
        all.filter(|status| status.replicas().next().is_some()).map(|status| status.service()).collect()
    }

    fn scale(&mut self, replicas: &BTreeMap<String, u32>) -> Result<Vec<ServiceId>, Failure> {
        let mut wanted = Vec::new();
        for (name, count) in replicas {
            let id = self.find(name)?;
            let run = self.runbook.services.iter_mut().find(|run| run.name == *name);
            let Some(run) = run else { continue };
            if *count > 1 && !matches!(run.kind, ServiceKind::Process(_)) {
                let text = format!("{name} runs once only: it has its ports for itself");
                return Err(Failure { service: Some(name.clone()), ..Failure::impossible(text) });
            }
            run.replicas = *count;
            wanted.push((id, *count));
        }
        for (service, replicas) in &wanted {
            self.tell(Event::Command(Command::Scale { service: *service, replicas: *replicas }));
        }
        Ok(wanted.into_iter().map(|(service, _)| service).collect())
    }

    pub(super) fn hung_up(&mut self, connection: ConnectionId) {
        let attached =
            |waiter: &Waiter| waiter.connection == connection && waiter.waits_for == WaitsFor::Attached;
        if self.waiters.iter().any(attached) && self.asked_to_end == 0 {
            self.asked_to_end();
        }
        self.waiters.retain(|waiter| waiter.connection != connection);
    }

    pub(super) fn broadcast(&self, news: &News) {
        for waiter in &self.waiters {
            waiter.reply.tell(news.clone());
        }
    }

    /// Answers those who wait for what has come, or will not come.
    pub(super) fn answer_waiters(&mut self) {
        for waiter in std::mem::take(&mut self.waiters) {
            let outcome = match &waiter.waits_for {
                WaitsFor::Ready(services) => self.are_all(services, |status| status.is_ready()),
                WaitsFor::Serving(services) => self.are_all(services, |status| status.is_serving()),
                WaitsFor::Ended(services) => self.ended(services).map(Ok),
                // Answered when nothing is left, or never.
                WaitsFor::End | WaitsFor::Attached => None,
            };
            match outcome {
                None => self.waiters.push(waiter),
                Some(Ok(answer)) => waiter.reply.answer(Message::Done(answer)),
                Some(Err(failure)) => waiter.reply.answer(Message::Failed(failure)),
            }
        }
    }

    /// Nothing is left.
    pub(super) fn answer_all_at_the_end(&mut self) {
        for waiter in self.waiters.drain(..) {
            let message = match waiter.waits_for {
                WaitsFor::End | WaitsFor::Attached => Message::Done(Answer::Nothing),
                WaitsFor::Ready(_) | WaitsFor::Serving(_) | WaitsFor::Ended(_) => {
                    let text = "everything was stopped meanwhile";
                    Message::Failed(Failure { code: FailureCode::Stopping, ..Failure::impossible(text) })
                }
            };
            waiter.reply.answer(message);
        }
    }

    fn are_all(
        &self,
        services: &[ServiceId],
        is_so: impl Fn(ServiceStatus<'_>) -> bool,
    ) -> Option<Result<Answer, Failure>> {
        let mut all = true;
        for status in self.machine.status().filter(|status| services.contains(&status.service())) {
            if let Some(reason) = status.trouble() {
                return Some(Err(self.failure(status.service(), &reason)));
            }
            all &= is_so(status);
        }
        all.then_some(Ok(Answer::Nothing))
    }

    fn ended(&self, services: &[ServiceId]) -> Option<Answer> {
        self.machine.status().filter(|status| services.contains(&status.service())).find_map(|status| {
            let codes: Option<Vec<i32>> = status.replicas().map(|replica| exit_code(replica.phase)).collect();
            let code = codes?.into_iter().max().unwrap_or(0);
            Some(Answer::Exit { service: self.machine.stack().service(status.service()).name.clone(), code })
        })
    }
}

/// What to do with a request that is not refused.
enum Next {
    Answer(Answer),
    Wait(WaitsFor),
}

/// The exit code of a replica that has ended for good.
fn exit_code(phase: &Phase) -> Option<i32> {
    match phase {
        Phase::Completed => Some(0),
        Phase::Failed(Reason::Exited(exit)) => Some(match exit {
            Exit::Code(code) => *code,
            Exit::Signal(signal) => 128 + signal,
            Exit::Unknown => 1,
        }),
        Phase::Failed(_) | Phase::Blocked(_) => Some(1),
        Phase::Waiting
        | Phase::Spawning
        | Phase::Running { .. }
        | Phase::BackingOff { .. }
        | Phase::Draining
        | Phase::Stopping
        | Phase::Killing => None,
    }
}
