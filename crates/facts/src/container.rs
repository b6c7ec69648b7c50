//! What a service is as a container, and where that is on this machine.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use backlot_plan::Protocol;
use backlot_project::Service;
use backlot_project::stack::{Healthcheck, Image, MountKind, Protocol as PortProtocol};

use crate::image::is_postgres;
use backlot_dockerfile::Dockerfile;

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

/// Images of nginx.
const NGINX: [&str; 2] = ["nginx", "nginx-unprivileged"];
/// Where programs are in an image.
pub const PROGRAMS: [&str; 6] =
    ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/// Ports of servers that speak no HTTP/1, such as those of databases, queues, mail and SSH.
const USUALLY_TCP: [u16; 19] = [
    22, 25, 143, 389, 465, 587, 993, 1025, 1433, 1883, 3306, 4222, 5432, 5672, 6379, 9042, 9092, 11_211,
    27_017,
];

/// Whether a port is that of a server that speaks no HTTP/1, as far as its number tells.
pub fn is_usually_tcp(port: u16) -> bool {
    USUALLY_TCP.contains(&port)
}

#[derive(Debug)]
pub(crate) struct Known {
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
    /// Why nothing is known of its Dockerfile, if it is to have one.
    pub unread: Option<(PathBuf, std::io::Error)>,
    pub(crate) known: Option<&'static Known>,
    pub(crate) root: &'a Path,
}

impl<'a> Container<'a> {
    /// The container of `service`, of a project whose directory is `root`.
    pub fn of(service: &'a Service, root: &'a Path) -> Self {
        let (dockerfile, unread) = match backlot_dockerfile::of_service(service) {
            Ok(dockerfile) => (dockerfile.unwrap_or_default(), None),
            Err(unread) => (Dockerfile::default(), Some(unread)),
        };
        let image = base_image(service, &dockerfile).map(last_name).unwrap_or_default();
        let known = KNOWN.iter().find(|known| known.image == image);
        Self { service, dockerfile, unread, known, root }
    }

    /// The image that it is, or that it is built from.
    pub fn image(&self) -> Option<&Image> {
        base_image(self.service, &self.dockerfile)
    }

