//! `backlot run`

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use backlot_engine::{Beside, Container, Deployment, Hint, Packages, Site, Wishes, own, tools};
use backlot_near::nearest;
use backlot_process::{ProcessError, Program, caller_without_postgres, shell_quote};
use backlot_project::{Environment, Project, split_words, variables_in};

use crate::commands::exec::carry_out;
use crate::commands::install;
use crate::commands::leaving_out::LeavingOut;
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::global::Global;
use crate::usage::no_option;

/// Run a command in the chosen environment, or once as a service
///
/// If the first word is a service, as `docker compose run`: what it depends on is brought up and waited for; then the command
/// (without one: the service's own) runs with the service's variables, in its directory and with what it sees, without its
/// ports. Else, and after `--`: with the environment's database up, the command gets the environment's variables, with the
/// database's real address, on top of the caller's own; in a Compose project with one service of its own that one's
/// variables and directory, too. Its exit code is ours.
#[derive(Debug, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of its own")]
pub struct Args {
    // It is never kept.
    #[arg(long = "rm", hide = true)]
    rm: bool,
    // As it is anyway, where standard input and output are a terminal.
    #[arg(short = 'i', long = "interactive", hide = true)]
    interactive: bool,
    #[arg(short = 't', long = "tty", hide = true)]
    tty: bool,
    /// Of a service: start nothing that it depends on
    #[arg(long)]
    no_deps: bool,
    #[command(flatten)]
    leaving_out: LeavingOut,
    /// Install nothing that its service's Dockerfile does
    #[arg(long)]
    no_install: bool,
    /// Of a service: work in this directory instead
    #[arg(short = 'w', long, value_name = "DIR")]
    workdir: Option<PathBuf>,
    /// Of a service: no terminal between, on Docker
    #[arg(short = 'T', long = "no-tty", alias = "no-TTY")]
    no_tty: bool,
    /// Of a service: build its image anew before, where it has one
    #[arg(long)]
    build: bool,
    /// Of a service: run this in the place of its entrypoint
    #[arg(long, value_name = "COMMAND")]
    entrypoint: Option<String>,
    /// Of a service: a file of variables that the command has besides (repeatable)
    #[arg(long = "env-from-file", value_name = "FILE", hide_short_help = true)]
    variable_files: Vec<PathBuf>,
    /// Of a service: end services that the files do not have
    #[arg(long, hide_short_help = true)]
    remove_orphans: bool,
    /// The service, if it is to run as one, and the command with its arguments
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true, value_name = "SERVICE|CMD")]
    command: Vec<OsString>,
}

impl Args {
    /// Whether options are given that are a service's.
    fn are_of_service(&self) -> bool {
        let flags =
            [self.rm, self.interactive, self.tty, self.no_deps, self.no_tty, self.build, self.remove_orphans];
        let has_values = self.workdir.is_some()
            || self.entrypoint.is_some()
            || !self.variable_files.is_empty()
            || self.leaving_out.is_something();
        has_values || flags.contains(&true)
    }

    /// That the command begins with an option, or with what one of Docker Compose's would be told that means another thing here.
    pub fn misplaced(&self, global: &Global) -> Option<CommandError> {
        let first = self.command.first()?.to_string_lossy();
        let word = first.split('=').next().unwrap_or_default();
        let is_mount = global.verbose > 0 && first.contains(':');
        let is_port = global.project_name.as_ref().is_some_and(|name| name.contains(':'));
        let option = match (is_mount, is_port) {
            (true, _) => "-v",
            (_, true) => "-p",
            _ => word,
        };
        let hint = "the command begins here: what stands before it are options of `run`";
        let unknown = || CommandError::usage("usage", format!("there is no option {word} here")).hint(hint);
        let is_option = option.starts_with('-');
        is_option.then(|| no_option(Some("run"), option).unwrap_or_else(unknown))
    }
}

