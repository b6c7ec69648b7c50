//! Services that run as containers beside processes: what their client is told.

use std::collections::BTreeSet;
use std::time::Duration;

use backlot_containers::{Image, Way, label, options, remove};
use backlot_facts::container::Container;
use backlot_facts::names::{Named, names};
use backlot_process::Signal;
use backlot_project::Service;
use backlot_project::stack::{HealthTest, Healthcheck, Hook, MountKind, NetworkMode, Protocol};
use backlot_supervisor::{
    Check, ContainerRun, HealthRun, HookRun, Part, ProcessRun, Readiness, ServiceKind, ServiceRun, Template,
};

use crate::containers::Containers;
use crate::{error::StackError, fingerprint, ports::Ports, translation::Translation};

/// How long what takes the place of one that serves may take to listen.
const LISTEN_LIMIT: Duration = Duration::from_mins(2);
/// How long it is waited for that a container listens at a published port: it has to be made first, and many are slow.
const PUBLISHED_LIMIT: Duration = Duration::from_mins(1);
/// The same for ports that only its image speaks of.
const EXPOSED_LIMIT: Duration = Duration::from_secs(10);
/// How long a container without port and check has to run to count as ready.
const SETTLED: Duration = Duration::from_millis(300);
const SHELL: [&str; 2] = ["/bin/sh", "-c"];

