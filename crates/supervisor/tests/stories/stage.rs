//! A supervisor in a process of its own, and what it runs.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::{Arc, atomic::AtomicBool};
use std::time::Duration;

use backlot_plan::{Protocol, RestartPolicy};
use backlot_process::{Child, Group, ProcessId, Program, SpawnOptions, Stream};
use backlot_supervisor::{
    Answer, Client, ClientError, Databases, PortRun, ProcessRun, Readiness, Request, Runbook, ServiceKind,
    ServiceReport, ServiceRun, Template, run,
};
use backlot_testkit::wait_until;
use tempfile::TempDir;

/// Names the directory of the stage to the process of its supervisor.
const DIR: &str = "SUPERVISOR_STAGE";
/// How long anything may take on a busy machine.
const LIMIT: Duration = Duration::from_secs(30);

/// These stacks have none.
struct NoDatabases;

impl Databases for NoDatabases {
    fn start(&self, _service: &str) -> Result<ProcessId, String> {
        Err("there is none".into())
    }

    fn check(&self, _service: &str, _limit: Duration) -> Result<(), String> {
        Err("there is none".into())
    }

    fn has_to_end_at_once(&self, _postmaster: ProcessId) -> bool {
        false
    }
}

/// What the process of a supervisor does; nothing where this is no such process.
pub(crate) fn supervise() {
    let Some(dir) = std::env::var_os(DIR).map(PathBuf::from) else { return };
    let runbook: Runbook = serde_json::from_slice(&std::fs::read(dir.join("runbook.json")).unwrap()).unwrap();
    let said = dir.join("said");
    let mut ready = |outcome| std::fs::write(&said, format!("{outcome:?}")).unwrap();
    run(runbook, &[], &dir.join("socket"), Arc::new(NoDatabases), &mut ready).unwrap();
    std::process::exit(0);
}

/// A supervisor with what it runs; all of it is gone at the end.
pub(crate) struct Stage {
    pub(crate) dir: TempDir,
    pub(crate) supervisor: Child,
}

impl Stage {
    pub(crate) fn start(services: impl IntoIterator<Item = ServiceRun>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let runbook = runbook(dir.path(), services);
        std::fs::write(dir.path().join("runbook.json"), serde_json::to_vec(&runbook).unwrap()).unwrap();
        let output = std::fs::File::create(dir.path().join("output")).unwrap();
        let program = Program::new(std::env::current_exe().unwrap())
            .args(["--exact", "supervisor", "--test-threads=1"])
            .env(DIR, dir.path().display().to_string());
        let how = SpawnOptions {
            group: Group::NewSession,
            stdout: Stream::File(output.try_clone().unwrap()),
            stderr: Stream::File(output),
            ..SpawnOptions::default()
        };
        let supervisor = program.spawn(how).unwrap();
        let stage = Self { dir, supervisor };
        wait_until("it says whether it could begin", || stage.said().ends_with(')'));
        assert_eq!(stage.said(), "Ok(())");
        stage
    }

    fn said(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("said")).unwrap_or_default()
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.dir.path().join("socket")
    }

    pub(crate) fn ask(&self, request: &Request) -> Result<Answer, ClientError> {
        let client = Client::connect(&self.socket(), LIMIT).unwrap();
        client.ask(request, &AtomicBool::new(false), &mut |_| {})
    }

    pub(crate) fn wait_healthy(&self) -> Result<Answer, ClientError> {
        self.ask(&Request::WaitHealthy { services: Vec::new() })
    }

    /// Goes on with other services; returns at once.
    pub(crate) fn up(&self, services: impl IntoIterator<Item = ServiceRun>) -> Result<Answer, ClientError> {
        let runbook = Box::new(runbook(self.dir.path(), services));
        self.ask(&Request::Up { runbook, services: Vec::new(), wait: false })
    }

    pub(crate) fn status(&self) -> Vec<ServiceReport> {
        match self.ask(&Request::Status).unwrap() {
            Answer::Status(services) => services,
            other => panic!("{other:?}"),
        }
    }

    /// A client that looks on, and reads nothing unless it is told to.
    pub(crate) fn attach(&self) -> BufReader<UnixStream> {
        let mut stream = UnixStream::connect(self.socket()).unwrap();
        let mut line = serde_json::to_vec(&Request::Attach).unwrap();
        line.push(b'\n');
        stream.write_all(&line).unwrap();
        BufReader::new(stream)
    }

    pub(crate) fn log(&self, service: &str) -> String {
        std::fs::read_to_string(self.dir.path().join(format!("{service}.log"))).unwrap_or_default()
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }
}

impl Drop for Stage {
    #[expect(clippy::print_stderr, reason = "the test has failed, and this may tell why")]
    fn drop(&mut self) {
        if self.socket().exists() {
            let _ = self.ask(&Request::Kill);
        }
        let ended = self.supervisor.wait(LIMIT).unwrap();
        if std::thread::panicking() {
            let _ = self.supervisor.kill();
            let output = std::fs::read_to_string(self.file("output")).unwrap_or_default();
            return eprintln!("the supervisor said: {output}");
        }
        assert!(ended.is_some_and(|status| status.success()), "it ends well: {ended:?}");
        assert!(!self.socket().exists(), "its socket was left behind");
        backlot_testkit::assert_no_process(self.dir.path());
    }
}

fn runbook(dir: &Path, services: impl IntoIterator<Item = ServiceRun>) -> Runbook {
    Runbook {
        environment: "fake".into(),
        logs: dir.to_owned(),
        foreign_logs: Vec::new(),
        marks: BTreeMap::default(),
        services: services.into_iter().collect(),
        addresses: None,
    }
}

/// A service that runs a shell script.
pub(crate) fn script(name: &str, script: &str) -> ServiceRun {
    let path = std::env::var("PATH").unwrap();
    ServiceRun {
        name: name.to_owned(),
        replicas: 1,
        kind: ServiceKind::Process(ProcessRun {
            program: "/bin/sh".into(),
            arguments: ["-c", script].map(Template::from).to_vec(),
            directory: "/".into(),
            surroundings: [("PATH".to_owned(), path)].into(),
            port_variables: vec!["PORT".into()],
            ..ProcessRun::default()
        }),
        depends_on: BTreeMap::new(),
        readiness: Readiness::Running(Duration::ZERO),
        post_start: Vec::new(),
        pre_stop: Vec::new(),
        quiet_after: LIMIT,
        restart: RestartPolicy::No,
        stop_signal: 15,
        stop_grace: Duration::from_secs(10),
        keeps_data: false,
        fingerprint: String::new(),
    }
}

/// A service that listens, behind the endpoint at this port.
pub(crate) fn server(name: &str, text: &str, endpoint: u16) -> ServiceRun {
    let mut service = ServiceRun { readiness: Readiness::Listening(LIMIT), ..script(name, text) };
    let ServiceKind::Process(process) = &mut service.kind else { unreachable!("a script") };
    process.ports = vec![PortRun {
        target: 80,
        endpoint,
        published: true,
        also: Vec::new(),
        protocol: Protocol::Http,
        inside: Vec::new(),
    }];
    service
}

/// A script that serves the directory in which it runs.
pub(crate) const SERVE: &str = "exec python3 -m http.server --bind 127.0.0.1 $PORT";

/// Whether somebody answers there.
pub(crate) fn answers(port: u16) -> bool {
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else { return false };
    let _ = stream.set_read_timeout(Some(LIMIT));
    let _ = stream.write_all(b"GET / HTTP/1.0\r\n\r\n");
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).is_ok() && line.contains("200")
}