pub fn run(args: &Args, context: &Context) -> Result<Exit, CommandError> {
    let is_after_dashes = is_after_dashes(&context.caller.arguments, &args.command);
    if let Some(error) = args.misplaced(&context.global).filter(|_| !is_after_dashes) {
        return Err(error);
    }
    if is_after_dashes {
        if args.are_of_service() {
            let error = "the options are a service's, and what follows -- is none";
            return Err(CommandError::usage("no-service", error));
        }
        return in_environment(&args.command, Needs { packages: !args.no_install, database: true }, context);
    }
    let name = args.command.first().map(|word| word.to_string_lossy().into_owned()).unwrap_or_default();
    let project = context.project()?.naming([name.clone()]);
    let environment = args.leaving_out.of(context.environment(&project)?, context)?;
    if args.are_of_service() || environment.stack.services.contains_key(&name) {
        return once(args, name, &project, environment, context);
    }
    in_environment(&args.command, Needs { packages: !args.no_install, database: true }, context)
}

/// Whether the command, which is at the end of the line, comes after `--`. The parser does not tell.
fn is_after_dashes(line: &[OsString], command: &[OsString]) -> bool {
    let before = line.len().checked_sub(command.len() + 1);
    before.and_then(|before| line.get(before)).is_some_and(|word| word == "--")
}

/// Runs a command once as a service.
fn once(
    args: &Args,
    service: String,
    project: &Project,
    environment: Environment,
    context: &Context,
) -> Result<Exit, CommandError> {
    let home = context.home()?;
    let command = &args.command[1..];
    let command = command.strip_prefix(&["--".into()]).unwrap_or(command).to_vec();
    if let Some(word) = command.iter().find(|word| word.to_str().is_none()) {
        let error = format!("{} is no text", word.display());
        return Err(CommandError::usage("not-utf8", error));
    }
    let services = &environment.stack.services;
    let needs: Vec<String> = match services.get(&service).filter(|_| !args.no_deps) {
        Some(one) => one.depends_on.keys().filter(|name| services.contains_key(*name)).cloned().collect(),
        None => Vec::new(),
    };
    let first = if needs.is_empty() { vec![service.clone()] } else { needs.clone() };
    let wishes = Wishes { services: first, no_install: args.no_install, ..Wishes::default() };
    let deployment = context.deployment(context.ground(&home, project), environment, &wishes)?;
    if context.global.dry_run {
        let wishes = Wishes { services: needs.clone(), no_install: args.no_install, ..Wishes::default() };
        let mut steps = if needs.is_empty() { Vec::new() } else { deployment.plan_up(&wishes)? };
        if !args.no_install {
            let own = install::steps(&deployment.packages(std::slice::from_ref(&service))?);
            steps.extend(own.into_iter().filter(|step| !steps.contains(step)).collect::<Vec<_>>());
        }
        let own = || vec!["its command".to_owned()];
        let words = if command.is_empty() { own() } else { vec![quoted(&command)] };
        steps.push(format!("run {} as {service}", words.concat()));
        return context.show_steps(&steps);
    }
    let beside = Beside {
        service,
        command: command.clone(),
        directory: args.workdir.clone(),
        terminal: context.can_have_terminal() && !args.no_tty,
        entrypoint: args.entrypoint.as_deref().map(entrypoint).transpose()?,
        variables: variables(args, context)?,
        build: args.build,
        orphans: args.remove_orphans,
        no_install: args.no_install,
        environment: false,
    };
    let site = deployment.site().clone();
    let was_there = site.has_files();
    let outcome = deployment
        .once(&beside, &needs, &mut context.reporter(), &mut context.newsreader())
        .map_err(|error| match CommandError::from(error) {
            // As where the command is none of a service's.
            failure if failure.code == "no-program" && !command.is_empty() => {
                CommandError { exit: Exit::Child(127), hints: Vec::new(), ..failure }
            }
            failure if failure.code == "not-executable" && !command.is_empty() => {
                CommandError { exit: Exit::Child(126), ..failure }
            }
            failure if failure.code == "misspelt-program" => {
                CommandError { exit: Exit::Child(127), ..failure }
            }
            failure => failure,
        })
        .and_then(|exec| carry_out(exec, &command, context));
    if needs.is_empty() && !was_there {
        tidy_up(&site, context)?;
    }
    outcome
}

