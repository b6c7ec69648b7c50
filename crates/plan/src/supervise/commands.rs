//! What people ask for. Only goals are set here; what follows from them is settled.

use super::event::Command;
use super::ids::{Release, ServiceId};
use super::phase::Standing;
use super::service::Goal;
use super::supervision::Supervision;

impl Supervision {
    pub(super) fn command(&mut self, command: Command) {
        match command {
            Command::Up { services } => self.up(services),
            Command::Down => self.services.iter_mut().for_each(|service| {
                service.goal = Goal::Down;
                service.dismiss();
            }),
            Command::Kill => self.services.iter_mut().for_each(|service| {
                service.goal = Goal::Down;
                service.dismiss();
                service.replicas.iter_mut().for_each(|replica| replica.standing = Standing::Doomed);
            }),
            Command::Stop { service } => {
                self.forget_abort(service);
                self.services[service.0].goal = Goal::Down;
                self.services[service.0].dismiss();
            }
            Command::Hasten { service, grace } => {
                for id in self.followers(service).into_iter().chain([service]) {
                    let replicas = self.services[id.0].replicas.iter_mut();
                    replicas.for_each(|replica| replica.hasten(grace));
                }
            }
            Command::Scale { service, replicas } => {
                self.forget_abort(service);
                self.services[service.0].wanted = replicas;
            }
            Command::Adopt { stack } => self.adopt(*stack),
            Command::Restart { service, release, rolling } => self.restart(service, release, rolling),
        }
    }

    fn up(&mut self, mut services: Vec<ServiceId>) {
        if services.is_empty() {
            services.extend(self.stack.services());
        }
        let mut seen = 0;
        while seen < services.len() {
            let needs = self.stack.node(services[seen]).needs.iter().map(|need| need.on);
            let new: Vec<_> = needs.filter(|on| !services.contains(on)).collect();
            services.extend(new);
            seen += 1;
        }
        for service in services {
            self.forget_abort(service);
            let service = &mut self.services[service.0];
            service.goal = Goal::Up;
            let release = service.standing_release();
            let members = service.replicas.iter_mut().filter(|replica| replica.is_member());
            members.for_each(|replica| replica.try_again(release));
        }
    }

    fn restart(&mut self, service: ServiceId, release: Release, rolling: bool) {
        self.replace(service, release, rolling);
        self.services[service.0].goal = Goal::Up;
        for follower in self.followers(service) {
            self.replace(follower, self.services[follower.0].release, rolling);
        }
    }

    /// Those that run and asked to be replaced with this one.
    pub(super) fn followers(&self, service: ServiceId) -> Vec<ServiceId> {
        let all = self.stack.node(service).restarts.iter().copied();
        all.filter(|follower| self.services[follower.0].goal == Goal::Up).collect()
    }

    fn replace(&mut self, service: ServiceId, release: Release, rolling: bool) {
        if rolling {
            self.begin_rollout(service, release, self.services[service.0].terms);
        } else {
            self.forget_abort(service);
            self.services[service.0].release = release;
            self.services[service.0].dismiss();
        }
    }
}
