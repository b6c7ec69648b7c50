//! What a supervisor runs, worked out to the last argument.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use backlot_plan::{Dependency, HealthTimes, Protocol, RestartPolicy};
use backlot_process::{ProcessId, Program, in_full};
use backlot_view::{Called, Mount, Network, View, ViewError};
use serde::{Deserialize, Serialize};

use crate::container::{ContainerRun, Inside};

/// A stack, ready to be run. It holds secrets: it is handed over through a pipe or the private socket only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Runbook {
    /// The environment's name.
    pub environment: String,
    /// The directory for logs: one file a service, and its older ones.
    pub logs: PathBuf,
    /// Variables of all processes beside their own: by them they are found when whoever ran them was killed.
    #[serde(default)]
    pub marks: BTreeMap<String, String>,
    /// Logs that services write themselves, which are cut when they get long.
    pub foreign_logs: Vec<PathBuf>,
    /// The services, in any order.
    pub services: Vec<ServiceRun>,
    /// The addresses that they have for each other, where programs can have any.
    #[serde(default)]
    pub addresses: Option<AddressPlan>,
}

/// The addresses of an environment. All are of this machine's loopback network, and have their first half in common.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddressPlan {
    /// What stands for this machine as it is.
    pub machine: Ipv4Addr,
    /// Each service's, below those of replicas.
    pub services: BTreeMap<String, Ipv4Addr>,
    /// All names that lead to one of these, for programs that ask a name server.
    #[serde(default)]
    pub names: BTreeMap<String, Ipv4Addr>,
}

impl Runbook {
    /// The services of these names (all, if there are none), with all that they depend on.
    pub(crate) fn with_dependencies(&self, names: &[String]) -> Vec<&ServiceRun> {
        let mut found: BTreeSet<&str> = BTreeSet::new();
        let mut next: Vec<&str> = match names {
            [] => self.services.iter().map(|run| run.name.as_str()).collect(),
            names => names.iter().map(String::as_str).collect(),
        };
        while let Some(name) = next.pop() {
            if found.insert(name) {
                let run = self.services.iter().find(|run| run.name == name);
                next.extend(run.into_iter().flat_map(|run| run.depends_on.keys().map(String::as_str)));
            }
        }
        self.services.iter().filter(|run| found.contains(run.name.as_str())).collect()
    }
}

/// A service, ready to be run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceRun {
    /// Its name.
    pub name: String,
    /// How many replicas run.
    pub replicas: u32,
    /// What it is.
    pub kind: ServiceKind,
    /// The services that come before it, by name.
    pub depends_on: BTreeMap<String, Dependency>,
    /// When it counts as ready.
    pub readiness: Readiness,
    /// What runs beside each replica when that has started, one after another; one that fails is its failure.
    #[serde(default)]
    pub post_start: Vec<HookRun>,
    /// What runs beside each replica before that is asked to end, within the time that it has for its end.
    #[serde(default)]
    pub pre_stop: Vec<HookRun>,
    /// How long it may take to listen at its ports, not counting what one that is published works for before. After that it counts
    /// as running, as not all that says a port listens; what takes the place of one that serves has to.
    #[serde(default)]
    pub quiet_after: Duration,
    /// What to do when it ends.
    pub restart: RestartPolicy,
    /// The number of the signal that asks it to end.
    pub stop_signal: i32,
    /// How long its requests may take to finish, and then it to end.
    pub stop_grace: Duration,
    /// Whether it keeps data that two at once would spoil: an old one ends before a new one starts.
    #[serde(default)]
    pub keeps_data: bool,
    /// Changes with the files that it is made of, so that a new `up` knows whether to replace it.
    pub fingerprint: String,
}

impl ServiceRun {
    /// Its program; of a database, what is known for those that run beside it.
    pub fn process(&self) -> &ProcessRun {
        match &self.kind {
            ServiceKind::Process(process)
            | ServiceKind::Front(process)
            | ServiceKind::Database { process, .. } => process,
        }
    }

