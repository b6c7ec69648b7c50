//! What Docker and Compose complain about, told apart as far as their words allow.

use std::path::PathBuf;
use std::time::Duration;

use backlot_hint::{Explain, Hint};
use backlot_process::{Output, ProcessError, Program, describe_exit};
use backlot_state::EngineError;

/// As many lines of a program's last words are kept.
const LAST_LINES: usize = 15;

/// Why something could not be done on Docker.
#[derive(Debug, thiserror::Error)]
pub enum DockerError {
    /// There is no `docker`.
    #[error("no docker is on PATH")]
    NoClient,
    /// There is neither `docker compose` nor `docker-compose`.
    #[error("neither `docker compose` nor docker-compose is installed")]
    NoCompose,
    /// Nobody answers.
    #[error("no Docker daemon answers: {}", last_line(said))]
    NoDaemon {
        /// What the client says.
        said: String,
    },
    /// The daemon is somebody else's.
    #[error("the Docker daemon may not be used by this user: {}", last_line(said))]
    Denied {
        /// What the client says.
        said: String,
    },
    /// An image is neither here nor to be had.
    #[error("{} cannot be had", what_image(image.as_ref(), services))]
    NoImage {
        /// Its name, where the message tells it.
        image: Option<String>,
        /// The services that need it, as far as that is known.
        services: Vec<String>,
        /// What was said.
        last_lines: Vec<String>,
    },
    /// A build failed.
    #[error("the image of {} cannot be built", services.join(", "))]
    Build {
        /// The services that are built.
        services: Vec<String>,
        /// What was said.
        last_lines: Vec<String>,
    },
    /// A port is in use.
    #[error("port {} is already in use{}", port.map_or("a published".to_owned(), |port| port.to_string()), holder.as_ref().map(|holder| format!(" by {holder}")).unwrap_or_default())]
    PortInUse {
        /// The port, where the message tells it.
        port: Option<u16>,
        /// Who has it, as far as that is known: a container or a process.
        holder: Option<String>,
        /// What was said.
        last_lines: Vec<String>,
    },
    /// A container ended that should run.
    #[error("{service} ended with exit code {code}{}", if *out_of_memory { ": it was out of memory" } else { "" })]
    Exited {
        /// Its service.
        service: String,
        /// Its exit code.
        code: i64,
        /// Whether it was killed for the memory that it took.
        out_of_memory: bool,
        /// Its last lines.
        last_lines: Vec<String>,
    },
    /// A container runs and is not well.
    #[error("{service} is not healthy: {reason}")]
    Unhealthy {
        /// Its service.
        service: String,
        /// What was seen last.
        reason: String,
        /// Its last lines.
        last_lines: Vec<String>,
    },
    /// The wait has an end.
    #[error("{service} was not ready after {} s: {last_seen}", waited.as_secs())]
    NotReady {
        /// Its service.
        service: String,
        /// How long it was waited.
        waited: Duration,
        /// What was seen last.
        last_seen: String,
        /// Its last lines.
        last_lines: Vec<String>,
    },
    /// The project's name is taken by another directory.
    #[error("the Compose project {project} belongs to {}", owner.display())]
    Foreign {
        /// The name.
        project: String,
        /// The directory whose containers bear it.
        owner: PathBuf,
    },
    /// The stack has no such service, or it has no container.
    #[error("no service {service} of {environment} is up")]
    NoService {
        /// The environment.
        environment: String,
        /// The service.
        service: String,
        /// Those that are.
        known: Vec<String>,
    },
    /// Docker cannot be asked for that.
    #[error("{0}")]
    Impossible(String),
    /// A program printed what is no answer.
    #[error("{program} printed what is no {expected}: {begin:?}")]
    Garbage {
        /// What was run.
        program: String,
        /// What was expected.
        expected: &'static str,
        /// How it begins.
        begin: String,
    },
    /// A program ended badly, for a reason of its own.
    #[error("{program} failed with {ended}")]
    Failed {
        /// What was run, without its options.
        program: String,
        /// How it ended.
        ended: String,
        /// What was said.
        last_lines: Vec<String>,
    },
    /// A program could not be run, or took too long.
    #[error("cannot {0}")]
    Process(#[source] ProcessError),
    /// The caller asked to stop.
    #[error("interrupted")]
    Interrupted,
}

impl DockerError {
    /// What a program of Docker's that ended badly complains about.
    pub(super) fn of(program: &Program, output: &Output) -> Self {
        let mut last_lines = output.last_lines(LAST_LINES * 4);
        last_lines.retain(|line| !is_progress(line));
        let last_lines = last_lines.split_off(last_lines.len().saturating_sub(LAST_LINES));
        let said = last_lines.join("\n");
        let lower = said.to_lowercase();
        let any = |needles: &[&str]| needles.iter().any(|needle| lower.contains(needle));
        if any(&["permission denied while trying to connect", "permission denied: '/var/run/docker.sock'"])
            || lower.contains("permissionerror") && lower.contains("connection aborted")
        {
            return Self::Denied { said };
        }
        if any(&[
            "cannot connect to the docker daemon",
            "couldn't connect to docker daemon",
            "error during connect",
            "is the docker daemon running",
        ]) || lower.contains("connection aborted") && lower.contains("filenotfounderror")
        {
            return Self::NoDaemon { said };
        }
        if any(&["port is already allocated", "address already in use", "ports are not available"]) {
            return Self::PortInUse { port: port_in(&said), holder: None, last_lines };
        }
        if any(&[
            "pull access denied",
            "manifest unknown",
            "manifest for",
            "no such image",
            "failed to resolve reference",
            "repository does not exist",
            "name unknown",
        ]) || lower.contains("/v2/")
            && any(&["lookup", "dial tcp", "timeout", "connection refused", "eof"])
        {
            return Self::NoImage { image: image_in(&said), services: Vec::new(), last_lines };
        }
        Self::Failed { program: short(program), ended: describe_exit(output.status), last_lines }
    }

