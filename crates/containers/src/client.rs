//! The program that containers are asked for: Docker's client, else Podman.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use backlot_process::{Output, ProcessError, Program};
use backlot_state::tools::on_path;
use serde::{Deserialize, Serialize};

use crate::error::ContainersError;

/// The label of all that is made for an environment: the environment's directory, which nobody else has.
const LABEL: &str = "backlot.environment";
/// How long an engine may take to say that it is there.
const CHECK_LIMIT: Duration = Duration::from_secs(5);
/// How long it may take for what is soon done.
const ANSWER_LIMIT: Duration = Duration::from_secs(20);
/// The variable that chooses.
const CHOICE: &str = "BACKLOT_CONTAINERS";
/// What of the caller's variables is about its engine: where that is, and its files.
const OF_THE_ENGINE: [&str; 10] = [
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "TMPDIR",
    "SSH_AUTH_SOCK",
    "REGISTRY_AUTH_FILE",
    "LANG",
    "LC_ALL",
    "NO_PROXY",
];
const FAMILIES: [&str; 8] = [
    "DOCKER_",
    "CONTAINERS_",
    "CONTAINER_HOST",
    "CONTAINER_CONNECTION",
    "CONTAINER_SSHKEY",
    "STORAGE_",
    "XDG_",
    "DBUS_",
];

/// Which program it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Docker's client, which asks a daemon.
    Docker,
    /// Podman, which does it itself.
    Podman,
}

impl Kind {
    /// Its program's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Docker => "docker",
            Self::Podman => "podman",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// An engine that answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Client {
    /// Which one.
    pub kind: Kind,
    /// Its program.
    pub program: PathBuf,
    /// The variables that it is given, which say where the engine is.
    pub variables: BTreeMap<String, String>,
    /// Whether its containers belong to an ordinary user, in networks that this machine does not see.
    pub is_rootless: bool,
}

impl Client {
    /// Finds an engine that answers: that of `BACKLOT_CONTAINERS`, else Docker, else Podman.
    ///
    /// # Errors
    /// [`ContainersError::NoEngine`] with what each has said.
    pub fn find(caller: &BTreeMap<String, String>) -> Result<Self, ContainersError> {
        let named = caller.get(CHOICE).map(String::as_str).filter(|named| !named.is_empty());
        let kinds = match named {
            None => vec![Kind::Docker, Kind::Podman],
            Some("docker") => vec![Kind::Docker],
            Some("podman") => vec![Kind::Podman],
            Some(named) => return Err(ContainersError::Unknown { named: named.to_owned() }),
        };
        let mut reasons = Vec::new();
        for kind in kinds {
            match Self::answering(kind, caller) {
                Ok(client) => return Ok(client),
                Err(reason) => reasons.push(reason),
            }
        }
        Err(ContainersError::NoEngine { reasons })
    }

    fn answering(kind: Kind, caller: &BTreeMap<String, String>) -> Result<Self, String> {
        let program = on_path(kind.name(), caller).ok_or_else(|| format!("no {kind} is on PATH"))?;
        let host = caller.get("DOCKER_HOST").filter(|host| !host.is_empty() && !host.starts_with("unix://"));
        if let (Kind::Docker, Some(host)) = (kind, host) {
            return Err(format!(
                "DOCKER_HOST is {host}, and what is beside processes has to be on their machine"
            ));
        }
        let mut variables = of_the_engine(caller);
        if kind == Kind::Podman {
            // It ends where that names a folder without the file.
            let is_whole = |dir: &String| Path::new(dir).join("config.json").exists();
            variables.retain(|name, value| name != "DOCKER_CONFIG" || is_whole(value));
        }
        let mut client = Self { kind, program, variables, is_rootless: false };
        let question: &[&str] = match kind {
            Kind::Docker => &["version", "--format", "{{.Server.Version}}"],
            Kind::Podman => &["info", "--format", "{{.Host.Security.Rootless}}"],
        };
        let output = match client.command(question).output(CHECK_LIMIT) {
            Ok(output) => output,
            Err(ProcessError::TimedOut { limit, .. }) => {
                return Err(format!("{kind} said nothing for {} s", limit.as_secs()));
            }
            Err(error) => return Err(format!("{kind} cannot be run: {}", backlot_process::in_full(&error))),
        };
        let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        if !output.status.success() || said.is_empty() {
            return Err(format!("{kind}: {}", output.last_lines(1).join("")));
        }
        client.is_rootless = kind == Kind::Podman && said == "true";
        Ok(client)
    }

