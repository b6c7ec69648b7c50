//! Starting replicas.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::Sender;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use backlot_plan::supervise::{Exit, ReplicaId, Signal as PlanSignal};
use backlot_process::{
    Child, Ends, Group, PortClaim, ProcessId, Program, Signal, SpawnOptions, Stream, in_full,
};

use crate::container::Container;
use crate::driver::input::Input;
use crate::heard::Heard;
use crate::knocks::Knocks;
use crate::listen::{Found, Watch};
use crate::runbook::{Part, ProcessRun, Template};
use crate::silence::Silence;
use backlot_logs::{LogSet, Pump, Stream as LogStream, Tail};
use backlot_view::Network;

/// How long after its end a process's pipes are read on: others may have been given them.
const PIPES_LIMIT: Duration = Duration::from_secs(1);
/// How long a published program may be at work before it listens.
const AT_WORK_LIMIT: Duration = Duration::from_mins(3);
/// Threads that only wait need little.
const STACK: usize = 256 * 1024;
/// Becomes the program, after noting for it that the handed sockets are meant for this very process.
const HAND_OVER: &str = r#"export LISTEN_PID=$$; exec "$0" "$@""#;

/// A process of a replica.
#[derive(Debug)]
pub(crate) struct Process {
    /// Which one.
    pub(crate) id: ProcessId,
    /// When it was started.
    pub(crate) started: SystemTime,
    /// The sockets that it was handed; ours are kept as long as nobody knows whether it listens there.
    pub(crate) handed: Vec<TcpListener>,
    /// The ports that it was told.
    pub(crate) told: Vec<u16>,
    /// What keeps others of our kind from these, if they were ours to choose.
    pub(crate) claims: Vec<PortClaim>,
    /// How often the replica's process was started: again, when somebody took such a port.
    pub(crate) launches: u32,
    /// Where it serves each of its service's ports, in their order, as far as that is known.
    pub(crate) addresses: Vec<Option<SocketAddr>>,
    /// Where else it listens.
    pub(crate) elsewhere: Option<SocketAddr>,
    /// What its last health check said, if it failed.
    pub(crate) last_check: Option<String>,
    /// Whether the gateway has it.
    pub(crate) in_gateway: bool,
    /// Whether it was asked to end.
    pub(crate) stopping: bool,
    /// Whether it was killed already.
    pub(crate) killed: bool,
    /// Ends what runs beside it.
    pub(crate) hooks: Option<Arc<AtomicBool>>,
    /// What it is to be sent, or was, when that has ended which runs before.
    pub(crate) asked: Option<PlanSignal>,
    /// Why it counts as not started.
    pub(crate) failed: Option<String>,
    /// Its last lines.
    pub(crate) tail: Tail,
    /// Ends the search for where it listens.
    pub(crate) over: Arc<AtomicBool>,
    /// Its addresses, where it has its own.
    pub(crate) network: Option<Arc<Network>>,
    /// The container of which it is the client.
    pub(crate) container: Option<Container>,
    /// The number of that one's first process, once that is known.
    pub(crate) inside: Option<i32>,
}

impl Process {
    /// A database server, which somebody else has started.
    pub(crate) fn of_database(id: ProcessId, port: Option<u16>) -> Self {
        let address = port.map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
        Self { told: port.into_iter().collect(), addresses: vec![address], ..Self::new(id) }
    }

    /// One that was just started, and of which no more is known.
    fn new(id: ProcessId) -> Self {
        Self {
            id,
            started: SystemTime::now(),
            handed: Vec::new(),
            told: Vec::new(),
            claims: Vec::new(),
            launches: 1,
            addresses: Vec::new(),
            elsewhere: None,
            last_check: None,
            in_gateway: false,
            stopping: false,
            killed: false,
            hooks: None,
            asked: None,
            failed: None,
            tail: Tail::default(),
            over: Arc::default(),
            network: None,
            container: None,
            inside: None,
        }
    }

    /// Whether it is known where it listens.
    pub(crate) fn listens(&self) -> bool {
        self.addresses.iter().any(Option::is_some)
    }

    /// What is filled into texts that are about it.
    pub(crate) fn own(&self, run: &ProcessRun) -> Own {
        Own::new(run, &self.ports(), self.container.as_ref().map(|container| container.name.as_str()))
    }

    /// The port at which it serves each of its service's ports: where it listens, else where it was told to.
    pub(crate) fn ports(&self) -> Vec<u16> {
        let found = |at: usize| self.addresses.get(at).copied().flatten().map(|address| address.port());
        self.told.iter().enumerate().map(|(at, told)| found(at).unwrap_or(*told)).collect()
    }
}