    /// The lines that tell most, of a program or a container.
    pub fn last_lines(&self) -> &[String] {
        match self {
            Self::NoImage { last_lines, .. }
            | Self::Build { last_lines, .. }
            | Self::PortInUse { last_lines, .. }
            | Self::Exited { last_lines, .. }
            | Self::Unhealthy { last_lines, .. }
            | Self::NotReady { last_lines, .. }
            | Self::Failed { last_lines, .. } => last_lines,
            Self::NoClient
            | Self::NoCompose
            | Self::NoDaemon { .. }
            | Self::Denied { .. }
            | Self::Foreign { .. }
            | Self::NoService { .. }
            | Self::Impossible(_)
            | Self::Garbage { .. }
            | Self::Process(_)
            | Self::Interrupted => &[],
        }
    }

    /// A stable name of the kind of error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoClient => "no-docker",
            Self::NoCompose => "no-compose",
            Self::NoDaemon { .. } => "no-daemon",
            Self::Denied { .. } => "daemon-denied",
            Self::NoImage { .. } => "no-image",
            Self::Build { .. } => "build-failed",
            Self::PortInUse { .. } => "port-in-use",
            Self::Exited { .. } | Self::Unhealthy { .. } => "service-failed",
            Self::NotReady { .. } => "not-ready",
            Self::Foreign { .. } => "project-taken",
            Self::NoService { .. } => "no-service",
            Self::Impossible(_) => "impossible",
            Self::Garbage { .. } | Self::Failed { .. } | Self::Process(_) => "docker",
            Self::Interrupted => "interrupted",
        }
    }

    /// The way out.
    pub fn hint(&self) -> Option<Hint> {
        let hint: Hint = match self {
            Self::NoClient => {
                "install Docker (on Debian: apt-get install docker.io), or leave --engine docker out".into()
            }
            Self::NoCompose => "install it (https://docs.docker.com/compose/install; on Debian also: apt-get install docker-compose)".into(),
            Self::NoDaemon { .. } => {
                "start it (on Debian: sudo systemctl start docker), or leave --engine docker out".into()
            }
            Self::Denied { .. } => {
                "join the group that may (sudo usermod -aG docker $USER, then log in anew), or leave --engine docker out"
                    .into()
            }
            Self::NoImage { image, .. } => {
                let image = image.as_deref().unwrap_or("IMAGE");
                let way = "see whether its name and tag are right, and whether the registry can be reached: docker pull";
                format!("{way} {image}").into()
            }
            Self::Build { .. } => "mend the Dockerfile, or what it copies".into(),
            Self::PortInUse { .. } => "stop what uses it, or publish another port".into(),
            Self::Foreign { .. } => "take that one down, or give this one another name: -p NAME".into(),
            Self::NoService { known, .. } if !known.is_empty() => format!("there are {}", known.join(", ")).into(),
            Self::NoService { environment, .. } => Hint::command(&["-e", environment, "up", "-d"]),
            Self::Exited { .. }
            | Self::Unhealthy { .. }
            | Self::NotReady { .. }
            | Self::Impossible(_)
            | Self::Garbage { .. }
            | Self::Failed { .. }
            | Self::Process(_)
            | Self::Interrupted => return None,
        };
        Some(hint)
    }
}

