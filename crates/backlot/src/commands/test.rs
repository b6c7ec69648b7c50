//! `backlot test`

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};

use backlot_engine::{
    Beside, Container, EngineError, EngineKind, Ground, HERE, Hint, INNER, Packages, TestRun, Wishes,
    finish_for, has_packages, has_tests, new_mark, own, test_command, test_command_inside, tools,
};
use backlot_process::{Program, Stdout, become_subreaper, exit_code};
use backlot_project::{Environment, EnvironmentName, Project, Stack};

use crate::commands::exec::carry_out;
use crate::commands::install;
use crate::commands::leaving_out::LeavingOut;
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Exit;

/// The environment of the tests, unless -e names another one.
const ENVIRONMENT: &str = "testing";

/// Run the tests on a fresh Postgres of their own, and leave nothing of it behind
///
/// In a Compose project they run as the service that they belong to, with its variables, in its directory and with what it sees,
/// and what it depends on runs beside them. The runner is what `x-backlot: {test: …}` says in the Compose file, under that
/// service or at the top, else pytest (with coverage of `application` when pytest-cov is installed), Django's own where no file
/// names pytest, `npm test`, cargo nextest or cargo test. Its exit code is ours.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Files and options for the runner; from the first of them on, all is the runner's
    #[arg(allow_hyphen_values = true, value_name = "FILES")]
    arguments: Vec<OsString>,
    /// Install nothing that the Dockerfile of the tests' service does
    #[arg(long)]
    no_install: bool,
    #[command(flatten)]
    leaving_out: LeavingOut,
    /// Leave the database up, and say how to reach it
    #[arg(long)]
    keep: bool,
    /// The command to run instead of the runner
    #[arg(last = true, value_name = "CMD")]
    command: Vec<OsString>,
}

pub fn run(args: &Args, context: &Context) -> Result<Exit, CommandError> {
    let (project, home) = (context.project()?, context.home()?);
    let name = context.global.environment().unwrap_or(ENVIRONMENT);
    let name = EnvironmentName::parse(name)?;
    let environment = args.leaving_out.of(context.environment_named(&project, &name)?, context)?;
    let mut tested = Tested::of(&environment, &project, args, context);
    let ground = context.ground(&home, &project);
    // The tests need its database alone, and what else their service depends on.
    let wishes = Wishes { database_only: true, ..Wishes::default() };
    let deployment = context.deployment(ground, environment, &wishes)?;
    deployment.database_only(false)?;
    let only = || own::only(&tested.stack, &tested.root).map(|container| container.service.name.clone());
    let service = tested.service.as_ref().map(|(name, _)| name.clone()).or_else(only);
    let service: Vec<String> = service.into_iter().collect();
    if !args.no_install && !service.is_empty() {
        // Why it can have none is told when it is to run.
        tested.packages = deployment.packages(&service).unwrap_or_default();
    }
    let kind = deployment.kind();
    let place = tested.place(kind, context).map(str::to_owned);
    if context.global.dry_run {
        let mut steps = install::steps(&tested.packages);
        // What is to run them may be found in there.
        let runner = if place.is_some() && kind == EngineKind::Docker {
            tested.runner_inside(args)?.to_string()
        } else if steps.is_empty() {
            tested.runner(&tested.surroundings(context), args)?.to_string()
        } else {
            "the tests with what was installed".to_owned()
        };
        let runner =
            format!("run {runner}{}", place.as_ref().map(|name| format!(" as {name}")).unwrap_or_default());
        let needs = if place.is_some() { tested.needs.clone() } else { Vec::new() };
        steps.extend(TestRun::plan(deployment, args.keep, needs, &runner)?);
        return context.show_steps(&steps);
    }
    // What nobody could run needs no database.
    if args.command.is_empty() && tested.configured.is_none() && !has_tests(&tested.directory()) {
        return Err(tested.no_runner());
    }
    let mark = match context.caller.variables.get(INNER) {
        Some(mark) => mark.clone(),
        // A kept database outlives us: there is nothing to guard.
        None if args.keep => new_mark(),
        None => return guarded(ground, name.as_str(), context),
    };
    let mut report = context.reporter();
    if !tested.packages.is_empty() {
        tested.packages = deployment.install(&service, &mut report)?;
    }
    let tests = TestRun::start(ground, deployment, args.keep, mark, &mut report)?;
    let outcome = match place {
        Some(_) => tested.run_as_service(&tests, kind, args, context),
        None => tested.run_here(&tests, args, context),
    };
    let database = tests.database().clone();
    tests.finish(ground, &mut report)?;
    if args.keep {
        let port = database.port();
        let line = |verb: &str| context.line(&format!("-e {name} {verb}"));
        context.progress().say(&format!("the database is kept on port {port}: {}", line("db shell")));
        context.progress().say(&format!("remove it: {}", line("down")));
    }
    outcome
}

