//! nginx.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use backlot_facts::NoService;
use backlot_facts::container::Container;
use backlot_nginx::{Config, Nginx, Rewrite, Source};
use backlot_supervisor::ProcessRun;

use crate::stack::{error::StackError, ports::Ports, template::literal, translation::Translation};

/// What a configuration of nginx asks for.
pub(super) struct Front {
    pub(super) config: Config,
    /// The services and ports that it passes requests to.
    pub(super) references: BTreeSet<(String, u16)>,
    /// The ports that it listens on.
    pub(super) listens: BTreeSet<u16>,
}

impl Translation<'_> {
    /// The nginx of this machine, which the service `name` needs.
    pub(super) fn nginx_program(&self, name: &str) -> Result<Nginx, StackError> {
        self.nginx.clone().map_err(|source| StackError::NoNginx { service: name.to_owned(), source })
    }

    /// Reads the configuration of the nginx service `name`.
    pub(super) fn nginx_config(&self, name: &str) -> Result<Front, StackError> {
        let services = &self.environment.stack.services;
        let Some(service) = services.get(name) else {
            return Err(NoService::of(name, &self.environment.stack).into());
        };
        let container = Container::of(service, self.root);
        let config = Config::read(&Source { mounts: container.files(), variables: container.environment() })?;
        let references = config.references(&services.keys().cloned().collect())?;
        let listens = config.listens();
        Ok(Front { config, references, listens })
    }

    /// Writes the configuration for this machine, and has nginx look at it. Returns the program, and all that it is made
    /// of: the project's files, and their text with the endpoints that are in it now.
    pub(super) fn front(
        &self,
        container: &Container<'_>,
        ports: &Ports,
    ) -> Result<(ProcessRun, Vec<PathBuf>, String), StackError> {
        let name = &container.service.name;
        let front = self.nginx_config(name)?;
        let nginx = self.nginx_program(name)?;
        let listens = front.listens.iter();
        let how = Rewrite {
            endpoints: ports.endpoints.clone(),
            listens: listens
                .filter_map(|port| Some((*port, *ports.endpoints.get(&(name.clone(), *port))?)))
                .collect(),
            dir: self.site.live().join(name),
            as_root: nix::unistd::geteuid().is_root(),
        };
        let rewritten = front.config.rewrite(&how);
        let arguments =
            if self.writes { nginx.install(&rewritten, &how.dir)? } else { Nginx::arguments(&how.dir) };
        let mut runs = ports.runs(container);
        // Only what it listens on: a port that is published and not in its configuration leads nowhere.
        runs.retain(|port| front.listens.contains(&port.target));
        let process = ProcessRun {
            mounts: self.mounts(container)?,
            has_addresses: false,
            called: self.called(container.service),
            program: nginx.program,
            arguments: arguments.into_iter().map(literal).collect(),
            directory: container.directory(),
            variables: BTreeMap::new(),
            surroundings: self.surroundings(),
            port_variables: Vec::new(),
            ports: runs,
        };
        Ok((process, front.config.files, rewritten.text))
    }
}
