//! One service of a stack.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use backlot_plan::{Dependency, HealthTimes, PostgresWish, RestartPolicy};
use backlot_yaml::Location;

use super::develop::{Hook, WatchRule};
use super::network::{ExtraHost, Joined, Link, NetworkMode};

/// One service, with short forms expanded and defaults filled in. Its `Debug` leaves out what may hold secrets.
#[derive(Clone)]
pub struct Service {
    /// The service's name.
    pub name: String,
    /// The image, when one is named.
    pub image: Option<Image>,
    /// How to build the image, when it is built.
    pub build: Option<Build>,
    /// What runs it in the place of a container, when something does.
    pub provider: Option<String>,
    /// The command, split into words; empty resets the image's own.
    pub command: Option<Vec<String>>,
    /// The entrypoint, split into words; empty resets the image's own.
    pub entrypoint: Option<Vec<String>>,
    /// The variables; those of `env_file` included. `None` takes the caller's value at start, if there is one.
    pub environment: BTreeMap<String, Option<String>>,
    /// The labels.
    pub labels: BTreeMap<String, String>,
    /// The ports, ranges taken apart: one entry for each port of the container.
    pub ports: Vec<Port>,
    /// The ports open to other services only, as `8000` or `8000/udp`.
    pub expose: Vec<String>,
    /// What is mounted.
    pub volumes: Vec<Mount>,
    /// The services that start before this one.
    pub depends_on: BTreeMap<String, Dependency>,
    /// How to tell that it is well.
    pub healthcheck: Option<Healthcheck>,
    /// What runs in it when it has started.
    pub post_start: Vec<Hook>,
    /// What runs in it before it is stopped.
    pub pre_stop: Vec<Hook>,
    /// What is done when files change (`develop.watch`).
    pub watch: Vec<WatchRule>,
    /// What to do when it ends.
    pub restart: RestartPolicy,
    /// How long it may take to stop before it is killed; Compose's default is 10 s.
    pub stop_grace_period: Duration,
    /// The signal that asks it to stop; `SIGTERM` when unset.
    pub stop_signal: Option<String>,
    /// The directory in the container.
    pub working_dir: Option<String>,
    /// The user in the container.
    pub user: Option<String>,
    /// Whether its standard input does not end: it is kept open (`stdin_open`), or is a terminal's (`tty`).
    pub reads_on: bool,
    /// Whose network it has.
    pub network_mode: NetworkMode,
    /// The networks that it is on.
    pub networks: Vec<Joined>,
    /// What its container is called; within its stack that name leads to it.
    pub container_name: Option<String>,
    /// What it calls itself.
    pub hostname: Option<String>,
    /// The domain that follows its hostname.
    pub domainname: Option<String>,
    /// Its own names for other services.
    pub links: Vec<Link>,
    /// Its own names for containers of other projects.
    pub external_links: Vec<Link>,
    /// Its own names for addresses.
    pub extra_hosts: Vec<ExtraHost>,
    /// The secrets that it may read.
    pub secrets: Vec<FileGrant>,
    /// The configs that it may read.
    pub configs: Vec<FileGrant>,
    /// The profiles that switch it on; empty: always on.
    pub profiles: Vec<String>,
    /// How many copies run (`scale`, `deploy.replicas`).
    pub replicas: u32,
    /// `x-backlot` of the service.
    pub extension: ServiceExtension,
    /// Where the service is defined.
    pub location: Location,
}

impl Service {
    /// The addresses of this machine at which its TCP ports are published, each with the container's port. One without an
    /// address of its own is for this machine alone, at both of its addresses; of a range for one port of the container there is one for each of so
    /// many replicas.
    pub fn published_at(&self, replicas: u32) -> Vec<(u16, SocketAddr)> {
        let mut all = Vec::new();
        for port in self.ports.iter().filter(|port| port.protocol == Protocol::Tcp) {
            let Some(PortRange { first, last }) = port.published else { continue };
            let ip: Option<IpAddr> = port.host_ip.as_deref().and_then(|ip| ip.parse().ok());
            let both = || vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
            let places = ip.map_or_else(both, |ip| vec![ip]);
            let most = usize::try_from(replicas.max(1)).unwrap_or(usize::MAX);
            for host in (first..=last).take(most) {
                for place in places.iter().map(|ip| (port.target, SocketAddr::new(*ip, host))) {
                    if !all.contains(&place) {
                        all.push(place);
                    }
                }
            }
        }
        all
    }

    /// The TCP ports that it publishes: the container's port, and the first of this machine's that it may have. Of several
    /// that are published for one port of the container, the first counts.
    pub fn published(&self) -> impl Iterator<Item = (u16, u16)> {
        let mut targets = BTreeSet::new();
        let tcp = self.ports.iter().filter(|port| port.protocol == Protocol::Tcp);
        tcp.filter_map(move |port| {
            Some((port.target, port.published.filter(|_| targets.insert(port.target))?.first))
        })
    }
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut service = f.debug_struct("Service");
        service.field("name", &self.name).field("image", &self.image).field("ports", &self.ports);
        service.field("volumes", &self.volumes).field("depends_on", &self.depends_on).finish_non_exhaustive()
    }
}

