//! A command that runs once as a service: `docker compose run`.

use std::ffi::OsString;
use std::iter;
use std::time::{Duration, SystemTime};

use backlot_process::shell_quote;
use backlot_state::{Beside, EngineError, Exec, OneOff, Report, Wishes, short_hash};
use backlot_supervisor::News;

use crate::compose::ComposeProject;
use crate::deployment::DockerStack;

impl DockerStack<'_> {
    /// How it is run. Compose itself waits until what it needs does well.
    pub(super) fn run_once(
        &self,
        beside: &Beside,
        needs: &[String],
        report: Report<'_>,
        news: &mut dyn FnMut(News),
    ) -> Result<Exec, EngineError> {
        self.services(&Wishes { services: vec![beside.service.clone()], ..Wishes::default() })?;
        if !needs.is_empty() {
            self.bring_up(&Wishes { services: needs.to_vec(), ..Wishes::default() }, report, news)?;
        }
        let (taken, _) = self.take()?;
        let docker = match self.site.record()?.and_then(|record| record.docker) {
            Some(docker) => docker,
            // Compose makes networks even for one alone: it has to be known whose they are.
            None => self.record(&taken)?.docker.ok_or_else(|| self.not_up())?,
        };
        if beside.orphans {
            self.end_orphans(&docker, None)?;
        }
        let wishes = Wishes { build: beside.build, ..Wishes::default() };
        self.build(&beside.service, &wishes, &docker, report)?;
        let service = self.environment.stack.services.get(&beside.service);
        let container = OneOff {
            engine: self.client.docker(iter::empty::<OsString>()),
            name: name_of_one(&docker.project, &beside.service),
            remove: ["rm", "--force", "--volumes"].map(str::to_owned).into(),
            grace: service.map_or(Duration::ZERO, |service| service.stop_grace_period),
        };
        let words = arguments(beside, needs, &container.name);
        let client = self.client.compose_in(&ComposeProject::recorded(&docker), words)?;
        Ok(Exec::Contained { client: client.envs(&beside.variables), container })
    }
}

/// A name like that which Compose gives to what runs once.
fn name_of_one(project: &str, service: &str) -> String {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_nanos();
    let id = short_hash(format!("{}\0{now}", std::process::id()).as_bytes());
    format!("{project}-{service}-run-{id}")
}

fn arguments(beside: &Beside, needs: &[String], name: &str) -> Vec<OsString> {
    let mut words: Vec<OsString> = vec!["run".into(), "--rm".into(), "--name".into(), name.into()];
    if needs.is_empty() {
        words.push("--no-deps".into());
    }
    if !beside.terminal {
        words.push("-T".into());
    }
    if let Some(directory) = &beside.directory {
        words.extend(["--workdir".into(), directory.into()]);
    }
    // Their values are the client's variables, and not its arguments, which everybody sees.
    for name in beside.variables.keys() {
        words.extend(["--env".into(), name.into()]);
    }
    if let Some(entrypoint) = &beside.entrypoint {
        let quoted: Vec<_> = entrypoint.iter().map(|word| shell_quote(word)).collect();
        words.extend(["--entrypoint".into(), quoted.join(" ").into()]);
    }
    words.push((&beside.service).into());
    words.extend(beside.command.iter().cloned());
    words
}