/// What a replica is started with.
pub(crate) struct Launch<'a> {
    pub(crate) replica: ReplicaId,
    pub(crate) label: String,
    pub(crate) service: &'a str,
    pub(crate) run: &'a ProcessRun,
    /// Its addresses, where it has its own.
    pub(crate) network: Option<Arc<Network>>,
    /// Whether it gets its requests through the gateway, at a socket of its own for each port.
    pub(crate) behind_gateway: bool,
    /// After how long nobody need wait any more for it to listen.
    pub(crate) quiet_after: Duration,
    /// How often it was started, this time included.
    pub(crate) count: u32,
    pub(crate) logs: &'a LogSet,
    /// Variables beside those of the service.
    pub(crate) marks: &'a BTreeMap<String, String>,
    pub(crate) inputs: &'a Sender<Input>,
    pub(crate) ends: &'a Ends,
}

impl Launch<'_> {
    /// Starts it, with threads that tell its end and where it listens.
    pub(crate) fn start(self) -> Result<Process, String> {
        // One with addresses of its own has its ports as its file says them.
        let is_told = self.behind_gateway && self.network.is_none();
        let container = self.run.container.as_ref().map(|container| {
            let name = container.one_more(&self.label);
            Container::new(name, container, self.run)
        });
        let shares = self.run.container.as_ref().is_some_and(|container| container.shares_network);
        let ports = if is_told && !shares { self.run.ports.len() } else { 0 };
        let told = |error: std::io::Error| error.to_string();
        let sockets = if container.is_some() { 0 } else { ports };
        let handed = (0..sockets).map(|_| free_socket()).collect::<Result<Vec<_>, _>>().map_err(told)?;
        let claims = (0..ports).map(|_| PortClaim::any()).collect::<Result<Vec<_>, _>>().map_err(told)?;
        let own: Vec<u16> = claims.iter().map(PortClaim::port).collect();
        let name = container.as_ref().map(|container| container.name.as_str());
        let program = self.program(&Own::new(self.run, &own, name), !handed.is_empty());
        let program = self.run.as_replica(program, &self.label, self.network.as_ref())?;
        let options = SpawnOptions {
            group: Group::NewGroup,
            dies_with_parent: Some(Signal::SIGKILL),
            stdin: if self.run.reads_on { Stream::Pipe } else { Stream::Null },
            stdout: Stream::Pipe,
            stderr: Stream::Pipe,
            numbered: handed.iter().map(AsFd::as_fd).collect(),
            ..SpawnOptions::default()
        };
        let mut child = program.spawn(options).map_err(|error| in_full(&error))?;
        let tail = Tail::default();
        let pumps = self.pumps(&mut child, &tail).map_err(told)?;
        let id = child.id();
        let over = Arc::new(AtomicBool::new(false));
        self.tell_end(child, pumps, container.clone()).map_err(told)?;
        let targets: Vec<u16> = self.run.ports.iter().map(|port| port.target).collect();
        let expected = if self.network.is_some() || shares {
            targets.clone()
        } else if self.behind_gateway {
            own.clone()
        } else {
            self.run.ports.iter().map(|port| port.endpoint).collect()
        };
        let silence = self.silence(id.pid);
        if let Some(container) = container.clone() {
            let (told, quiet_after, over) = (expected.clone(), self.quiet_after, Arc::clone(&over));
            let knocks = Knocks { container, told, targets, quiet_after, over };
            self.tell_listening(|tell| knocks.run(tell)).map_err(|error| error.to_string())?;
        } else if let Some(network) = self.network.clone().filter(|_| !expected.is_empty()) {
            let over = Arc::clone(&over);
            let heard = Heard::of(network, &self.run.ports, silence, over);
            self.tell_listening(|tell| heard.run(tell)).map_err(told)?;
        } else if !expected.is_empty() {
            let handed = handed.iter().map(TcpListener::try_clone).collect::<Result<_, _>>().map_err(told)?;
            let watch = Watch {
                pid: id.pid,
                handed,
                told: expected.clone(),
                targets,
                silence,
                over: Arc::clone(&over),
            };
            self.tell_listening(|tell| watch.run(tell)).map_err(told)?;
        }
        Ok(Process {
            handed,
            told: expected,
            claims,
            launches: self.count,
            tail,
            over,
            network: self.network,
            container,
            ..Process::new(id)
        })
    }

    fn program(&self, own: &Own, is_handed: bool) -> Program {
        let arguments = self.run.arguments.iter().map(|argument| argument.fill(own));
        let program = if is_handed {
            Program::new("/bin/sh").args(["-c", HAND_OVER]).arg(&self.run.program)
        } else {
            Program::new(&self.run.program)
        };
        let mut program =
            program.args(arguments).envs(&self.run.environment()).current_dir(&self.run.directory);
        if let Some(first) = own.first.filter(|_| is_handed) {
            for name in &self.run.port_variables {
                program = program.env(name, first.to_string());
            }
            let names: Vec<String> = self.run.ports.iter().map(|port| port.target.to_string()).collect();
            let count = names.len().to_string();
            program = program.env("LISTEN_FDS", count).env("LISTEN_FDNAMES", names.join(":"));
        }
        program.env("BACKLOT_REPLICA", &self.label).envs(self.marks)
    }

    fn silence(&self, pid: i32) -> Silence {
        let is_published = self.run.ports.iter().any(|port| port.published);
        let most = if is_published { AT_WORK_LIMIT } else { Duration::ZERO };
        Silence::new(pid, self.quiet_after, most)
    }

    fn pumps(&self, child: &mut Child, tail: &Tail) -> std::io::Result<Vec<Pump>> {
        let mut pumps = Vec::new();
        if let Some(stdout) = child.take_stdout() {
            let label = self.label.clone();
            pumps.push(self.logs.pump(self.service, label, LogStream::Out, stdout, tail.clone())?);
        }
        if let Some(stderr) = child.take_stderr() {
            let label = self.label.clone();
            pumps.push(self.logs.pump(self.service, label, LogStream::Err, stderr, tail.clone())?);
        }
        Ok(pumps)
    }

    /// Tells the end of the process when the last that it has printed is in the log. What is left of its group ends with
    /// it.
    fn tell_end(
        &self,
        mut child: Child,
        pumps: Vec<Pump>,
        container: Option<Container>,
    ) -> std::io::Result<()> {
        let (id, replica, inputs) = (child.id(), self.replica, self.inputs.clone());
        let stdin = child.take_stdin();
        let ended = move || {
            drop(stdin);
            let exit = child.kill().map_or(Exit::Unknown, exit);
            // What its client did not see to its end may live on.
            if let Some(container) = container.filter(|_| !is_of_program(exit)) {
                container.remove();
            }
            let begun = Instant::now();
            while !pumps.iter().all(Pump::is_done) && begun.elapsed() < PIPES_LIMIT {
                thread::sleep(Duration::from_millis(1));
            }
            let _ = inputs.send(Input::Exited { replica, exit });
        };
        self.ends.when_over(id, ended)
    }

    fn tell_listening(
        &self,
        look: impl FnOnce(&mut dyn FnMut(Found)) + Send + 'static,
    ) -> std::io::Result<()> {
        let (replica, inputs) = (self.replica, self.inputs.clone());
        let look = move || {
            look(&mut |found| {
                let _ = inputs.send(match found {
                    Found::Here(addresses) => Input::Listens { replica, addresses },
                    Found::Elsewhere(address) => Input::ListensElsewhere { replica, address },
                    Found::Quiet(waited) => Input::Quiet { replica, waited },
                    Found::Inside(pid) => Input::Inside { replica, pid },
                    Found::Never(waited) => Input::NotBegun { replica, waited },
                });
            });
        };
        thread::Builder::new().name("look".into()).stack_size(STACK).spawn(look).map(drop)
    }
}

