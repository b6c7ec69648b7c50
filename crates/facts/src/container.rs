//! What a service is as a container, and where that is on this machine.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use backlot_plan::Protocol;
use backlot_project::Service;
use backlot_project::stack::{MountKind, Protocol as PortProtocol};

use crate::database::is_postgres;
use crate::dockerfile::{self, Dockerfile};

/// Images that are known to be programs of this machine as well.
const KNOWN: [Known; 3] = [
    Known {
        image: "redis",
        port: 6379,
        keeps: Some("redis-server"),
        command: &["redis-server", "--bind", "127.0.0.1", "--port", "6379"],
    },
    Known {
        image: "valkey",
        port: 6379,
        keeps: Some("valkey-server"),
        command: &["valkey-server", "--bind", "127.0.0.1", "--port", "6379"],
    },
    Known {
        image: "memcached",
        port: 11_211,
        keeps: None,
        command: &["memcached", "-l", "127.0.0.1", "-p", "11211", "-u", "nobody"],
    },
];

/// Ports of servers that speak no HTTP/1, such as those of databases, queues, mail and SSH.
const USUALLY_TCP: [u16; 19] = [
    22, 25, 143, 389, 465, 587, 993, 1025, 1433, 1883, 3306, 4222, 5432, 5672, 6379, 9042, 9092, 11_211,
    27_017,
];

#[derive(Debug)]
struct Known {
    image: &'static str,
    port: u16,
    /// The program that keeps data in the directory that it is told by `--dir`.
    keeps: Option<&'static str>,
    command: &'static [&'static str],
}

/// A service's container.
#[derive(Debug)]
pub struct Container<'a> {
    /// The service, as the Compose file has it.
    pub service: &'a Service,
    /// What its Dockerfile says, as far as there is one.
    pub dockerfile: Dockerfile,
    known: Option<&'static Known>,
    root: &'a Path,
}

impl<'a> Container<'a> {
    /// The container of `service`, of a project whose directory is `root`.
    pub fn of(service: &'a Service, root: &'a Path) -> Self {
        let dockerfile = service.build.as_ref().map(|build| {
            let text = match &build.dockerfile_inline {
                Some(text) => text.clone(),
                None => std::fs::read_to_string(build.context.join(&build.dockerfile)).unwrap_or_default(),
            };
            dockerfile::read(&text, build.target.as_deref())
        });
        let image = service.image.as_ref().map(|image| image.repository.as_str()).unwrap_or_default();
        let last = image.rsplit('/').next().unwrap_or_default();
        let known = KNOWN.iter().find(|known| known.image == last && service.build.is_none());
        Self { service, dockerfile: dockerfile.unwrap_or_default(), known, root }
    }

    /// Whether its image is nginx.
    pub fn is_nginx(&self) -> bool {
        let image = self.service.image.as_ref().filter(|_| self.service.extension.command.is_none());
        let name = image.and_then(|image| image.repository.rsplit('/').next());
        matches!(name, Some("nginx" | "nginx-unprivileged"))
    }

    /// Whether its image is one that keeps data in the directory that it works in, whatever starts it there.
    pub fn works_in_its_data(&self) -> bool {
        let keeps = self.known.is_some_and(|known| known.keeps.is_some());
        self.is_known_to_keep() || (keeps && self.service.working_dir.is_none())
    }

    /// Whether it runs a program that is known to keep data.
    pub fn is_known_to_keep(&self) -> bool {
        let Some(keeps) = self.known.and_then(|known| known.keeps) else { return false };
        let command = self.command().unwrap_or_default();
        command.first().is_some_and(|word| Path::new(word).file_name().is_some_and(|name| name == keeps))
    }

    /// What runs in it; and whether that was said for this machine, as opposed to a container.
    pub fn command(&self) -> Option<Vec<String>> {
        if let Some(command) = &self.service.extension.command {
            return Some(command.clone()).filter(|command| !command.is_empty());
        }
        let own = match (&self.service.entrypoint, &self.service.command) {
            (None, None) => None,
            (Some(entrypoint), command) => {
                Some(entrypoint.iter().chain(command.iter().flatten()).cloned().collect())
            }
            // As the entrypoints of these images have it: options are the server's.
            (None, Some(command)) => {
                let server = self.known.filter(|_| command.first().is_some_and(|word| word.starts_with('-')));
                let server = server.and_then(|known| known.command.first()).map(|word| (*word).to_owned());
                Some(server.into_iter().chain(command.iter().cloned()).collect())
            }
        };
        let known = || Some(self.known?.command.iter().map(|word| (*word).to_owned()).collect());
        own.or_else(|| self.dockerfile.command.clone())
            .or_else(known)
            .filter(|command: &Vec<String>| !command.is_empty())
    }

