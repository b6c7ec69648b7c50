//! What is done when files of a service have changed.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use backlot_engine::{Beside, Container, EngineError, Event, Exec, Ground, Wishes};
use backlot_plan::Condition;
use backlot_project::Service;
use backlot_project::stack::Hook;
use backlot_supervisor::{Request, ServiceReport, State};

use super::copying::copy;
use super::session::{Job, Session};
use crate::commands::run::program;
use crate::error::CommandError;

/// How long a command after a copy may take.
const COMMAND_LIMIT: Duration = Duration::from_mins(10);
/// So many of the last lines of one that failed are shown.
const LAST_LINES: usize = 10;

impl Session<'_> {
    /// Does all of a job; what was done, in a word.
    pub(super) fn carry_out(&self, job: &Job, cancel: &AtomicBool) -> Result<&'static str, CommandError> {
        for (service, todo) in &job.work {
            for (number, files) in &todo.sync {
                let Some((from, to)) = self.copies.get(&(service.clone(), *number)) else { continue };
                copy(files, from, to).map_err(|error| CommandError::failed("sync", error))?;
            }
        }
        let services: Vec<String> = job.work.keys().cloned().collect();
        let mut done = "copied";
        if job.builds {
            self.rebuild(&services, cancel)?;
            done = "made anew and replaced";
        } else if job.work.values().any(|todo| todo.restart) {
            self.restart(services, cancel)?;
            done = "replaced";
        }
        for (service, todo) in &job.work {
            for number in &todo.exec {
                self.run(service, *number, cancel)?;
                done = "told";
            }
        }
        Ok(done)
    }

    fn restart(&self, services: Vec<String>, cancel: &AtomicBool) -> Result<(), CommandError> {
        self.ask(&Request::Restart { services, rolling: true }, cancel)
    }

    fn ask(&self, request: &Request, cancel: &AtomicBool) -> Result<(), CommandError> {
        let engine = self.context.engine(&self.site)?;
        // A failure tells all that matters, and that all is well is told by whoever asks.
        engine.ask(&self.site, request, cancel, &mut |_| {})?;
        Ok(())
    }

    /// Brings them up as the files are now, what they need of packages and images included; those that are as before are
    /// replaced, too.
    fn rebuild(&self, services: &[String], cancel: &AtomicBool) -> Result<(), CommandError> {
        let (context, engine) = (self.context, self.context.engine(&self.site)?);
        let (home, project) = (context.home()?, context.project()?.naming(services.iter().cloned()));
        let environment = context.environment(&project)?;
        let before = engine.services(&self.site)?;
        let of_file = |report: &&ServiceReport| {
            let service = environment.stack.services.get(&report.name);
            service.is_some_and(|service| service.replicas != report.wanted)
        };
        let scale =
            before.iter().filter(of_file).map(|report| (report.name.clone(), report.wanted)).collect();
        let wishes = Wishes { services: services.to_vec(), scale, build: true, ..Wishes::default() };
        let ground = Ground { interrupted: cancel, ..context.ground(&home, &project) };
        let deployment = context.deployment(ground, environment, &wishes)?;
        deployment.up(&wishes, &mut context.reporter(), &mut |_| {})?;
        self.ask(&Request::WaitHealthy { services: services.to_vec() }, cancel)?;
        let after = engine.services(&self.site)?;
        let is_as_before = |name: &&String| {
            let (old, new) = (processes(&before, name), processes(&after, name));
            !old.is_disjoint(&new)
        };
        let same: Vec<String> = services.iter().filter(is_as_before).cloned().collect();
        if same.is_empty() { Ok(()) } else { self.restart(same, cancel) }
    }

    /// Runs the command of a rule beside its service.
    fn run(&self, name: &str, number: usize, cancel: &AtomicBool) -> Result<(), CommandError> {
        let service = self.environment.stack.services.get(name);
        let rule = service.and_then(|service| Some((service, service.watch.get(number)?.exec.as_ref()?)));
        let Some((service, hook)) = rule else { return Ok(()) };
        let beside = Beside {
            service: name.to_owned(),
            command: hook.command.iter().map(OsString::from).collect(),
            directory: hook.working_dir.as_ref().map(Into::into),
            terminal: false,
            no_install: true,
            ..Beside::default()
        };
        let exec =
            self.context.engine(&self.site)?.exec(&self.site, &beside, &self.context.caller.variables)?;
        let program = match exec {
            Exec::Here { mut variables, directory, view } => {
                variables.extend(self.own(hook));
                let program = program(&beside.command, &variables)?;
                match view {
                    Some(view) => program.current_dir(directory).within(view),
                    None => program.current_dir(self.outside(service, &directory)),
                }
            }
            Exec::Child(program)
            | Exec::Elsewhere(program)
            | Exec::Contained { client: program, container: _ } => program,
        };
        let mut go_on = |_: backlot_process::Printed<'_>| !cancel.load(Ordering::Relaxed);
        let output = program.output_while(&[], COMMAND_LIMIT, &mut go_on)?;
        let lines = output.last_lines(LAST_LINES);
        if output.status.success() {
            for line in &lines {
                self.context.progress().show(Event::Said(line));
            }
            return Ok(());
        }
        let words = hook.command.join(" ");
        let code = backlot_process::exit_code(output.status);
        let last = [String::new()].into_iter().chain(lines).collect::<Vec<_>>().join("\n    ");
        Err(CommandError::failed("exec", format!("{name}: {words} ended with exit code {code}{last}")))
    }

    /// The variables of the command's own.
    fn own(&self, hook: &Hook) -> BTreeMap<String, String> {
        let value = |(name, value): (&String, &Option<String>)| {
            let value = value.as_ref().or_else(|| self.context.caller.variables.get(name))?;
            Some((name.clone(), value.clone()))
        };
        hook.environment.iter().filter_map(value).collect()
    }

    /// Where a directory of the service's is, where it has no view.
    fn outside(&self, service: &Service, directory: &Path) -> std::path::PathBuf {
        let found = Container::of(service, &self.root).outside(directory).filter(|found| found.is_dir());
        found.unwrap_or_else(|| directory.to_owned())
    }

    /// Whether a service can be replaced because its source has changed: it is up, and no job, which is done once.
    pub(super) fn is_to_be_replaced(&self, name: &str, reports: &[ServiceReport]) -> bool {
        let Some(report) = reports.iter().find(|report| report.name == name) else { return false };
        let waits = |service: &Service| {
            service.depends_on.get(name).is_some_and(|it| it.condition == Condition::CompletedSuccessfully)
        };
        if self.environment.stack.services.values().any(waits) {
            return false;
        }
        let is_done = |state: State| match state {
            State::Completed => true,
            State::Waiting
            | State::Blocked
            | State::Starting
            | State::Running
            | State::Restarting
            | State::Draining
            | State::Stopping
            | State::Failed => false,
        };
        !report.replicas.is_empty() && !report.replicas.iter().all(|replica| is_done(replica.state))
    }
}

/// The processes of a service that are not on their way out.
fn processes(all: &[ServiceReport], name: &str) -> BTreeSet<i32> {
    let replicas = all.iter().filter(|report| report.name == name).flat_map(|report| &report.replicas);
    replicas.filter(|replica| replica.state != State::Stopping).filter_map(|replica| replica.pid).collect()
}

/// Whether it was only not waited for any longer.
pub(super) fn was_cancelled(error: &CommandError) -> bool {
    error
        .error
        .downcast_ref::<EngineError>()
        .is_some_and(|error| matches!(error, EngineError::Interrupted | EngineError::StoppedWaiting))
}