/// What is tested, and where.
struct Tested {
    root: PathBuf,
    /// The service that the tests belong to, and its directory; none where they are the project's.
    service: Option<(String, PathBuf)>,
    /// The folder in there that has them, where that itself has none.
    below: Option<PathBuf>,
    /// What that depends on.
    needs: Vec<String>,
    /// The command that the files have for it.
    configured: Option<Vec<String>>,
    arguments: Vec<OsString>,
    stack: Stack,
    /// What the service has of packages.
    packages: Vec<Packages>,
}

impl Tested {
    fn of(environment: &Environment, project: &Project, args: &Args, context: &Context) -> Self {
        let (stack, root) = (&environment.stack, project.root());
        let here = context.caller.directory.as_deref().unwrap_or(root);
        let paths: Vec<PathBuf> =
            args.arguments.iter().map(|word| here.join(word)).filter(|path| path.exists()).collect();
        // Where somebody stands says as much as a path.
        let stands = (paths.is_empty() && here != root && here.starts_with(root)).then(|| here.to_owned());
        let near: Vec<PathBuf> = paths.iter().cloned().chain(stands).collect();
        let container = if environment.for_all { None } else { tested_service(stack, root, &near) };
        let services = &stack.services;
        let needs = container.iter().flat_map(|container| container.service.depends_on.keys());
        let needs = needs.filter(|name| services.contains_key(*name)).cloned().collect();
        let own = container.as_ref().and_then(|container| container.service.extension.test.clone());
        let service = container.map(|container| (container.service.name.clone(), container.directory()));
        let configured = own.or_else(|| stack.extension.test.clone());
        let folder = service.as_ref().map_or(root, |(_, folder)| folder);
        let is_told = configured.is_some() || !args.command.is_empty();
        let below = if is_told || has_tests(folder) { None } else { only_folder_with_tests(folder) };
        // Its own files are named as it knows them.
        let folder = below.iter().fold(folder.to_owned(), |folder, below| folder.join(below));
        let arguments = args.arguments.iter().map(|word| match here.join(word).strip_prefix(&folder) {
            Ok(inside) if here.join(word).exists() && inside.as_os_str().is_empty() => ".".into(),
            Ok(inside) if here.join(word).exists() => inside.as_os_str().to_owned(),
            Ok(_) | Err(_) => word.clone(),
        });
        let arguments = arguments.collect();
        let (root, stack, packages) = (root.to_owned(), stack.clone(), Vec::new());
        Self { root, service, below, needs, configured, arguments, stack, packages }
    }

    /// The service whose place the tests take. On Docker that is for tests whose packages this machine has not: the container has what
    /// its image has, and they may well not be in it.
    fn place(&self, engine: EngineKind, context: &Context) -> Option<&str> {
        let (name, folder) = self.service.as_ref()?;
        let is_taken = match engine {
            EngineKind::Native => true,
            EngineKind::Docker => !has_packages(folder, &self.root, &context.caller.variables),
        };
        is_taken.then_some(name)
    }

    fn directory(&self) -> PathBuf {
        let folder = self.service.as_ref().map_or(&self.root, |(_, folder)| folder);
        self.below.iter().fold(folder.clone(), |folder, below| folder.join(below))
    }

    /// Where its service works, as that knows it.
    fn works_in(&self) -> PathBuf {
        let services = own::services(&self.stack, &self.root);
        let name = self.service.as_ref().map(|(name, _)| name);
        let container = services.iter().find(|container| Some(&container.service.name) == name);
        container.and_then(Container::working_dir).unwrap_or("/").into()
    }

    /// That nothing has tests, or more than one service.
    fn no_runner(&self) -> CommandError {
        let services = own::services(&self.stack, &self.root).into_iter();
        let mut all: Vec<(String, PathBuf)> =
            services.map(|container| (container.service.name.clone(), container.directory())).collect();
        all.retain(|(_, folder)| has_tests(folder));
        let (Some((first, folder)), true) = (all.first(), self.service.is_none() && all.len() > 1) else {
            return EngineError::NoRunner { root: self.directory() }.into();
        };
        let names: Vec<&str> = all.iter().map(|(name, _)| name.as_str()).collect();
        let error = format!("there are tests of {}, and one service's are run at a time", names.join(", "));
        let folder = folder.strip_prefix(&self.root).unwrap_or(folder).display().to_string();
        let hint = Hint::from("`").then(Hint::command(&["test", &folder]));
        let hint = hint.then(format!("` runs those of {first}; so does `test` in its folder"));
        CommandError::failed("no-runner", error).hint(hint)
    }

    fn surroundings(&self, context: &Context) -> BTreeMap<String, String> {
        let variables = tools::with_virtual_environment(&self.root, context.caller.variables.clone());
        let variables = tools::with_virtual_environment(&self.directory(), variables);
        Packages::in_front(&self.packages, variables)
    }