    /// The directories and files of this machine that it sees: its path, and ours.
    pub fn mounts(&self) -> Vec<(PathBuf, PathBuf)> {
        let bound = self.service.volumes.iter().filter_map(|mount| match &mount.kind {
            MountKind::Bind { source } => Some((PathBuf::from(&mount.target), source.clone())),
            MountKind::Volume { .. } | MountKind::Tmpfs | MountKind::Other { .. } => None,
        });
        bound.collect()
    }

    /// The place on this machine of a path inside of it, if it is mounted.
    pub fn outside(&self, path: &Path) -> Option<PathBuf> {
        let found = self.mounts().into_iter().filter_map(|(target, source)| {
            let rest = path.strip_prefix(&target).ok()?.to_owned();
            Some((
                target.components().count(),
                if rest.as_os_str().is_empty() { source } else { source.join(rest) },
            ))
        });
        found.max_by_key(|(depth, _)| *depth).map(|(_, path)| path)
    }

    /// The directory that it works in: where the container's own is mounted, else a mounted directory, else what it is
    /// built from, else the project.
    pub fn directory(&self) -> PathBuf {
        let inside = self.service.working_dir.as_deref().or(self.dockerfile.working_dir.as_deref());
        let working = inside.and_then(|inside| self.outside(Path::new(inside)));
        let mounted = || self.mounts().into_iter().map(|(_, source)| source).find(|source| source.is_dir());
        let built = || self.service.build.as_ref().map(|build| build.context.clone());
        let found = working.or_else(mounted).or_else(built).filter(|dir| dir.is_dir());
        found.unwrap_or_else(|| self.root.to_owned())
    }

    /// Where its sources are, if they are on this machine.
    pub fn sources(&self) -> Option<PathBuf> {
        let has_sources =
            self.service.build.is_some() || self.mounts().iter().any(|(_, source)| source.is_dir());
        has_sources.then(|| self.directory())
    }

    /// The ports that it says it listens on.
    pub fn ports(&self) -> BTreeSet<u16> {
        let published = self.service.ports.iter().filter(|port| port.protocol == PortProtocol::Tcp);
        let exposed = self.service.expose.iter().filter_map(|port| port.split('/').next()?.parse().ok());
        let known = self.known.map(|known| known.port);
        let files = self.dockerfile.ports.iter().copied();
        published.map(|port| port.target).chain(exposed).chain(known).chain(files).collect()
    }

    /// What is spoken at one of its ports: what the file says, what is usual there, else what is heard.
    pub fn protocol(&self, target: u16) -> Protocol {
        let mut ports = self.service.ports.iter().filter(|port| port.target == target);
        if let Some(said) = ports.find_map(|port| port.app_protocol.as_deref()) {
            return match said.to_ascii_lowercase().as_str() {
                "http" | "http1" | "http/1.1" | "ws" => Protocol::Http,
                // Bytes are handed on whatever they mean: TLS, HTTP/2 …
                _ => Protocol::Tcp,
            };
        }
        let is_usual = USUALLY_TCP.contains(&target);
        if is_usual || self.known.is_some() || is_postgres(self.service) {
            Protocol::Tcp
        } else {
            Protocol::Auto
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Container;
    use backlot_plan::Protocol;
    use backlot_project::{EnvironmentName, Lookup, Project};

    #[test]
    fn what_is_spoken_is_said_or_usual_or_heard() {
        let dir = tempfile::tempdir().unwrap();
        let compose = "\
services:
  app:
    image: app
    ports: ['8000', '3306', {target: 443, app_protocol: https}, {target: 25, app_protocol: HTTP}]
  cache: {image: 'docker.io/library/redis:7', ports: ['7000']}
";
        std::fs::write(dir.path().join("compose.yaml"), compose).unwrap();
        let lookup = Lookup { start_dir: dir.path().to_owned(), ..Lookup::default() };
        let project = Project::find(lookup).unwrap();
        let environment = project.environment(&EnvironmentName::parse("development").unwrap()).unwrap();
        let protocol = |service: &str, target: u16| {
            Container::of(&environment.stack.services[service], dir.path()).protocol(target)
        };
        let app: Vec<Protocol> = [8000, 3306, 443, 25].map(|port| protocol("app", port)).into();
        assert_eq!(app, [Protocol::Auto, Protocol::Tcp, Protocol::Tcp, Protocol::Http]);
        assert_eq!(protocol("cache", 7000), Protocol::Tcp);
    }
}