impl Translation<'_> {
    /// The image of a service that runs as a container.
    pub(crate) fn contained(&self, name: &str) -> Option<(&Containers, &Image)> {
        let containers = self.containers?;
        Some((containers, containers.images.get(name)?))
    }

    pub(crate) fn container_run(
        &self,
        container: &Container<'_>,
        ports: &Ports,
        (containers, image): (&Containers, &Image),
    ) -> Result<ServiceRun, StackError> {
        let service = container.service;
        let mut words = self.run_words(service, containers, true)?;
        let told = self.told_inside(container, containers)?;
        words.extend(told.words.iter().map(Template::from));
        words.extend(self.published_words(service, ports));
        words.extend(command_words(service, image));
        let host = service.network_mode == NetworkMode::Host;
        let process = ProcessRun {
            program: containers.client.program.clone(),
            arguments: words,
            directory: self.root.to_owned(),
            surroundings: told.surroundings,
            ports: ports.runs(container, self),
            container: Some(ContainerRun {
                engine: containers.client.kind.to_string(),
                prefix: containers.prefix.clone(),
                remove: remove(containers.client.kind),
                shares_network: host,
            }),
            ..ProcessRun::default()
        };
        let readiness = match check(service, image) {
            Some(check) => {
                let times = check.times();
                let words = exec_words(&[], &check.test.map(test_words).unwrap_or_default());
                let check = Check::Program { program: process.program.clone(), arguments: words };
                Readiness::Check(HealthRun { check, times })
            }
            None if process.ports.is_empty() => Readiness::Running(SETTLED),
            None => Readiness::Listening(LISTEN_LIMIT),
        };
        let is_published = process.ports.iter().any(|port| port.published);
        let hooks = |hooks: &[Hook]| hooks.iter().map(|hook| self.hook_inside(hook, &process)).collect();
        Ok(ServiceRun {
            name: service.name.clone(),
            replicas: self.scale.get(&service.name).copied().unwrap_or(service.replicas),
            depends_on: service.depends_on.clone(),
            readiness,
            post_start: hooks(&service.post_start),
            pre_stop: hooks(&service.pre_stop),
            quiet_after: if is_published { PUBLISHED_LIMIT } else { EXPOSED_LIMIT },
            restart: service.restart,
            stop_signal: Signal::SIGTERM as i32,
            stop_grace: service.stop_grace_period,
            keeps_data: host || keeps_something(service),
            fingerprint: fingerprint::of_texts([image.id.as_str(), &told.text]),
            kind: ServiceKind::Process(process),
        })
    }

    /// The service as it is to run once: nothing of it is published.
    pub(crate) fn run_once_words(
        &self,
        container: &Container<'_>,
        (containers, image): (&Containers, &Image),
        terminal: bool,
    ) -> Result<ProcessRun, StackError> {
        let service = container.service;
        let told = self.told_inside(container, containers)?;
        let mut words = self.run_words(service, containers, false)?;
        words.push("--interactive".into());
        words.extend(terminal.then(|| "--tty".into()));
        words.extend(told.words.iter().map(Template::from));
        words.extend(command_words(service, image));
        Ok(ProcessRun {
            program: containers.client.program.clone(),
            arguments: words,
            directory: self.root.to_owned(),
            surroundings: told.surroundings,
            container: Some(ContainerRun {
                engine: containers.client.kind.to_string(),
                prefix: containers.prefix.clone(),
                remove: remove(containers.client.kind),
                shares_network: true,
            }),
            ..ProcessRun::default()
        })
    }

    /// `run` with all options that are known before it is known which replica it is.
    fn run_words(
        &self,
        service: &Service,
        containers: &Containers,
        is_watched: bool,
    ) -> Result<Vec<Template>, StackError> {
        let mut words: Vec<String> =
            ["run", "--rm", "--pull", "never", "--no-healthcheck"].map(str::to_owned).into();
        if is_watched {
            // What it prints is kept by us.
            words.extend(["--log-driver", "none"].map(str::to_owned));
        }
        words.extend(["--label".to_owned(), label(&self.site.dir().display().to_string())]);
        words.extend(["--label".to_owned(), format!("backlot.service={}", service.name)]);
        words.extend(self.network_words(service, containers));
        words.extend(self.mount_words(service, containers)?);
        let model = &self.environment.stack.resolved()["services"][service.name.as_str()];
        let mut own = options(model, containers.client.kind);
        if !is_watched {
            own.retain(|word| word != "--tty" && word != "--interactive");
        }
        words.extend(own);
        let mut words: Vec<Template> = words.into_iter().map(Template::from).collect();
        words.extend(["--name".into(), Template(vec![Part::Container])]);
        Ok(words)
    }

    /// On which network it is, what others call it there, and where it finds those that are none of them.
    fn network_words(&self, service: &Service, containers: &Containers) -> Vec<String> {
        let stack = &self.environment.stack;
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        match service.network_mode {
            NetworkMode::Host => return words(&["--network", "host"]),
            NetworkMode::None => return words(&["--network", "none"]),
            NetworkMode::Networks | NetworkMode::Service(_) | NetworkMode::Other(_) => {}
        }
        let mut all = match &containers.way {
            Way::Bridge { networks, .. } => {
                networks.iter().flat_map(|name| words(&["--network", name])).collect()
            }
            Way::Loopback { network: Some(network), .. } => words(&["--network", network]),
            Way::Loopback { network: None, .. } => Vec::new(),
        };
        if let Way::Bridge { .. } = containers.way {
            let others = containers.images.keys().filter_map(|name| stack.services.get(name));
            let mut aliases = BTreeSet::from([service.name.clone()]);
            for other in others {
                let known = names(other, stack).into_iter();
                let own = known.filter(|(_, named)| *named == Named::Service(&service.name));
                aliases.extend(own.map(|(name, _)| name));
            }
            all.extend(aliases.into_iter().flat_map(|alias| ["--network-alias".to_owned(), alias]));
        }
        let mut host = |name: &str, at: &str| all.extend(["--add-host".to_owned(), format!("{name}:{at}")]);
        for (name, named) in names(service, stack) {
            match named {
                Named::Service(other) => {
                    if let Some(at) = containers.address_of(other) {
                        host(&name, &at);
                    }
                }
                Named::Machine => host(&name, &machine(containers)),
                Named::Addresses(addresses) => {
                    for address in addresses {
                        host(&name, &address.to_string());
                    }
                }
                Named::Itself => {}
            }
        }
        all
    }

    /// The ports that it serves, each at a port of this machine that its replica is told; those that are no streams where the
    /// file has them.
    fn published_words(&self, service: &Service, ports: &Ports) -> Vec<Template> {
        let mut words = Vec::new();
        if matches!(service.network_mode, NetworkMode::Host | NetworkMode::None) {
            return words;
        }
        for target in ports.of(&service.name) {
            words.push("--publish".into());
            words.push(Template(vec![
                Part::Text("127.0.0.1:".into()),
                Part::Port(target),
                Part::Text(format!(":{target}/tcp")),
            ]));
        }
        for port in service.ports.iter().filter(|port| port.protocol != Protocol::Tcp) {
            let ip = port.host_ip.as_deref().unwrap_or("127.0.0.1");
            let published = port.published.filter(|_| !self.throwaway).map(|range| range.first.to_string());
            let protocol = if port.protocol == Protocol::Udp { "udp" } else { "sctp" };
            let word = format!("{ip}:{}:{}/{protocol}", published.unwrap_or_default(), port.target);
            words.extend(["--publish".into(), word.into()]);
        }
        words
    }

    fn hook_inside(&self, hook: &Hook, process: &ProcessRun) -> HookRun {
        let mut variables = process.surroundings.clone();
        let mut words: Vec<String> = Vec::new();
        let mut say = |option: &str, value: &str| words.extend([option.to_owned(), value.to_owned()]);
        hook.user.iter().for_each(|user| say("--user", user));
        hook.working_dir.iter().for_each(|dir| say("--workdir", dir));
        for (name, value) in &hook.environment {
            if let Some(value) = value.as_ref().or_else(|| self.caller.get(name)) {
                say("--env", name);
                variables.insert(name.clone(), value.clone());
            }
        }
        if hook.privileged {
            words.push("--privileged".to_owned());
        }
        let arguments = exec_words(&words, &hook.command);
        HookRun {
            program: process.program.clone(),
            arguments,
            directory: process.directory.clone(),
            variables,
        }
    }

    /// What of such a service is not as Compose would have it, in words.
    pub fn contained_notes(&self, service: &Service) -> Vec<String> {
        let nameless =
            service.volumes.iter().filter(|mount| mount.kind == MountKind::Volume { source: None });
        let nameless = nameless.map(|mount| {
            format!(
                "service {} has a volume without a name at {}, which goes with its container ({}); give it a name to keep it",
                service.name, mount.target, service.location
            )
        });
        nameless.chain(self.ungranted(service)).collect()
    }
}