/// Whether a line of Compose tells what goes well (` Container web-1  Started`), or a warning that has nothing to do with it.
fn is_progress(line: &str) -> bool {
    const THINGS: [&str; 5] = ["Network ", "Volume ", "Container ", "Image ", "Creating "];
    const DONE: [&str; 10] = [
        "Creating", "Created", "Starting", "Started", "Running", "Waiting", "Healthy", "Recreate", "Error",
        "... done",
    ];
    let line = line.trim();
    let is_step =
        THINGS.iter().any(|thing| line.starts_with(thing)) && DONE.iter().any(|end| line.ends_with(end));
    is_step || line.starts_with("time=") && line.contains("level=warning")
}

/// What it all comes down to: version 1 of Compose prints how it got there first.
fn last_line(said: &str) -> &str {
    said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it says nothing")
}

fn what_image(image: Option<&String>, services: &[String]) -> String {
    let image = image.map_or_else(|| "an image".to_owned(), |image| format!("the image {image}"));
    if services.is_empty() { image } else { format!("{image} of {}", services.join(", ")) }
}

/// `docker compose up`: the program and its verb, without options that nobody typed.
fn short(program: &Program) -> String {
    let name = program.path().file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut words = vec![name];
    let mut arguments = program.arguments().iter().map(|argument| argument.to_string_lossy());
    while let Some(argument) = arguments.next() {
        match argument.as_ref() {
            "compose" => words.push(argument.into_owned()),
            "-p" | "-f" | "--profile" | "--env-file" | "--project-directory" => drop(arguments.next()),
            option if option.starts_with('-') => {}
            _ => {
                words.push(argument.into_owned());
                break;
            }
        }
    }
    words.join(" ")
}

/// The port in `Bind for 0.0.0.0:8080 failed` or `listen tcp4 0.0.0.0:8080: bind: address already in use`.
fn port_in(said: &str) -> Option<u16> {
    let before =
        said.split(" failed: port is already allocated").next().filter(|rest| rest.len() < said.len());
    let before = before.or_else(|| said.split(": bind: address already in use").next())?;
    let digits = before.rsplit_once(':')?.1;
    digits.trim().parse().ok()
}

/// The image in `pull access denied for NAME, …`, `manifest for NAME not found` or `No such image: NAME`.
fn image_in(said: &str) -> Option<String> {
    let after = ["pull access denied for ", "manifest for ", "No such image: ", "repository "]
        .iter()
        .find_map(|before| said.split_once(before))
        .map(|(_, after)| after);
    let Some(after) = after else { return image_asked_for(said) };
    let name: &str = after.split([',', ' ', '\n', '"']).find(|word| !word.is_empty())?;
    Some(name.trim_end_matches(':').to_owned())
}

/// The image that a registry was asked for: `https://registry-1.docker.io/v2/library/redis/manifests/7`.
fn image_asked_for(said: &str) -> Option<String> {
    let (before, after) = said.split_once("/v2/")?;
    let (path, tag) = after.split_once("/manifests/")?;
    let host = before.rsplit_once("://").map_or(before, |(_, host)| host);
    let tag = tag.split(['"', ' ', '\n']).next()?;
    let sign = if tag.contains(':') { '@' } else { ':' };
    let path = match host {
        "registry-1.docker.io" => path.trim_start_matches("library/").to_owned(),
        host => format!("{host}/{path}"),
    };
    Some(format!("{path}{sign}{tag}"))
}

impl Explain for DockerError {
    fn code(&self) -> &'static str {
        Self::code(self)
    }

    fn hint(&self) -> Option<Hint> {
        match (Self::hint(self), Hint::last_lines(self.last_lines())) {
            (Some(hint), Some(last)) => Some(hint.then("; ").then(last)),
            (hint, last) => hint.or(last),
        }
    }
}

impl From<DockerError> for EngineError {
    fn from(error: DockerError) -> Self {
        match error {
            DockerError::Interrupted => Self::Interrupted,
            error => Self::of(error),
        }
    }
}

#[cfg(test)]
mod tests;