    fn runner(&self, variables: &BTreeMap<String, String>, args: &Args) -> Result<Program, CommandError> {
        let runner = test_command(
            &self.directory(),
            variables,
            self.configured.clone(),
            &args.command,
            &self.arguments,
        )?;
        Ok(runner)
    }

    /// The same in a container.
    fn runner_inside(&self, args: &Args) -> Result<Program, CommandError> {
        Ok(test_command_inside(&self.directory(), self.configured.clone(), &args.command, &self.arguments)?)
    }

    /// In the caller's world, with the service's variables and in its directory, if there is one.
    fn run_here(&self, tests: &TestRun<'_>, args: &Args, context: &Context) -> Result<Exit, CommandError> {
        let mut variables = tests.variables();
        variables.remove(INNER);
        let services = own::services(&self.stack, &self.root);
        let name = self.service.as_ref().map(|(name, _)| name);
        if let Some(container) = services.iter().find(|container| Some(&container.service.name) == name) {
            let database = tests.database();
            variables.extend(own::variables(container, &self.stack, Some(database.address(&HERE)), true));
        }
        variables = tools::with_virtual_environment(&self.directory(), variables);
        variables = Packages::in_front(&self.packages, variables);
        tools::keep_tree_clean(&self.root, &tests.scratch(), &mut variables);
        let command = self.runner(&variables, args)?;
        say(&command, context);
        let command = command.envs(&variables).current_dir(self.directory());
        Ok(Exit::Child(exit_code(command.run(Stdout::Ours, &context.interrupted)?.status)))
    }

    /// As its service, with what that depends on beside it.
    fn run_as_service(
        &self,
        tests: &TestRun<'_>,
        kind: EngineKind,
        args: &Args,
        context: &Context,
    ) -> Result<Exit, CommandError> {
        let runner = match kind {
            EngineKind::Native => self.runner(&self.surroundings(context), args)?,
            EngineKind::Docker => self.runner_inside(args)?,
        };
        say(&runner, context);
        let service = self.service.as_ref().map(|(name, _)| name.clone()).unwrap_or_default();
        let beside = Beside {
            service,
            command: runner.words(),
            terminal: context.can_have_terminal(),
            environment: true,
            no_install: args.no_install,
            directory: self.below.as_ref().map(|below| match kind {
                EngineKind::Native => below.clone(),
                // Compose takes a whole path.
                EngineKind::Docker => self.works_in().join(below),
            }),
            ..Beside::default()
        };
        let exec =
            tests.as_service(&beside, &self.needs, &mut context.reporter(), &mut context.newsreader())?;
        carry_out(exec, &beside.command, context)
    }
}

/// The service that tests belong to: one that says how it is tested, else the one that `paths` are in, else the only one of the
/// project's own that has tests.
fn tested_service<'a>(stack: &'a Stack, root: &'a Path, paths: &[PathBuf]) -> Option<Container<'a>> {
    let is_in = |container: &Container<'_>| {
        let folder = container.directory();
        paths.iter().all(|path| path.starts_with(&folder))
    };
    let mut all = own::services(stack, root);
    let says = |container: &Container<'_>| container.service.extension.test.is_some() && is_in(container);
    if let Some(at) = all.iter().position(says) {
        return Some(all.swap_remove(at));
    }
    if !paths.is_empty() {
        let paths: Vec<&Path> = paths.iter().map(PathBuf::as_path).collect();
        return own::of_paths(all, &paths);
    }
    let one_directory = all.first().map(Container::directory);
    if !all.iter().all(|container| Some(container.directory()) == one_directory) {
        all.retain(|container| has_tests(&container.directory()));
    }
    own::in_one_directory(all)
}

/// The only folder right below one that has tests.
fn only_folder_with_tests(directory: &Path) -> Option<PathBuf> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let mut all = names
        .filter(|name| !name.starts_with('.') && name != "node_modules" && has_tests(&directory.join(name)));
    let only = all.next()?;
    all.next().is_none().then(|| only.into())
}

fn say(command: &Program, context: &Context) {
    context.progress().say(&format!("  {} {command}", context.style().faint("$")));
}

/// Runs the same command line in a process of its own, and outlives it: however it ends, nothing of it stays.
fn guarded(ground: Ground<'_>, environment: &str, context: &Context) -> Result<Exit, CommandError> {
    become_subreaper();
    let mark = new_mark();
    let program = std::env::current_exe().map_err(|error| CommandError::failed("io", error))?;
    let caller = &context.caller;
    let inner = Program::new(program).args(caller.arguments.iter().cloned()).envs(&caller.variables);
    let inner = inner.env(INNER, &mark);
    let ended = inner.run(Stdout::Ours, &context.interrupted)?;
    if ended.status.signal().is_some() {
        finish_for(ground, environment, &mark)?;
    }
    Ok(Exit::Child(exit_code(ended.status)))
}