    /// The port of a database.
    pub fn database_port(&self) -> Option<u16> {
        match self.kind {
            ServiceKind::Database { port, .. } => Some(port),
            ServiceKind::Process(_) | ServiceKind::Front(_) => None,
        }
    }
}

/// What a service is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ServiceKind {
    /// A program, of which there can be several replicas behind the gateway.
    Process(ProcessRun),
    /// A program that listens on the endpoints of its ports itself, one replica only: nginx.
    Front(ProcessRun),
    /// A Postgres server, which [`Databases`] knows.
    Database {
        /// Its port on 127.0.0.1.
        port: u16,
        /// Its variables and directory, for `exec`.
        process: ProcessRun,
    },
}

/// A program with all that it is given.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessRun {
    /// The program's file.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<Template>,
    /// The directory it works in.
    pub directory: PathBuf,
    /// The variables that the project's files give it.
    pub variables: BTreeMap<String, String>,
    /// All others, but for what each replica is given besides: what it needs of the shell from which it was started. They
    /// differ from shell to shell, which is no reason to start it anew.
    pub surroundings: BTreeMap<String, String>,
    /// The variables that tell a replica its port (`PORT`, `FLASK_RUN_PORT` …): that of the first of `ports`.
    pub port_variables: Vec<String>,
    /// The ports that it listens on in its container.
    pub ports: Vec<PortRun>,
    /// What it sees at paths of its own.
    #[serde(default)]
    pub mounts: Vec<Mount>,
    /// Whether its addresses are its own.
    #[serde(default)]
    pub has_addresses: bool,
    /// The service whose addresses it has, if those are another one's.
    #[serde(default)]
    pub addresses_of: Option<String>,
    /// What it takes its machine to be called, where its file says that.
    #[serde(default)]
    pub called: Option<Called>,
    /// Whether it may go on reading its standard input: nobody writes there, and it does not end.
    #[serde(default)]
    pub reads_on: bool,
    /// What runs as a container, of which the program is the client.
    #[serde(default)]
    pub container: Option<ContainerRun>,
}

impl ProcessRun {
    /// `program`, which sees what this one sees: the very same as the process `beside`, if that lives.
    pub(crate) fn within_view(
        &self,
        program: Program,
        beside: Option<ProcessId>,
        network: Option<&Arc<Network>>,
    ) -> Result<Program, String> {
        let living = beside.filter(|process| !self.is_plain() && process.is_alive());
        let joined = living.and_then(|process| View::of(process.pid, &self.directory).ok());
        let made = || self.view(&self.directory).map_err(|error| in_full(&error));
        let view = joined.map_or_else(made, |view| Ok(Some(view)))?;
        entered(program, view, network)
    }

    /// `program` as the replica that is called `name`, in a view that is made for it.
    pub(crate) fn as_replica(
        &self,
        program: Program,
        name: &str,
        network: Option<&Arc<Network>>,
    ) -> Result<Program, String> {
        let mounts = self.mounts.iter().map(|mount| mount.of(name)).collect::<Result<Vec<_>, _>>();
        let mounts = mounts.map_err(|error| format!("cannot make a folder that is kept for it: {error}"))?;
        let view = view(&mounts, self.called.as_ref(), &self.directory).map_err(|error| in_full(&error))?;
        entered(program, view, network)
    }

    /// Whether it sees the machine as it is.
    fn is_plain(&self) -> bool {
        self.mounts.is_empty() && self.called.is_none()
    }

    /// What it sees from `directory`, made anew; none where that is the machine as it is.
    ///
    /// # Errors
    /// When something of it cannot be had.
    pub fn view(&self, directory: &Path) -> Result<Option<View>, ViewError> {
        view(&self.mounts, self.called.as_ref(), directory)
    }

    /// Its whole environment, but for what each replica is given besides.
    pub fn environment(&self) -> BTreeMap<String, String> {
        let mut all = self.surroundings.clone();
        all.extend(self.variables.clone());
        all
    }
}

fn entered(program: Program, view: Option<View>, network: Option<&Arc<Network>>) -> Result<Program, String> {
    let Some(view) = view else { return Ok(program) };
    let view = match network {
        Some(network) => view.with_network(Arc::clone(network)).map_err(|error| in_full(&error))?,
        None => view,
    };
    Ok(program.within(Arc::new(view)))
}

