//! A service, ready to be run.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use backlot_facts::container::Container;
use backlot_facts::migration::Migration;
use backlot_process::Signal;
use backlot_project::stack::HealthTest;
use backlot_state::tools::on_path;
use backlot_supervisor::{Check, HealthRun, ProcessRun, Readiness, ServiceKind, ServiceRun, Template};

use crate::{
    error::StackError, fingerprint, notes::signal_named, ports::Ports, process::words, texts::port_variables,
    translation::Translation,
};

/// Variables by which programs are told their port.
pub(crate) const PORT_VARIABLES: [&str; 3] = ["PORT", "FLASK_RUN_PORT", "UVICORN_PORT"];
/// How long what takes the place of one that serves may take to listen.
const LISTEN_LIMIT: Duration = Duration::from_mins(1);
/// How long it is waited for that a service listens at a published port.
const PUBLISHED_LIMIT: Duration = Duration::from_secs(10);
/// The same for ports that are for other services only.
const EXPOSED_LIMIT: Duration = Duration::from_secs(2);
/// The same, for one that is built first.
const BUILD_LIMIT: Duration = Duration::from_mins(20);
/// How long a service without port and check has to run to count as ready.
const SETTLED: Duration = Duration::from_millis(300);

impl Translation<'_> {
    pub(crate) fn service(&self, container: &Container<'_>, ports: &Ports) -> Result<ServiceRun, StackError> {
        let service = container.service;
        if let Some(database) = self.server(&service.name) {
            return self.database_run(container, database, ports);
        }
        if let Some(contained) = self.contained(&service.name) {
            return self.container_run(container, ports, contained);
        }
        let keeps_data = self.kept(container)?.is_some_and(|kept| kept.volume.is_some());
        let (kind, sources, text) = if container.is_nginx() {
            let (process, files, text) = self.front(container, ports)?;
            (ServiceKind::Front(process), files, text)
        } else {
            let process = self.process(container, ports)?;
            // What a service keeps is not what it is made of.
            let sources = if keeps_data { None } else { container.sources() };
            (ServiceKind::Process(process), sources.into_iter().collect(), String::new())
        };
        let replicas = self.scale.get(&service.name).copied().unwrap_or(service.replicas);
        let mut run = ServiceRun {
            name: service.name.clone(),
            replicas,
            readiness: Readiness::Running(SETTLED),
            kind,
            depends_on: container.service.depends_on.clone(),
            post_start: Vec::new(),
            pre_stop: Vec::new(),
            quiet_after: Duration::ZERO,
            restart: service.restart,
            stop_signal: stop_signal(container.stop_signal(), container.is_nginx()),
            stop_grace: service.stop_grace_period,
            keeps_data,
            fingerprint: String::new(),
        };
        run.readiness = self.readiness(container, run.process(), ports);
        run.quiet_after = quiet_after(run.process());
        run.post_start = self.hooks(&service.post_start, container, run.process(), ports)?;
        run.pre_stop = self.hooks(&service.pre_stop, container, run.process(), ports)?;
        let hashes: Vec<String> = sources
            .iter()
            .map(|source| {
                if source.is_dir() {
                    fingerprint::of_directory(source, &self.environment.files)
                } else {
                    fingerprint::of_file(source)
                }
            })
            .collect();
        let packages = self.packages_folders(service);
        let all = hashes.iter().chain([&text]).chain(&packages);
        run.fingerprint = fingerprint::of_texts(all.map(String::as_str));
        Ok(run)
    }

    /// A hash of all that makes these migrations what they are: commands, variables, and the files of their services.
    pub fn key_of(&self, migrations: &[Migration]) -> String {
        let mut texts = Vec::new();
        for migration in migrations {
            texts.push(migration.to_string());
            let service =
                migration.service.as_ref().and_then(|name| self.environment.stack.services.get(name));
            let sources = match service.map(|service| Container::of(service, self.root)) {
                Some(container) => {
                    let said = container.environment().into_iter();
                    texts.extend(said.map(|(name, value)| format!("{name}={value}")));
                    texts.extend(container.command().into_iter().flatten());
                    container.sources()
                }
                None => Some(self.root.to_owned()),
            };
            texts.extend(sources.map(|dir| fingerprint::of_directory(&dir, &self.environment.files)));
        }
        fingerprint::of_texts(texts.iter().map(String::as_str))
    }

    fn process(&self, container: &Container<'_>, ports: &Ports) -> Result<ProcessRun, StackError> {
        let has_addresses = self.is_addressed(container.service);
        let words = self.keeping(container, words(container, has_addresses)?)?;
        let variables = self.variables(container, ports);
        let mut surroundings = self.beside(container.service, &variables);
        let path = if variables.contains_key("PATH") { &variables } else { &surroundings };
        let program = self.program(container, &words, path)?;
        self.check_line(container, &words)?;
        let (targets, arguments) = (ports.of(&container.service.name), words.get(1..).unwrap_or_default());
        let (arguments, port_variables) = if has_addresses {
            surroundings.extend(told_port(&variables, &targets));
            (arguments.iter().map(Template::from).collect(), Vec::new())
        } else {
            (self.command_for_here(arguments, &targets), port_variables(container.service, &targets))
        };
        let mounts = self.mounts(container)?;
        let directory = match self.kept(container)? {
            None => Self::seen_directory(container, &mounts),
            Some(_) => None,
        };
        Ok(ProcessRun {
            program,
            arguments,
            directory: directory.map_or_else(|| self.directory(container), Ok)?,
            mounts,
            has_addresses,
            addresses_of: self.addresses_of(container.service),
            called: self.called(container.service),
            variables,
            surroundings,
            port_variables,
            reads_on: container.service.reads_on,
            container: None,
            ports: ports.runs(container, self),
        })
    }

    fn readiness(&self, container: &Container<'_>, process: &ProcessRun, ports: &Ports) -> Readiness {
        if let Some(check) = container.healthcheck()
            && let Some(test) = &check.test
            && let Some(check_run) = self.check_of(test, process, ports, &container.service.name)
        {
            return Readiness::Check(HealthRun { check: check_run, times: check.times() });
        }
        if process.ports.is_empty() {
            return Readiness::Running(SETTLED);
        }
        Readiness::Listening(if builds(process) { BUILD_LIMIT } else { LISTEN_LIMIT })
    }

    /// A word of what runs beside the program of a service.
    pub(crate) fn word_beside(&self, word: &str, process: &ProcessRun, targets: &BTreeSet<u16>) -> Template {
        if process.has_addresses { word.into() } else { self.word_for_here(word, targets) }
    }

    /// A health check on this machine; none when its program is only in the image.
    pub(crate) fn check_of(
        &self,
        test: &HealthTest,
        process: &ProcessRun,
        ports: &Ports,
        service: &str,
    ) -> Option<Check> {
        let targets = ports.of(service);
        let words = match test {
            HealthTest::Command(words) => words.clone(),
            HealthTest::Shell(line) => ["/bin/sh", "-c", line].map(str::to_owned).to_vec(),
        };
        let (program, arguments) = words.split_first()?;
        let program = if program.contains('/') {
            process.directory.join(program)
        } else {
            on_path(program, &process.environment())?
        };
        let arguments = arguments.iter().map(|word| self.word_beside(word, process, &targets)).collect();
        Some(Check::Program { program, arguments })
    }
}