/// The words of an entrypoint, as a shell would take them apart.
fn entrypoint(text: &str) -> Result<Vec<String>, CommandError> {
    split_words(text).map_err(|error| CommandError::usage("usage", format!("--entrypoint {text:?}: {error}")))
}

/// The variables that a command has besides: those of files, and in their place those that are given.
fn variables(args: &Args, context: &Context) -> Result<BTreeMap<String, String>, CommandError> {
    let mut all = BTreeMap::new();
    for file in &args.variable_files {
        all.extend(variables_in(file, &context.caller.variables)?);
    }
    all.extend(context.global.variables().map(|(name, value)| (name.to_owned(), value.to_owned())));
    Ok(all)
}

/// What was made for one command is gone with it, unless somebody has brought something up there meanwhile.
fn tidy_up(site: &Site, context: &Context) -> Result<(), CommandError> {
    let engine = context.engine(site)?;
    if engine.services(site)?.is_empty() {
        engine.down(site, false, &mut |_| {})?;
    }
    Ok(())
}

fn quoted(command: &[OsString]) -> String {
    let words: Vec<_> = command.iter().map(|word| word.to_string_lossy()).collect();
    let words: Vec<_> = words.iter().map(|word| shell_quote(word)).collect();
    words.join(" ")
}

/// What a command needs.
#[derive(Debug, Clone, Copy)]
pub struct Needs {
    /// What its service's Dockerfile installs.
    pub packages: bool,
    /// The environment's database.
    pub database: bool,
}

/// Brings the chosen environment's database up, where that is needed, and becomes `command` in it.
pub fn in_environment(command: &[OsString], needs: Needs, context: &Context) -> Result<Exit, CommandError> {
    let (project, home) = (context.project()?, context.home()?);
    let environment = context.environment(&project)?;
    let own: Vec<_> =
        environment.variables.iter().map(|(name, v)| (name.to_owned(), v.value.clone())).collect();
    let name = environment.name.to_string();
    let services: BTreeSet<String> = environment.stack.services.keys().cloned().collect();
    let stack = environment.stack.clone();
    // The seed layout has variables of its own for all that runs; what its Dockerfile installs is its service's there, too.
    let only = own::only(&stack, project.root());
    let place = only.as_ref().filter(|_| !environment.for_all);
    let deployment = context.deployment(context.ground(&home, &project), environment, &Wishes::default())?;
    let has_database = needs.database && deployment.has_database()?;
    let no_install = !needs.packages;
    let service = command.iter().filter_map(|word| word.to_str()).find(|word| services.contains(*word));
    if context.global.dry_run {
        let mut steps =
            if has_database { deployment.plan_up(&deployment.database_only(false)?)? } else { Vec::new() };
        steps.extend(install::steps(&own_packages(deployment.as_ref(), only.as_ref(), no_install).1));
        steps.push(format!("run {}", quoted(command)));
        return context.show_steps(&steps);
    }
    let packages = match own_packages(deployment.as_ref(), only.as_ref(), no_install) {
        (_, packages) if packages.is_empty() => packages,
        (service, _) => deployment.install(&service, &mut context.reporter())?,
    };
    let mut address = None;
    let mut variables = if has_database {
        let (database, _) = deployment.up_database(false, &mut context.reporter())?;
        let variables = deployment.process_variables(&database);
        address = Some(database);
        variables
    } else {
        // No Postgres of ours: the variables are as the files have them.
        let mut all = caller_without_postgres(&context.caller.variables);
        all.extend(own);
        all.insert("APPLICATION_CONFIG".into(), name);
        tools::with_virtual_environment(project.root(), all)
    };
    let directory = place.map(|place| {
        let address = address.as_ref().map(|database| database.address(&[]));
        variables.extend(own::variables(place, &stack, address, false));
        let folder = place.directory();
        variables = tools::with_virtual_environment(&folder, std::mem::take(&mut variables));
        folder
    });
    variables = Packages::in_front(&packages, variables);
    variables.extend(context.global.variables().map(|(name, value)| (name.to_owned(), value.to_owned())));
    // Whoever is somewhere in it already is where he wants to be.
    let here = context.caller.directory.as_ref().ok();
    let directory = directory.filter(|folder| here.is_none_or(|here| !here.starts_with(folder)));
    become_command(command, &variables, directory.as_deref()).map_err(|failure| {
        if failure.code != "no-program" {
            return failure;
        }
        if let Some(service) = service {
            let way = Hint::from("`").then(Hint::command(&["exec", service, "…"]));
            return failure.hint(way.then(format!("` runs a command beside service {service}")));
        }
        let first = command.first().and_then(|word| word.to_str()).unwrap_or_default();
        match nearest(first, services.iter().map(String::as_str)) {
            Some(service) => failure.hint(format!("did you mean service {service}?")),
            None => failure,
        }
    })
}

