//! A command that runs once as a service: `docker compose run`.

use std::ffi::OsString;

use backlot_process::{Program, shell_quote};
use backlot_state::{Beside, EngineError, Report, Wishes};
use backlot_supervisor::News;

use crate::compose::ComposeProject;
use crate::deployment::DockerStack;

impl DockerStack<'_> {
    /// The program that runs it. Compose itself waits until what it needs does well.
    pub(super) fn run_once(
        &self,
        beside: &Beside,
        needs: &[String],
        report: Report<'_>,
        news: &mut dyn FnMut(News),
    ) -> Result<Program, EngineError> {
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
        let program = self.client.compose_in(&ComposeProject::recorded(&docker), arguments(beside, needs))?;
        Ok(program.envs(&beside.variables))
    }
}

fn arguments(beside: &Beside, needs: &[String]) -> Vec<OsString> {
    let mut words: Vec<OsString> = vec!["run".into(), "--rm".into()];
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