/// An image's name, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// All before the tag: `postgres`, `registry.example:5000/team/app`.
    pub repository: String,
    /// The tag, `None` when not given.
    pub tag: Option<String>,
    /// The digest, as `sha256:…`.
    pub digest: Option<String>,
}

impl Image {
    /// Takes a name apart.
    pub fn parse(name: &str) -> Self {
        super::parts::image(name)
    }
}

/// How an image is built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Build {
    /// The build context, absolute. A context that is a URL is kept as written.
    pub context: PathBuf,
    /// The Dockerfile, absolute unless the context is a URL.
    pub dockerfile: PathBuf,
    /// The Dockerfile's own text, when it is written inline.
    pub dockerfile_inline: Option<String>,
    /// The stage to build.
    pub target: Option<String>,
    /// The build arguments. `None` takes the caller's value.
    pub args: BTreeMap<String, Option<String>>,
}

/// One port of a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Port {
    /// The container's port.
    pub target: u16,
    /// The host's port or ports to choose from; `None` leaves it to chance.
    pub published: Option<PortRange>,
    /// The host's address to bind, `None` for all.
    pub host_ip: Option<String>,
    /// The protocol.
    pub protocol: Protocol,
    /// What is spoken above that, where the file says so: `http`.
    pub app_protocol: Option<String>,
}

/// Ports from `first` to `last`, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PortRange {
    /// The lowest.
    pub first: u16,
    /// The highest.
    pub last: u16,
}

/// A port's protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// TCP, the default.
    Tcp,
    /// UDP.
    Udp,
    /// SCTP.
    Sctp,
}

/// Something mounted into a container.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a key of its own, and all combinations are there")]
pub struct Mount {
    /// What is mounted.
    pub kind: MountKind,
    /// The path in the container.
    pub target: String,
    /// Whether it may only be read.
    pub read_only: bool,
    /// The folder of the volume that is mounted in the place of the whole of it.
    pub subpath: Option<PathBuf>,
    /// Whether a path of the host that is not there is made.
    pub creates_source: bool,
    /// Whether it stands under `tmpfs` rather than `volumes`.
    pub is_short: bool,
    /// Whether a new volume gets what the image has there.
    pub copies: bool,
}

/// What a [`Mount`] mounts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MountKind {
    /// A path of the host, absolute.
    Bind {
        /// The path.
        source: PathBuf,
    },
    /// A volume: one of [`crate::Stack::volumes`], or an anonymous one.
    Volume {
        /// The volume's key in the stack, `None` for an anonymous volume.
        source: Option<String>,
    },
    /// Memory.
    Tmpfs {
        /// How many bytes may be in it; as many as there are where nothing says that.
        size: Option<u64>,
        /// The permissions of its folder.
        mode: Option<u32>,
    },
    /// What only Docker can mount (`npipe`, `cluster`, `image`).
    Other {
        /// Compose's word for it.
        kind: String,
        /// The source as written.
        source: Option<String>,
    },
}

/// How to tell that a service is well. `None` means Docker's default or the image's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Healthcheck {
    /// What to run.
    pub test: Option<HealthTest>,
    /// The time between two checks.
    pub interval: Option<Duration>,
    /// How long one check may take.
    pub timeout: Option<Duration>,
    /// How many failures in a row make it unhealthy.
    pub retries: Option<u64>,
    /// How long failures do not count after the start.
    pub start_period: Option<Duration>,
    /// The time between two checks within the start period.
    pub start_interval: Option<Duration>,
    /// Whether the check is switched off, the image's own included.
    pub disable: bool,
}

impl Healthcheck {
    /// Its times, those of Docker where it does not say.
    pub fn times(&self) -> HealthTimes {
        let usual = HealthTimes::default();
        let retries = self.retries.map(|retries| u32::try_from(retries).unwrap_or(u32::MAX));
        HealthTimes {
            interval: self.interval.unwrap_or(usual.interval),
            timeout: self.timeout.unwrap_or(usual.timeout),
            retries: retries.unwrap_or(usual.retries),
            start_period: self.start_period.unwrap_or(usual.start_period),
            start_interval: self.start_interval.unwrap_or(usual.start_interval),
        }
    }
}

/// What a health check runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HealthTest {
    /// A program and its arguments.
    Command(Vec<String>),
    /// A line for the shell.
    Shell(String),
}

/// A secret or config that a service may read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileGrant {
    /// Its key in the stack.
    pub source: String,
    /// The path in the container, `None` for Compose's default.
    pub target: Option<String>,
    /// Its permissions in the container, `None` for Compose's default.
    pub mode: Option<u32>,
}

/// `x-backlot` of a service.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServiceExtension {
    /// The command that the native engine runs in place of the service's own.
    pub command: Option<Vec<String>>,
    /// The command that tests it.
    pub test: Option<Vec<String>>,
    /// The command that brings the database's schema to what it expects.
    pub migrate: Option<Vec<String>>,
    /// The folder of the programs that the native engine takes, absolute.
    pub bin: Option<PathBuf>,
    /// The version of PostgreSQL that is asked for on purpose, whatever its image is (`postgres`).
    pub postgres: Option<PostgresWish>,
    /// Whether the others do without it where it cannot run.
    pub optional: bool,
}
