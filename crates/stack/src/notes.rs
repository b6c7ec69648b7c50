//! What a service's image says and this engine does not do: it is named.

use std::net::IpAddr;

use backlot_facts::container::Container;
use backlot_facts::names::without_address;
use backlot_process::Signal;
use backlot_project::Service;
use backlot_project::stack::HealthTest;
use backlot_state::tools::on_path;

use crate::translation::Translation;

/// Users that nobody is surprised not to be.
const ROOT: [&str; 4] = ["root", "0", "root:root", "0:0"];

impl Translation<'_> {
    /// What of a service is not as its image has it, in words.
    pub(crate) fn notes(&self, service: &Service) -> Vec<String> {
        let container = Container::of(service, self.root);
        let (name, at) = (&service.name, &service.location);
        if self.is_database(name) {
            let ports = service.ports.iter().filter(|port| {
                let ip = port.host_ip.as_deref().and_then(|ip| ip.parse::<IpAddr>().ok());
                port.published.is_some() && ip.is_some_and(|ip| ip.is_unspecified())
            });
            let line = |_| {
                format!(
                    "the database {name} is published at all addresses of this machine: natively it listens at 127.0.0.1 only ({at})"
                )
            };
            return ports.map(line).take(1).collect();
        }
        if service.extension.command.is_some() {
            return Vec::new();
        }
        let mut lines = self.packages_notes(service);
        if let Some(user) = &container.dockerfile.user
            && service.user.is_none()
            && !ROOT.contains(&user.as_str())
        {
            lines.push(format!(
                "service {name} runs as you, not as USER {user} of its Dockerfile ({at}); --engine docker changes the user"
            ));
        }
        let hooks = [("post_start", &service.post_start), ("pre_stop", &service.pre_stop)];
        for (key, hook) in
            hooks.into_iter().flat_map(|(key, hooks)| hooks.iter().map(move |hook| (key, hook)))
        {
            let user = hook.user.as_deref().filter(|user| !ROOT.contains(user));
            if let Some(user) = user.or_else(|| hook.privileged.then_some("root with all privileges")) {
                lines.push(format!("{key} of service {name} runs as you, not as {user} ({at})"));
            }
        }
        if self.is_addressed(service) {
            lines.extend(without_address(service).map(|host| {
                let (host, value, at) = (&host.name, &host.value, &host.at);
                format!("service {name} knows no {host}: {value:?} in its extra_hosts is no address ({at})")
            }));
        }
        if container.is_nginx() {
            lines.extend(container.dockerfile.copies.made.iter().map(|(target, what)| {
                format!(
                    "service {name} has {what} at {}, which only a build of its image makes: it is not there natively \
                     ({at}); mount a folder there that has it, or take --engine docker",
                    target.display()
                )
            }));
        }
        if let Some(signal) = container.stop_signal().filter(|signal| signal_named(signal).is_none()) {
            lines.push(format!(
                "service {name} has no stop signal {signal} natively: the usual one is sent ({at})"
            ));
        }
        let check = container.healthcheck().and_then(|check| check.test);
        if let Some(HealthTest::Command(words)) = check
            && let Some(program) = words.first().filter(|program| !program.contains('/'))
            && on_path(program, &self.surroundings(service)).is_none()
            && !self.is_pending(service)
        {
            lines.push(format!(
                "the health check of service {name} runs {program}, which is not on PATH: the service counts as well \
                 when it runs ({at})"
            ));
        }
        lines
    }
}

/// `SIGINT`, `INT` or a number.
pub(crate) fn signal_named(name: &str) -> Option<Signal> {
    let full = if name.starts_with("SIG") { name.to_owned() } else { format!("SIG{name}") };
    let number = name.parse().ok().and_then(|number: i32| Signal::try_from(number).ok());
    number.or_else(|| full.parse().ok())
}