/// The service that a command stands in for, and the packages that it needs. Where it can have none, the command may do without.
pub fn own_packages(
    deployment: &dyn Deployment<'_>,
    place: Option<&Container<'_>>,
    no_install: bool,
) -> (Vec<String>, Vec<Packages>) {
    let place = place.filter(|_| !no_install);
    let service: Vec<String> = place.map(|place| place.service.name.clone()).into_iter().collect();
    let packages = if service.is_empty() { Ok(Vec::new()) } else { deployment.packages(&service) };
    (service, packages.unwrap_or_default())
}

/// Replaces this process by `command`, in `directory` if not in ours; returns only when that fails.
pub fn become_command(
    command: &[OsString],
    variables: &BTreeMap<String, String>,
    directory: Option<&Path>,
) -> Result<Exit, CommandError> {
    let program = program(command, variables)?;
    Err(become_program(&directory.into_iter().fold(program, Program::current_dir)))
}

/// Replaces this process by a program; returns only when that fails.
pub fn become_program(program: &Program) -> CommandError {
    cannot_run(program.exec())
}

/// That a command cannot be run, with the exit code that shells have for it.
pub fn cannot_run(error: ProcessError) -> CommandError {
    let code = match &error {
        ProcessError::Start { program, source } => {
            let is_missing = source.kind() == io::ErrorKind::NotFound && !program.exists();
            Some(if is_missing { 127 } else { 126 })
        }
        _ => None,
    };
    let failure = CommandError::from(error);
    match code {
        Some(code) => CommandError { code: "exec", exit: Exit::Child(code), ..failure },
        None => failure,
    }
}

/// The program of a command of the user's.
pub fn program(command: &[OsString], variables: &BTreeMap<String, String>) -> Result<Program, CommandError> {
    let Some((name, arguments)) = command.split_first() else {
        return Err(CommandError::usage("no-command", "no command was given"));
    };
    let path = if name.to_string_lossy().contains('/') {
        Some(name.into())
    } else {
        tools::on_path(&name.to_string_lossy(), variables)
    };
    let Some(path) = path else {
        let error = format!("no program {} is on PATH", name.to_string_lossy());
        let failure = CommandError { exit: Exit::Child(127), ..CommandError::failed("no-program", error) };
        return Err(match tools::misspelt(&name.to_string_lossy(), variables) {
            Some(near) => failure.hint(format!("did you mean {near}?")),
            None => failure,
        });
    };
    Ok(Program::new(path).args(arguments).envs(variables))
}