/// Programs that take their port from a variable are told it where there is one only, and their file does not say it.
fn told_port(
    variables: &BTreeMap<String, String>,
    targets: &BTreeSet<u16>,
) -> impl Iterator<Item = (String, String)> {
    let only = targets.first().filter(|_| targets.len() == 1).copied();
    let names = PORT_VARIABLES.into_iter().filter(|name| !variables.contains_key(*name));
    only.into_iter().flat_map(move |port| names.clone().map(move |name| (name.to_owned(), port.to_string())))
}

fn builds(process: &ProcessRun) -> bool {
    process.program.file_name().is_some_and(|name| name == "cargo")
}

/// How long it is waited for that a program listens. `EXPOSE` and `expose` are notes; what is published is meant.
fn quiet_after(process: &ProcessRun) -> Duration {
    if builds(process) {
        BUILD_LIMIT
    } else if process.ports.iter().any(|port| port.published) {
        PUBLISHED_LIMIT
    } else {
        EXPOSED_LIMIT
    }
}

/// `SIGINT`, `INT` or a number; nginx finishes its requests on SIGQUIT, as its image has it.
fn stop_signal(name: Option<&str>, is_nginx: bool) -> i32 {
    let usual = if is_nginx { Signal::SIGQUIT } else { Signal::SIGTERM };
    name.and_then(signal_named).unwrap_or(usual) as i32
}