/// A view with these mounts and this name; none where there are neither.
pub(crate) fn view(
    mounts: &[Mount],
    called: Option<&Called>,
    directory: &Path,
) -> Result<Option<View>, ViewError> {
    if mounts.is_empty() && called.is_none() {
        return Ok(None);
    }
    let view = View::new(mounts, directory)?;
    Ok(Some(match called {
        Some(called) => view.called(called),
        None => view,
    }))
}

/// A text in which a replica's own ports are still to be filled in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Template(pub Vec<Part>);

impl<T: Into<String>> From<T> for Template {
    /// A text that stays as it is.
    fn from(text: T) -> Self {
        Self(vec![Part::Text(text.into())])
    }
}

/// A part of a [`Template`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Part {
    /// As it is.
    Text(String),
    /// The port at which the replica serves this container port.
    Port(u16),
    /// The name of the container that the replica is.
    Container,
}

/// A container port of a service, and the endpoint at which it is reached from outside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortRun {
    /// The port inside the container.
    pub target: u16,
    /// The endpoint's port on 127.0.0.1.
    pub endpoint: u16,
    /// Whether the endpoint is what the Compose file publishes, rather than one for other services only.
    pub published: bool,
    /// Where else the Compose file publishes it.
    #[serde(default)]
    pub also: Vec<SocketAddr>,
    /// What is spoken there.
    pub protocol: Protocol,
    /// Where containers of the environment reach it.
    #[serde(default)]
    pub inside: Vec<Inside>,
}

impl PortRun {
    /// The addresses at which it is published, as people open them: each port of this machine once, at 127.0.0.1 if it can be
    /// reached there.
    pub fn published_at(&self) -> Vec<SocketAddr> {
        let own = self.published.then(|| local(self.endpoint));
        let mut all: Vec<SocketAddr> = own.into_iter().collect();
        for address in &self.also {
            let address = if address.ip().is_unspecified() { local(address.port()) } else { *address };
            let is_twin = address.ip() == Ipv6Addr::LOCALHOST && all.contains(&local(address.port()));
            if !is_twin && !all.contains(&address) {
                all.push(address);
            }
        }
        all
    }
}

/// The address of this machine for itself.
pub(crate) fn local(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

/// When a service counts as ready.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Readiness {
    /// When it has run for so long, or has ended well.
    Running(Duration),
    /// When it listens, or has not for [`ServiceRun::quiet_after`]; the limit is how long one may take that has to.
    Listening(Duration),
    /// When its health check succeeds.
    Check(HealthRun),
}

/// A command beside a service's own, with that one's variables.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HookRun {
    /// The program's file.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<Template>,
    /// The directory it works in.
    pub directory: PathBuf,
    /// Variables beside those of the service.
    pub variables: BTreeMap<String, String>,
}

/// A health check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthRun {
    /// What is asked.
    pub check: Check,
    /// When.
    #[serde(flatten)]
    pub times: HealthTimes,
}

/// What a health check asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Check {
    /// This program, with the service's variables and directory, ends with exit code 0.
    Program {
        /// The program's file.
        program: PathBuf,
        /// Its arguments.
        arguments: Vec<Template>,
    },
    /// [`Databases::check`] succeeds.
    Database,
}

/// What the supervisor cannot do by itself, because it knows no Postgres.
pub trait Databases: Send + Sync {
    /// The postmaster of a service, which is started unless it runs already.
    ///
    /// # Errors
    /// Why it does not start, for people.
    fn start(&self, service: &str) -> Result<ProcessId, String>;

    /// Whether it answers a real connection, within `limit`.
    ///
    /// # Errors
    /// What is wrong, for people.
    fn check(&self, service: &str, limit: Duration) -> Result<(), String>;

    /// Whether it may wait for ever when it is asked to end as its file says, so that it has to be asked to end at once.
    fn has_to_end_at_once(&self, postmaster: ProcessId) -> bool;
}
