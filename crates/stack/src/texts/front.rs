//! nginx, with the project's configuration rewritten.

use backlot_facts::container::Container;
use backlot_nginx::{Nginx, Rewrite};
use backlot_supervisor::{PortRun, ProcessRun, Template};

use crate::{error::StackError, front::Front, ports::Ports, translation::Translation};

impl Translation<'_> {
    /// Writes the configuration for this machine, and has nginx look at it. Returns the program, and the text with the
    /// endpoints that are in it now.
    pub(crate) fn front_for_here(
        &self,
        container: &Container<'_>,
        front: &Front,
        nginx: Nginx,
        ports: &Ports,
        runs: Vec<PortRun>,
    ) -> Result<(ProcessRun, String), StackError> {
        let how = Rewrite {
            endpoints: ports.endpoints.clone(),
            listens: runs.iter().map(|port| (port.target, port.endpoint)).collect(),
            dir: self.site.live().join(&container.service.name),
            as_root: nix::unistd::geteuid().is_root(),
        };
        let rewritten = front.config.rewrite(&how);
        let arguments =
            if self.writes { nginx.install(&rewritten, &how.dir)? } else { Nginx::arguments(&how.dir) };
        let process = ProcessRun {
            program: nginx.program,
            arguments: arguments.into_iter().map(Template::from).collect(),
            directory: container.directory(),
            surroundings: self.surroundings(container.service),
            mounts: self.mounts(container)?,
            called: self.called(container.service),
            ports: runs,
            ..ProcessRun::default()
        };
        Ok((process, rewritten.text))
    }
}