    /// Whether its image is nginx, and that is what runs in it.
    pub fn is_nginx(&self) -> bool {
        if self.service.extension.command.is_some() {
            return false;
        }
        let of_file = self.dockerfile.entrypoint.iter().chain(&self.dockerfile.cmd).flatten();
        let runs_it = of_file.fold(None, |found, word| Some(found == Some(true) || word.contains("nginx")));
        let is_image = self.image().map(last_name).is_some_and(|name| NGINX.contains(&name));
        is_image && runs_it != Some(false)
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

    /// What runs in it, if it shares the addresses of this machine.
    pub fn command(&self) -> Option<Vec<String>> {
        self.command_with(false)
    }

    /// What runs in it. A server that is known is told the address that it is to have unless that `is_addressed`, and has its own.
    pub fn command_with(&self, is_addressed: bool) -> Option<Vec<String>> {
        if let Some(command) = &self.service.extension.command {
            return Some(command.clone()).filter(|command| !command.is_empty());
        }
        let own = self.own_command();
        let own = match self.known.and_then(|known| known.command.first()) {
            // As the entrypoints of these images have it: options are the server's.
            Some(server) if own.first().is_some_and(|word| word.starts_with('-')) => {
                [(*server).to_owned()].into_iter().chain(own).collect()
            }
            Some(_) | None => own,
        };
        let own = if is_addressed { own } else { self.with_own_port(own) };
        let count = if is_addressed { 1 } else { usize::MAX };
        let known = || {
            let words = self.known.map(|known| known.command.iter().take(count));
            words.map(|words| words.map(|word| (*word).to_owned()).collect())
        };
        Some(own).filter(|own| !own.is_empty()).or_else(known)
    }

    /// The words of a server that is known, with the address that it is to have unless they name a port: natively it is not
    /// alone on its machine.
    fn with_own_port(&self, own: Vec<String>) -> Vec<String> {
        let Some((server, address)) = self.known.and_then(|known| known.command.split_first()) else {
            return own;
        };
        let is_server =
            own.first().is_some_and(|word| Path::new(word).file_name().is_some_and(|name| name == *server));
        let names_port = own.iter().any(|word| word == "-p" || word.starts_with("--port"));
        if !is_server || names_port {
            return own;
        }
        own.into_iter().chain(address.iter().map(|word| (*word).to_owned())).collect()
    }

    /// The entrypoint and the command, each the service's own, else its Dockerfile's. An entrypoint of its own takes the
    /// Dockerfile's command away; an empty one, or an empty command, takes nothing away but an entrypoint (as Docker does,
    /// whatever the documentation of Compose says).
    pub(crate) fn own_command(&self) -> Vec<String> {
        let (entrypoint, command) = self.entrypoint_and_command();
        entrypoint.into_iter().chain(command).collect()
    }

    /// The two apart.
    pub fn entrypoint_and_command(&self) -> (Vec<String>, Vec<String>) {
        let (entrypoint, is_own) = match &self.service.entrypoint {
            Some(words) => (words.clone(), !words.is_empty()),
            None => (self.dockerfile.entrypoint.clone().unwrap_or_default(), false),
        };
        let of_file = || self.dockerfile.cmd.clone().filter(|_| !is_own);
        let command = self.service.command.clone().filter(|command| !command.is_empty()).or_else(of_file);
        (entrypoint, command.unwrap_or_default())
    }

    /// How to tell that it is well: what the service says, and its Dockerfile where that says nothing.
    pub fn healthcheck(&self) -> Option<Healthcheck> {
        let image = self.dockerfile.healthcheck.clone().filter(|check| !check.disable);
        let Some(own) = &self.service.healthcheck else { return image };
        if own.disable {
            return None;
        }
        let Some(image) = image else { return Some(own.clone()) };
        Some(Healthcheck {
            test: own.test.clone().or(image.test),
            interval: own.interval.or(image.interval),
            timeout: own.timeout.or(image.timeout),
            retries: own.retries.or(image.retries),
            start_period: own.start_period.or(image.start_period),
            start_interval: own.start_interval.or(image.start_interval),
            disable: false,
        })
    }

    /// The signal that asks it to stop, where one is named.
    pub fn stop_signal(&self) -> Option<&str> {
        self.service.stop_signal.as_deref().or(self.dockerfile.stop_signal.as_deref())
    }

    /// The variable of its image or of the service.
    pub fn variable(&self, name: &str) -> Option<&str> {
        match self.service.environment.get(name) {
            Some(value) => value.as_deref(),
            None => self.dockerfile.variables.get(name).map(String::as_str),
        }
    }

    /// The variables of its image and of the service, but for those that are only named.
    pub fn environment(&self) -> BTreeMap<String, String> {
        let mut all = self.dockerfile.variables.clone();
        let own = &self.service.environment;
        all.extend(own.iter().filter_map(|(name, value)| Some((name.clone(), value.clone()?))));
        all
    }

    /// The directories and files of this machine that it sees: its path, and ours.
    pub fn mounts(&self) -> Vec<(PathBuf, PathBuf)> {
        let bound = self.service.volumes.iter().filter_map(|mount| match &mount.kind {
            MountKind::Bind { source } => Some((PathBuf::from(&mount.target), source.clone())),
            MountKind::Volume { .. } | MountKind::Tmpfs { .. } | MountKind::Other { .. } => None,
        });
        bound.collect()
    }

    /// The same with the files of the project that its image has copies of, as far as nothing is mounted over them.
    pub fn files(&self) -> Vec<(PathBuf, PathBuf)> {
        let mounts = &self.service.volumes;
        let is_seen = |place: &Path| !mounts.iter().any(|mount| place.starts_with(&mount.target));
        let copies = self.dockerfile.copies.places.iter().filter(|(target, _)| is_seen(target)).cloned();
        copies.chain(self.mounts()).collect()
    }

    /// The place on this machine of a path inside of it, if it is mounted or a copy of the project's.
    pub fn outside(&self, path: &Path) -> Option<PathBuf> {
        let found = self.mounts().into_iter().filter_map(|(target, source)| {
            let rest = path.strip_prefix(&target).ok()?.to_owned();
            Some((
                target.components().count(),
                if rest.as_os_str().is_empty() { source } else { source.join(rest) },
            ))
        });
        let mounted = found.max_by_key(|(depth, _)| *depth).map(|(_, path)| path);
        mounted.or_else(|| self.dockerfile.copies.place(path))
    }

    /// A program that is the project's own: mounted, or what its image has a copy of. `word` is as a command has it.
    pub fn own_program(&self, word: &str) -> Option<PathBuf> {
        let found = if word.starts_with('/') {
            self.outside(Path::new(word))
        } else if word.contains('/') {
            let inside = self.working_dir();
            let path = backlot_dockerfile::normal(&Path::new(inside.unwrap_or("/")).join(word));
            self.outside(&path).filter(|file| file.exists()).or_else(|| Some(self.directory().join(word)))
        } else if self.service.extension.command.is_none() {
            let path = self.variable("PATH").unwrap_or_default().split(':').chain(PROGRAMS);
            let found = path.filter_map(|dir| self.outside(&Path::new(dir).join(word)));
            found.into_iter().find(|file| file.is_file())
        } else {
            None
        };
        found.filter(|file| file.exists())
    }

    /// The directory that it works in: where the container's own is mounted, else a mounted directory, else what it is
    /// built from, else the project.
    pub fn directory(&self) -> PathBuf {
        let inside = self.working_dir();
        let working = inside.and_then(|inside| self.outside(Path::new(inside)));
        let mounted = || self.mounts().into_iter().map(|(_, source)| source).find(|source| source.is_dir());
        let built = || self.service.build.as_ref().map(|build| build.context.clone());
        let found = working.or_else(mounted).or_else(built).filter(|dir| dir.is_dir());
        found.unwrap_or_else(|| self.root.to_owned())
    }

    /// The directory that it works in, as it knows it.
    pub fn working_dir(&self) -> Option<&str> {
        self.service.working_dir.as_deref().or(self.dockerfile.working_dir.as_deref())
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
        if is_usually_tcp(target) || self.known.is_some() || is_postgres(self.service) {
            Protocol::Tcp
        } else {
            Protocol::Auto
        }
    }
}

/// The image that a service is, or that it is built from, whatever the built one is called.
fn base_image<'s>(service: &'s Service, dockerfile: &'s Dockerfile) -> Option<&'s Image> {
    if service.build.is_some() { dockerfile.base.as_ref() } else { service.image.as_ref() }
}

/// The image that a service is, or that it is built from.
pub fn image_of(service: &Service) -> Option<Image> {
    match service.build {
        Some(_) => Container::of(service, Path::new("/")).dockerfile.base,
        None => service.image.clone(),
    }
}

pub(crate) fn last_name(image: &Image) -> &str {
    image.repository.rsplit('/').next().unwrap_or_default()
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

    /// What runs in the service `app` of a project with these files.
    fn command(compose: &str, dockerfile: &str) -> Option<Vec<String>> {
        let dir = tempfile::tempdir().unwrap();
        let compose = format!("services: {{app: {compose}}}");
        std::fs::write(dir.path().join("compose.yaml"), compose).unwrap();
        std::fs::write(dir.path().join("Dockerfile"), dockerfile).unwrap();
        let lookup = Lookup { start_dir: dir.path().to_owned(), ..Lookup::default() };
        let project = Project::find(lookup).unwrap();
        let environment = project.environment(&EnvironmentName::parse("development").unwrap()).unwrap();
        Container::of(&environment.stack.services["app"], dir.path()).command()
    }

    #[test]
    fn entrypoint_and_command_are_combined_as_docker_does() {
        let file = "FROM a\nENTRYPOINT [\"e\"]\nCMD [\"c\"]\n";
        for (compose, dockerfile, expected) in [
            ("{build: .}", file, "e c"),
            ("{build: ., command: x y}", file, "e x y"),
            ("{build: ., entrypoint: x}", file, "x"),
            ("{build: ., entrypoint: x, command: y}", file, "x y"),
            ("{build: ., entrypoint: [], command: y}", file, "y"),
            ("{build: ., entrypoint: ''}", file, "c"),
            ("{build: ., entrypoint: []}", file, "c"),
            ("{build: ., command: []}", file, "e c"),
            ("{build: ., x-backlot: {command: z}}", file, "z"),
            ("{build: ., command: x}", "FROM a\nENTRYPOINT exec e\n", "/bin/sh -c exec e x"),
            ("{build: {context: ., dockerfile_inline: \"FROM a\\nCMD [\\\"i\\\"]\"}}", file, "i"),
            ("{build: {context: ., target: one}}", "FROM a AS one\nCMD [\"1\"]\nFROM a\nCMD [\"2\"]", "1"),
            ("{image: a, command: x}", file, "x"),
            (
                "{image: redis, command: --save 60 1}",
                "",
                "redis-server --save 60 1 --bind 127.0.0.1 --port 6379",
            ),
            ("{build: .}", "FROM valkey/valkey:8\n", "valkey-server --bind 127.0.0.1 --port 6379"),
        ] {
            assert_eq!(command(compose, dockerfile).unwrap().join(" "), expected, "{compose}");
        }
        assert_eq!(command("{build: .}", "FROM a\n"), None);
    }
}
