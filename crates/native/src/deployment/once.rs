//! A command that runs once as a service, beside those that run.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use backlot_facts::NoService;
use backlot_process::{OF_THE_TERMINAL, Program};
use backlot_project::keys::Level;
use backlot_project::{Environment, Service};
use backlot_stack::{Cast, StackError, Translation};
use backlot_state::{Beside, EngineError, Event, Exec, OneOff, Report, Wishes, tools, volume};
use backlot_supervisor::{News, ProcessRun, Request, Runbook, ServiceKind, ServiceRun, router};
use backlot_view::View;

use crate::all_running;
use crate::beside::{Supervised, exec, with_addresses};
use crate::deployment::{NativeStack, endpoints};
use crate::supervise::ask;

/// How a command is run as a service.
#[derive(Debug)]
pub(super) struct Alone {
    /// The program, or the client of the container.
    pub(super) program: Program,
    container: Option<OneOff>,
}

impl NativeStack<'_> {
    pub(super) fn run_once(
        &self,
        beside: &Beside,
        needs: &[String],
        report: Report<'_>,
        news: &mut dyn FnMut(News),
    ) -> Result<Exec, EngineError> {
        let name = &beside.service;
        let stack = &self.environment.stack;
        let service = stack.services.get(name).ok_or_else(|| StackError::from(NoService::of(name, stack)))?;
        if self.databases().any(|database| database.database().service == *name) {
            let needs: Vec<String> = needs.iter().chain([name]).cloned().collect();
            return self.beside_server(service, beside, &needs, report, news);
        }
        let only = BTreeSet::from([name.clone()]);
        let (cast, told) = self.check_once(beside)?;
        let mut cast = if beside.no_install || !cast.containers.is_empty() {
            cast
        } else {
            self.make_packages(&only, report)?;
            self.check_once(beside)?.0
        };
        self.tell_of_container(&cast, beside, report)?;
        self.bring_images(&mut cast, &Wishes { build: beside.build, ..Wishes::default() }, report)?;
        for line in told {
            report(Event::Warning(line));
        }
        self.check_volumes(&only)?.iter().try_for_each(|name| volume::disown(self.ground.home, name))?;
        self.bring_up(needs, beside, report, news)?;
        if beside.orphans {
            self.end_gone(&Wishes { services: vec![name.clone()], ..Wishes::default() }, news)?;
        }
        Ok(match self.beside_all(beside, &cast)? {
            Alone { program, container: None } => Exec::Child(program),
            Alone { program: client, container: Some(container) } => Exec::Contained { client, container },
        })
    }

    /// Tells that the command runs in a container whose image has to come first; for a word that is nearly a program of this machine none
    /// is built.
    fn tell_of_container(&self, cast: &Cast, beside: &Beside, report: Report<'_>) -> Result<(), EngineError> {
        let name = &beside.service;
        let word = beside.command.first().map(|word| word.to_string_lossy());
        let Some(word) = word.filter(|_| cast.containers.contains(name) && beside.entrypoint.is_none())
        else {
            return Ok(());
        };
        let wishes = Wishes { build: beside.build, ..Wishes::default() };
        let Some(does) = self.image_comes(cast, name, &wishes)? else { return Ok(()) };
        let variables =
            tools::with_virtual_environment(self.ground.project.root(), self.ground.caller.clone());
        let is_here = word.contains('/') || tools::on_path(&word, &variables).is_some();
        if let Some(near) = tools::misspelt(&word, &variables).filter(|_| !beside.build) {
            let (service, program) = (name.clone(), word.into_owned());
            return Err(EngineError::Misspelt { service, program, near });
        }
        let why = if is_here { String::new() } else { format!("{word} is no program here: ") };
        report(Event::Warning(format!("{why}{name} is run as a container; its image is {does} first")));
        Ok(())
    }

    /// What can be known to be wrong from the files alone with a command that is to run as a service. Returns what it takes to run
    /// it, and what is not as they say.
    pub(super) fn check_once(&self, beside: &Beside) -> Result<(Cast, Vec<String>), EngineError> {
        let wishes = Wishes { no_install: beside.no_install, ..Wishes::default() };
        let environment = self.with_command(beside);
        let unstarted =
            Translation { environment: &environment, ..self.translation(&[], &wishes, BTreeMap::new()) };
        let cast = self.cast_of(&environment, beside)?;
        let only = BTreeSet::from([beside.service.clone()]);
        let told = unstarted.unhonoured(&only, &cast.containers, Level::Warning).into_iter();
        let told = told.chain(unstarted.unmounted(only.difference(&cast.containers))).collect();
        Ok((cast, told))
    }

    /// How a command is run as a service beside all that runs now.
    pub(super) fn beside_all(&self, beside: &Beside, cast: &Cast) -> Result<Alone, EngineError> {
        let name = &beside.service;
        let stack = &self.environment.stack;
        let service = stack.services.get(name).ok_or_else(|| StackError::from(NoService::of(name, stack)))?;
        let wishes = Wishes { no_install: beside.no_install, ..Wishes::default() };
        let environment = self.with_command(beside);
        let databases = all_running(&self.site)?;
        let containers =
            if cast.containers.is_empty() { None } else { self.prepare(cast, Some(&self.site.take()?))? };
        let translation = Translation {
            environment: &environment,
            containers: containers.as_ref(),
            ..self.translation(&databases, &wishes, endpoints(&self.current()?))
        };
        self.make_places(&translation, cast)?;
        if let Some(process) = translation.once_contained(name, beside.terminal) {
            return Ok(contained(service, &process?)?);
        }
        let (run, runbook) = translation.once(name)?;
        if matches!(run.kind, ServiceKind::Front(_)) && !run.process().has_addresses {
            let reason = "here its configuration is only for the ports that are published";
            let way_out = "use --engine docker, or a machine with views (`doctor` tells)";
            return Err(StackError::NotOnce { service: name.clone(), reason, way_out }.into());
        }
        let more = if beside.environment { translation.of_environment(service) } else { BTreeMap::new() };
        self.child(beside, &run, &runbook, more).map(|program| Alone { program, container: None })
    }

    /// What it takes to run `name` alone, of these files.
    fn cast_of(&self, environment: &Environment, beside: &Beside) -> Result<Cast, EngineError> {
        let (name, no_install) = (&beside.service, beside.no_install);
        let wishes = Wishes { services: vec![name.clone()], no_install, ..Wishes::default() };
        let own = Translation { environment, ..self.translation(&[], &wishes, BTreeMap::new()) };
        let mut cast = self.cast_with(own, &wishes)?;
        cast.services.retain(|service| service == name);
        cast.containers.retain(|service| service == name);
        Ok(cast)
    }

    /// The environment with the command in the place of that of its service.
    fn with_command(&self, beside: &Beside) -> Environment {
        let mut environment = self.environment.clone();
        let words: Vec<String> =
            beside.command.iter().map(|word| word.to_string_lossy().into_owned()).collect();
        if let Some(service) =
            environment.stack.services.get_mut(&beside.service).filter(|_| !words.is_empty())
        {
            match &mut service.extension.command {
                Some(own) => own.clone_from(&words),
                None => service.command = Some(words.clone()),
            }
        }
        if let Some(service) = environment.stack.services.get_mut(&beside.service) {
            let variables = beside.variables.iter();
            service.environment.extend(variables.map(|(name, value)| (name.clone(), Some(value.clone()))));
            if let Some(entrypoint) = &beside.entrypoint {
                // The service's own command goes with its own entrypoint, and so does what runs in its place here.
                service.extension.command = None;
                service.command = Some(words);
                service.entrypoint = Some(entrypoint.clone());
            }
        }
        // What it needs was told.
        if let Some(service) = environment.stack.services.get_mut(&beside.service) {
            service.depends_on.clear();
        }
        environment
    }

    /// Brings up what is needed, and waits until it does well.
    fn bring_up(
        &self,
        needs: &[String],
        beside: &Beside,
        report: Report<'_>,
        news: &mut dyn FnMut(News),
    ) -> Result<(), EngineError> {
        use backlot_state::Deployment as _;
        if needs.is_empty() {
            let taken = self.site.take()?;
            taken.tidy()?;
            return taken.make_live();
        }
        let no_install = beside.no_install;
        let wishes = Wishes { services: needs.to_vec(), no_install, ..Wishes::default() };
        if self.up(&wishes, report, news)?.has_services {
            let request = Request::WaitHealthy { services: needs.to_vec() };
            ask(&self.site, &request, self.ground.interrupted, news)?;
        }
        Ok(())
    }

    /// The program of a service with `more` variables, where it has none of these.
    fn child(
        &self,
        beside: &Beside,
        run: &ServiceRun,
        runbook: &Runbook,
        more: BTreeMap<String, String>,
    ) -> Result<Program, EngineError> {
        let process = run.process();
        let no_port = |_| StackError::NoPort { service: run.name.clone() };
        let mut program = process.alone().map_err(no_port)?;
        let own = process.environment();
        for (name, value) in more.into_iter().filter(|(name, _)| !own.contains_key(name)) {
            program = program.env(name, value);
        }
        for name in OF_THE_TERMINAL {
            if let Some(value) = self.ground.caller.get(name) {
                program = program.env(name, value);
            }
        }
        let own = beside.directory.as_ref().map(|directory| process.directory.join(directory));
        let directory = own.unwrap_or_else(|| process.directory.clone());
        let program = program.current_dir(&directory);
        Ok(match process.view(&directory)? {
            Some(view) if process.has_addresses => program.within(self.addressed(view, runbook)?),
            Some(view) => program.within(Arc::new(view)),
            None => program,
        })
    }

    /// The same world with an address of its own, from which the services are reached by name.
    fn addressed(&self, view: View, runbook: &Runbook) -> Result<Arc<View>, EngineError> {
        let Some(plan) = &runbook.addresses else { return Ok(Arc::new(view)) };
        let own = plan.for_one_more(std::process::id());
        let supervised = Supervised::new(self.site.clone(), Some(router(runbook)));
        Ok(Arc::new(with_addresses(view, own, supervised)?))
    }

    /// Beside a server there is one of it all the same: a command has its variables, and the names that it knows.
    fn beside_server(
        &self,
        service: &Service,
        beside: &Beside,
        needs: &[String],
        report: Report<'_>,
        news: &mut dyn FnMut(News),
    ) -> Result<Exec, EngineError> {
        let mut beside = beside.clone();
        let entrypoint = beside.entrypoint.take().unwrap_or_default();
        beside.command.splice(0..0, entrypoint.into_iter().map(Into::into));
        let beside = &beside;
        if beside.command.is_empty() {
            let reason = "it is the server of its data";
            let way_out = "say which command is to run beside it";
            return Err(StackError::NotOnce { service: service.name.clone(), reason, way_out }.into());
        }
        self.bring_up(needs, beside, report, news)?;
        let exec = exec(&self.site, beside, self.ground.caller)?;
        let Exec::Here { variables, directory, view: None } = exec else { return Ok(exec) };
        let (databases, wishes) = (all_running(&self.site)?, Wishes::default());
        let translation = self.translation(&databases, &wishes, endpoints(&self.current()?));
        let (_, runbook) = translation.once(&service.name)?;
        let view = match translation.hosts_beside(service)? {
            Some(hosts) => Some(self.addressed(View::new(&[hosts], &directory)?, &runbook)?),
            None => None,
        };
        Ok(Exec::Here { variables, directory, view })
    }
}

/// A service that runs once in a container.
fn contained(service: &Service, process: &ProcessRun) -> Result<Alone, StackError> {
    let no_port = |_| StackError::NoPort { service: service.name.clone() };
    let Some(container) = &process.container else {
        return Ok(Alone { program: process.alone().map_err(no_port)?, container: None });
    };
    let (program, name) = process.alone_contained(container).map_err(no_port)?;
    let engine = Program::new(&process.program).envs(process.environment()).current_dir(&process.directory);
    let (remove, grace) = (container.remove.clone(), service.stop_grace_period);
    Ok(Alone { program, container: Some(OneOff { engine, name, remove, grace }) })
}