    /// Its program with these arguments.
    pub fn command<A: Into<OsString>>(&self, arguments: impl IntoIterator<Item = A>) -> Program {
        Program::new(&self.program).args(arguments).envs(&self.variables)
    }

    /// Runs it for what it prints.
    ///
    /// # Errors
    /// [`ContainersError::Failed`] with what it says.
    pub(crate) fn ask<A: Into<OsString>>(
        &self,
        arguments: impl IntoIterator<Item = A>,
    ) -> Result<String, ContainersError> {
        let program = self.command(arguments);
        let output = program.output(ANSWER_LIMIT)?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        Err(failed(&program, &output))
    }

    /// The same for what may take its time; `line` hears each line of it.
    pub(crate) fn long(
        &self,
        arguments: &[&str],
        limit: Duration,
        interrupted: &AtomicBool,
        line: &mut dyn FnMut(&str),
    ) -> Result<Output, ProcessError> {
        let mut told = 0;
        let mut go_on = |printed: backlot_process::Printed<'_>| {
            told = tell_lines(printed.stdout, told, line);
            !interrupted.load(Ordering::Relaxed)
        };
        self.command(arguments).output_while(&[], limit, &mut go_on)
    }
}

/// Tells those whole lines that were not told yet; how many are told then.
pub(crate) fn tell_lines(printed: &[u8], told: usize, line: &mut dyn FnMut(&str)) -> usize {
    let text = String::from_utf8_lossy(printed);
    let whole = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
    let mut count = told;
    for text in whole.skip(told) {
        line(text.trim_end());
        count += 1;
    }
    count
}

/// That a program has failed, and what it said.
pub(crate) fn failed(program: &Program, output: &Output) -> ContainersError {
    let name = program.path().file_name().unwrap_or_default().to_string_lossy().into_owned();
    let verbs = program.arguments().iter().take(2).map(|word| word.to_string_lossy().into_owned());
    let command =
        [name].into_iter().chain(verbs.take_while(|word| !word.starts_with('-'))).collect::<Vec<_>>();
    ContainersError::Failed { command: command.join(" "), said: output.last_lines(10) }
}

/// The label that marks what belongs to an environment.
pub fn label(environment: &str) -> String {
    format!("{LABEL}={environment}")
}

fn of_the_engine(caller: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let is = |name: &str| {
        OF_THE_ENGINE.contains(&name)
            || FAMILIES.iter().any(|family| name.starts_with(family))
            || name.to_ascii_lowercase().ends_with("_proxy")
    };
    caller.iter().filter(|(name, _)| is(name)).map(|(name, value)| (name.clone(), value.clone())).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{Client, ContainersError};

    fn caller(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn what_is_not_there_is_said_of_each() {
        let error = Client::find(&caller(&[("PATH", "/nowhere")])).unwrap_err().to_string();
        assert_eq!(error, "no container engine answers: no docker is on PATH; no podman is on PATH");
        let one =
            Client::find(&caller(&[("PATH", "/nowhere"), ("BACKLOT_CONTAINERS", "podman")])).unwrap_err();
        assert_eq!(one.to_string(), "no container engine answers: no podman is on PATH");
        let other = Client::find(&caller(&[("BACKLOT_CONTAINERS", "lxc")])).unwrap_err();
        assert!(matches!(other, ContainersError::Unknown { .. }), "{other}");
    }

    #[test]
    fn a_client_is_given_what_is_about_its_engine() {
        let all = [
            ("PATH", "/bin"),
            ("DOCKER_HOST", "unix:///x"),
            ("CONTAINERS_CONF", "/c"),
            ("https_proxy", "p"),
            ("PGPASSWORD", "s3cret"),
            ("AWS_SECRET_ACCESS_KEY", "s3cret"),
        ];
        let given = super::of_the_engine(&caller(&all));
        assert_eq!(
            given.keys().collect::<Vec<_>>(),
            ["CONTAINERS_CONF", "DOCKER_HOST", "PATH", "https_proxy"]
        );
    }
}
