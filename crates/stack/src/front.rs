//! nginx.

use std::collections::BTreeSet;
use std::io;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use backlot_facts::NoService;
use backlot_facts::container::Container;
use backlot_facts::names::names;
use backlot_nginx::{Config, ConfigError, Nginx, Part, Source, image};
use backlot_process::Program;
use backlot_supervisor::{PortRun, ProcessRun, Template};
use backlot_view::{Mount, Network, View, What};

use crate::process::interpreted;
use crate::{error::StackError, ports::Ports, translation::Translation, view::last_of_each};

/// What a configuration of nginx asks for.
pub(crate) struct Front {
    pub(crate) config: Config,
    /// The services and ports that it passes requests to.
    pub(crate) references: BTreeSet<(String, u16)>,
    /// The ports that it listens on.
    pub(crate) listens: BTreeSet<u16>,
}

impl Translation<'_> {
    /// The nginx of this machine, which the service `name` needs.
    pub(crate) fn nginx_program(&self, name: &str) -> Result<Nginx, StackError> {
        self.nginx.clone().map_err(|source| StackError::NoNginx { service: name.to_owned(), source })
    }

    /// Reads the configuration of the nginx service `name`.
    pub(crate) fn nginx_config(&self, name: &str) -> Result<Front, StackError> {
        let services = &self.environment.stack.services;
        let Some(service) = services.get(name) else {
            return Err(NoService::of(name, &self.environment.stack).into());
        };
        let container = Container::of(service, self.root);
        let config = Config::read(&Source { mounts: container.files(), variables: container.environment() })?;
        let mut known: BTreeSet<String> = services.keys().cloned().collect();
        if self.is_addressed(service) {
            known.extend(names(service, &self.environment.stack).into_keys());
        }
        let mut references = config.references(&known).map_err(|error| match error {
            // Of all names that it knows, those of services are what may be meant.
            ConfigError::UnknownService { at, host, .. } => {
                ConfigError::UnknownService { at, host, known: services.keys().cloned().collect() }
            }
            other => other,
        })?;
        references.retain(|(name, _)| services.contains_key(name));
        let listens = config.listens();
        Ok(Front { config, references, listens })
    }

    /// nginx with the project's configuration. Returns the program, and all that it is made of: the project's files, and text
    /// that is made of them.
    pub(crate) fn front(
        &self,
        container: &Container<'_>,
        ports: &Ports,
    ) -> Result<(ProcessRun, Vec<PathBuf>, String), StackError> {
        let name = &container.service.name;
        let (front, nginx) = (self.nginx_config(name)?, self.nginx_program(name)?);
        let mut runs = ports.runs(container, self);
        // Only what it listens on: a port that is published and not in its configuration leads nowhere.
        runs.retain(|port| self.writes_its_own(container) || front.listens.contains(&port.target));
        let (process, text) = if self.is_addressed(container.service) {
            (self.front_as_it_is(container, &nginx, ports, runs)?, String::new())
        } else {
            self.front_for_here(container, &front, nginx, ports, runs)?
        };
        Ok((process, front.config.files, text))
    }

    /// With the configuration where its file has it, in what its image has around that.
    fn front_as_it_is(
        &self,
        container: &Container<'_>,
        nginx: &Nginx,
        ports: &Ports,
        runs: Vec<PortRun>,
    ) -> Result<ProcessRun, StackError> {
        let name = &container.service.name;
        let source = Source { mounts: container.files(), variables: container.environment() };
        let own = image(&self.site.live().join(name), &source, self.writes)?;
        let own = own.into_iter().map(|part| {
            let (target, what) = match part {
                Part::Path { target, place } => (target, What::Path(place)),
                Part::Empty { target } => (target, What::Tmpfs { size: None, mode: None }),
            };
            Mount { target, what, read_only: false }
        });
        let mounts = last_of_each(own.chain(self.mounts(container)?).collect());
        let variables = self.variables(container, ports);
        let mut surroundings = self.beside(container.service, &variables);
        // In its image it is on PATH; an ordinary user's may well lack its place.
        if let (Some(path), Some(folder)) = (surroundings.get_mut("PATH"), nginx.program.parent()) {
            path.push(':');
            path.push_str(&folder.to_string_lossy());
        }
        let words = words_of_front(container);
        let (program, arguments) = match words.split_first() {
            None => (nginx.program.clone(), ["-g", "daemon off;"].map(str::to_owned).to_vec()),
            Some((first, rest)) if is_nginx(first) => (nginx.program.clone(), rest.to_vec()),
            Some((_, rest)) => {
                let path = if variables.contains_key("PATH") { &variables } else { &surroundings };
                (self.program(container, &words, path)?, rest.to_vec())
            }
        };
        let directory = Self::seen_directory(container, &mounts).unwrap_or_else(|| PathBuf::from("/"));
        if self.writes && program == nginx.program {
            nginx.look_at(&source, |test| self.within(test, &mounts, name))?;
        }
        Ok(ProcessRun {
            mounts,
            has_addresses: true,
            called: self.called(container.service),
            program,
            arguments: arguments.into_iter().map(Template::from).collect(),
            directory,
            variables,
            surroundings,
            ports: runs,
            ..ProcessRun::default()
        })
    }

    /// Whether something runs before nginx that may write its configuration: nobody knows then what it listens on.
    pub(crate) fn writes_its_own(&self, container: &Container<'_>) -> bool {
        self.is_addressed(container.service) && !words_of_front(container).first().is_none_or(is_nginx)
    }

    /// That what a service runs instead of nginx, such as a script that writes its configuration first, can be run.
    pub(crate) fn check_front(&self, container: &Container<'_>) -> Result<(), StackError> {
        if !self.writes_its_own(container) {
            return Ok(());
        }
        let surroundings = self.surroundings(container.service);
        self.program(container, &words_of_front(container), &surroundings).map(|_| ())
    }

    /// A program that only looks at what a service will see.
    fn within(&self, program: Program, mounts: &[Mount], name: &str) -> Result<Program, ConfigError> {
        let fault = |source: io::Error| ConfigError::Write { file: self.site.live().join(name), source };
        let own = self.addresses().map_or(Ipv4Addr::LOCALHOST, |plan| plan.machine);
        let network = Network::alone(own);
        let view = View::new(mounts, Path::new("/")).map_err(|error| fault(io::Error::other(error)))?;
        let view = view.with_network(Arc::new(network)).map_err(fault)?;
        Ok(program.within(Arc::new(view)))
    }
}

/// The words of the command of an nginx service; none where it says nothing.
fn words_of_front(container: &Container<'_>) -> Vec<String> {
    let mut words = container.command().unwrap_or_default();
    // The entrypoint of its image does what is done here already.
    if words.first().is_some_and(|word| word.ends_with("/docker-entrypoint.sh"))
        && container.own_program(&words[0]).is_none()
    {
        words.remove(0);
    }
    interpreted(container, words)
}

fn is_nginx(word: &String) -> bool {
    Path::new(word).file_name().is_some_and(|name| name == "nginx")
}