/// This machine, as a container knows it.
fn machine(containers: &Containers) -> String {
    match &containers.way {
        Way::Bridge { gateways, .. } => {
            gateways.first().map_or_else(|| "host-gateway".to_owned(), |gateway| gateway.address.to_string())
        }
        Way::Loopback { host, .. } => host.clone(),
    }
}

/// The image, and what runs in it.
fn command_words(service: &Service, image: &Image) -> Vec<Template> {
    let mut words: Vec<String> = Vec::new();
    let mut after: Vec<String> = Vec::new();
    match service.entrypoint.as_deref() {
        None => {}
        Some([]) => words.extend(["--entrypoint".to_owned(), String::new()]),
        Some([first, rest @ ..]) => {
            words.extend(["--entrypoint".to_owned(), first.clone()]);
            after.extend(rest.iter().cloned());
        }
    }
    words.push(image.name.clone());
    words.extend(after);
    words.extend(service.command.iter().flatten().cloned());
    words.into_iter().map(Template::from).collect()
}

/// `exec` with its options, the container, and a command.
fn exec_words(options: &[String], command: &[String]) -> Vec<Template> {
    let begin = ["exec".to_owned()].into_iter().chain(options.iter().cloned()).map(Template::from);
    let command = command.iter().map(Template::from);
    begin.chain([Template(vec![Part::Container])]).chain(command).collect()
}

fn test_words(test: HealthTest) -> Vec<String> {
    match test {
        HealthTest::Command(words) => words,
        HealthTest::Shell(line) => SHELL.map(str::to_owned).into_iter().chain([line]).collect(),
    }
}

/// How it is told that it is well: by what the file says, and by its image where that says nothing.
fn check(service: &Service, image: &Image) -> Option<Healthcheck> {
    let of_image = match image.check.split_first() {
        Some((first, rest)) if first == "CMD" => Some(HealthTest::Command(rest.to_vec())),
        Some((first, rest)) if first == "CMD-SHELL" => Some(HealthTest::Shell(rest.join(" "))),
        Some(_) | None => None,
    };
    let own = service.healthcheck.clone();
    if own.as_ref().is_some_and(|own| own.disable) {
        return None;
    }
    let time = |at: usize| image.check_times[at].map(Duration::from_nanos);
    let test = own.as_ref().and_then(|own| own.test.clone()).or(of_image)?;
    let said = own.as_ref();
    Some(Healthcheck {
        test: Some(test),
        interval: said.and_then(|own| own.interval).or_else(|| time(0)),
        timeout: said.and_then(|own| own.timeout).or_else(|| time(1)),
        retries: said.and_then(|own| own.retries).or(image.check_retries),
        start_period: said.and_then(|own| own.start_period).or_else(|| time(2)),
        start_interval: said.and_then(|own| own.start_interval).or_else(|| time(3)),
        disable: false,
    })
}

/// Whether two at once would be in each other's way: they write to one place, or want one port.
fn keeps_something(service: &Service) -> bool {
    let writes = service
        .volumes
        .iter()
        .any(|mount| !mount.read_only && matches!(mount.kind, MountKind::Volume { source: Some(_) }));
    writes || service.ports.iter().any(|port| port.protocol != Protocol::Tcp && port.published.is_some())
}

/// A value of an option that is a list of `key=value`, as commas between them have it read.
pub(crate) fn field(key: &str, value: &str) -> String {
    let pair = format!("{key}={value}");
    if pair.contains([',', '"', '\n']) { format!("\"{}\"", pair.replace('"', "\"\"")) } else { pair }
}
