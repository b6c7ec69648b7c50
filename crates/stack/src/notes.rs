//! What a service's image says and this engine does not do: it is named.

use std::net::IpAddr;
use std::path::Path;

use backlot_facts::container::Container;
use backlot_facts::names::without_address;
use backlot_process::Signal;
use backlot_project::Service;
use backlot_project::stack::HealthTest;
use backlot_state::tools::on_path;

use crate::translation::Translation;

/// Users that nobody is surprised not to be.
const ROOT: [&str; 4] = ["root", "0", "root:root", "0:0"];

/// As many lines of a Dockerfile are told beside each other.
const TOLD: usize = 2;

impl Translation<'_> {
    /// The lines of a service's Dockerfile whose effect it has not here.
    pub fn without_effect(&self, service: &Service) -> Vec<String> {
        let container = Container::of(service, self.root);
        if self.is_database(&service.name) || service.extension.command.is_some() {
            return Vec::new();
        }
        let volumes = container.dockerfile.volumes.iter().filter(|_| !self.has_views());
        let volumes = volumes.map(|path| format!("VOLUME {}", path.display()));
        let lines = container.dockerfile.without_effect().into_iter();
        // What an nginx has not is told a line each.
        lines.filter(|line| !(container.is_nginx() && line.starts_with("COPY "))).chain(volumes).collect()
    }

    /// The same in one line.
    fn without_effect_at_all(&self, container: &Container<'_>) -> Option<String> {
        let (name, at) = (&container.service.name, &container.service.location);
        let all = self.without_effect(container.service);
        let told: Vec<String> = all.iter().take(TOLD).map(|line| format!("`{}`", shortened(line))).collect();
        let more = all.len().checked_sub(TOLD).filter(|more| *more > 0);
        let more =
            more.map(|more| format!(" and {more} more, which `doctor` and -v list")).unwrap_or_default();
        (!told.is_empty()).then(|| {
            format!(
                "the Dockerfile of service {name} has {}{more}: what that makes is not there natively ({at}); do it by hand where \
                 the service needs it, or take --engine docker",
                told.join(", ")
            )
        })
    }

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
        lines.extend(self.without_effect_at_all(&container));
        lines.extend(in_another_directory(&container));
        lines.extend(self.lacking_in_scripts(&container));
        lines.extend(self.twin_note(&container));
        if let Some(user) = &container.dockerfile.user
            && service.user.is_none()
            && !ROOT.contains(&user.as_str())
        {
            lines.push(format!(
                "service {name} runs as you, not as USER {user} of its Dockerfile ({at}); --engine docker changes the user"
            ));
        }
        lines.extend(hook_users(service));
        if self.is_addressed(service) {
            lines.extend(without_address(service).map(|host| {
                let (host, value, at) = (&host.name, &host.value, &host.at);
                format!("service {name} knows no {host}: {value:?} in its extra_hosts is no address ({at})")
            }));
        }
        if container.is_nginx() {
            lines.extend(self.notes_of_front(&container));
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

/// The users that hooks do not run as.
fn hook_users(service: &Service) -> Vec<String> {
    let (name, at) = (&service.name, &service.location);
    let mut lines = Vec::new();
    let hooks = [("post_start", &service.post_start), ("pre_stop", &service.pre_stop)];
    for (key, hook) in hooks.into_iter().flat_map(|(key, hooks)| hooks.iter().map(move |hook| (key, hook))) {
        let user = hook.user.as_deref().filter(|user| !ROOT.contains(user));
        if let Some(user) = user.or_else(|| hook.privileged.then_some("root with all privileges")) {
            lines.push(format!("{key} of service {name} runs as you, not as {user} ({at})"));
        }
    }
    lines
}

/// That a service does not start in the directory that its file or its image's says.
fn in_another_directory(container: &Container<'_>) -> Option<String> {
    let is_own = container.is_nginx() || container.works_in_its_data();
    let directory =
        container.working_dir().filter(|inside| !is_own && !is_seen(container, Path::new(inside)))?;
    let (name, at) = (&container.service.name, &container.service.location);
    Some(format!(
        "service {name} works in {directory}, where nothing of the project is: it starts in {} ({at}); mount a folder there",
        container.directory().display()
    ))
}

/// Whether a service has something of the project, or of its own, at a path.
fn is_seen(container: &Container<'_>, inside: &Path) -> bool {
    let targets = container.service.volumes.iter().map(|mount| Path::new(mount.target.as_str()));
    let copied = container.dockerfile.copies.places.iter().map(|(target, _)| target.as_path());
    let built = container.dockerfile.made.iter().map(|made| made.to.as_path());
    let built = built.filter(|target| target.parent().is_some());
    inside.parent().is_none()
        || container.outside(inside).is_some()
        || targets
            .chain(copied)
            .chain(built)
            .any(|target| target.starts_with(inside) || inside.starts_with(target))
}

/// `SIGINT`, `INT` or a number.
pub(crate) fn signal_named(name: &str) -> Option<Signal> {
    let full = if name.starts_with("SIG") { name.to_owned() } else { format!("SIG{name}") };
    let number = name.parse().ok().and_then(|number: i32| Signal::try_from(number).ok());
    number.or_else(|| full.parse().ok())
}

/// The beginning of a long line.
fn shortened(line: &str) -> String {
    let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}