/// What is a replica's own.
pub(crate) struct Own {
    /// Its port for each container port of its service.
    ports: BTreeMap<u16, u16>,
    /// The first of them.
    first: Option<u16>,
    /// The container that it is.
    name: String,
}

impl Own {
    pub(crate) fn new(run: &ProcessRun, own: &[u16], container: Option<&str>) -> Self {
        let ports = run.ports.iter().map(|port| port.target).zip(own.iter().copied()).collect();
        Self { ports, first: own.first().copied(), name: container.unwrap_or_default().to_owned() }
    }
}

impl Template {
    /// The text with what is the replica's own in it; a port that the service does not have stays as it was written.
    pub(crate) fn fill(&self, own: &Own) -> String {
        let part = |part: &Part| match part {
            Part::Text(text) => text.clone(),
            Part::Port(target) => own.ports.get(target).unwrap_or(target).to_string(),
            Part::Container => own.name.clone(),
        };
        self.0.iter().map(part).collect()
    }
}

fn free_socket() -> std::io::Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
}

/// Whether an exit is that of the program itself: the clients of containers have codes of their own, and may be killed.
fn is_of_program(exit: Exit) -> bool {
    matches!(exit, Exit::Code(code) if !(125..=127).contains(&code))
}

fn exit(status: std::process::ExitStatus) -> Exit {
    use std::os::unix::process::ExitStatusExt;
    match (status.code(), status.signal()) {
        (Some(code), _) => Exit::Code(code),
        (None, Some(signal)) => Exit::Signal(signal),
        (None, None) => Exit::Unknown,
    }
}
