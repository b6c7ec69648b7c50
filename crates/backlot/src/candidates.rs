//! What a shell completes: verbs and options, and the names of the project that is here. They are read from its files and from
//! the folders of what is up: no server, no engine and no program is asked.

use std::ffi::OsString;
use std::sync::Arc;

use backlot_engine::{Site, volume};
use backlot_project::{Environment, EnvironmentName, ScenarioName};
use clap::{Arg, ArgMatches, Command, FromArgMatches};
use clap_complete::CompleteEnv;
use clap_complete::engine::{ArgValueCandidates, CompletionCandidate};

use crate::caller::Caller;
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::global::Global;

/// Says that a shell asks, and which: set by the scripts of `backlot completions`.
pub const VARIABLE: &str = "BACKLOT_COMPLETE";

/// Whether a shell asks.
pub fn are_wanted(caller: &Caller) -> bool {
    caller.variables.get(VARIABLE).is_some_and(|shell| !shell.is_empty())
}

/// Answers the shell that asks, of all that can be said; nothing where the line cannot be understood, or the project's files.
pub fn answer(caller: Caller, command_line: fn() -> Command) -> Exit {
    let said: Vec<OsString> = std::iter::once("backlot".into()).chain(caller.arguments.clone()).collect();
    let mut line: Vec<OsString> =
        caller.arguments.iter().skip_while(|word| *word != "--").skip(1).cloned().collect();
    let asked = line.pop().unwrap_or_default();
    let here = caller.directory.as_ref().ok().cloned();
    let Some(known) = Known::of(&line, caller, command_line).map(Arc::new) else { return Exit::Failed };
    let command = || with_candidates(visible(&command_line()), "", &known, asked.is_empty());
    match CompleteEnv::with_factory(command).var(VARIABLE).try_complete(said, here.as_deref()) {
        Ok(_) => Exit::Done,
        Err(_) => Exit::Failed,
    }
}

/// The command line without the verbs that only we ourselves use: they would be offered, hidden or not.
fn visible(all: &Command) -> Command {
    let verbs: Vec<Command> = all.get_subcommands().filter(|verb| !verb.is_hide_set()).cloned().collect();
    Command::new("backlot")
        .version(env!("CARGO_PKG_VERSION"))
        .args(all.get_arguments().cloned())
        .subcommands(verbs)
}

/// Tells clap what the arguments of `command`, which is called `path`, can be. Where nothing of a word is there yet, options are
/// offered only if nothing else can be.
fn with_candidates(command: Command, path: &str, known: &Arc<Known>, hide_options: bool) -> Command {
    let with = |argument: Arg| {
        let hidden = hide_options && !argument.is_positional();
        let argument = if hidden { argument.hide(true) } else { argument };
        let value = argument.get_value_names().and_then(<[_]>::first).map(|name| name.as_str().to_owned());
        let Some(kind) = value.and_then(|value| Kind::of(path, &value)) else { return argument };
        let known = Arc::clone(known);
        argument.add(ArgValueCandidates::new(move || known.candidates(kind)))
    };
    let command =
        if hide_options { command.disable_help_flag(true).disable_version_flag(true) } else { command };
    command.mut_args(with).mut_subcommands(|verb| {
        let path = format!("{path} {}", verb.get_name());
        with_candidates(verb, path.trim_start(), known, hide_options)
    })
}

/// What an argument names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Service,
    /// `web=3`.
    Replicas,
    /// One that has a file, or is up.
    Scenario,
    ScenarioThatIsUp,
    Environment,
    /// One that projects share.
    Volume,
}

impl Kind {
    /// By what help calls the argument of a verb.
    fn of(verb: &str, value: &str) -> Option<Self> {
        match (verb, value) {
            ("scenario up", "NAME") => Some(Self::Scenario),
            ("volume inspect" | "volume rm", "NAMES") => Some(Self::Volume),
            (verb, "NAME") if verb.starts_with("scenario ") => Some(Self::ScenarioThatIsUp),
            (_, "SERVICE" | "SERVICE|CMD") => Some(Self::Service),
            (_, "SERVICE=N") => Some(Self::Replicas),
            (_, "ENV") => Some(Self::Environment),
            _ => None,
        }
    }
}

/// What candidates are found with.
#[derive(Debug)]
struct Known {
    context: Context,
    /// The scenario that the line names: its services are meant.
    scenario: Option<String>,
}

impl Known {
    /// Of the words before the one that is asked for.
    fn of(line: &[OsString], caller: Caller, command_line: fn() -> Command) -> Option<Self> {
        let read = |line: &[OsString]| {
            let matches = command_line().ignore_errors(true).try_get_matches_from(line).ok()?;
            Some((Global::from_arg_matches(&matches).ok()?, matches))
        };
        // An option whose value is asked for has none yet.
        let (global, matches) = (0..=line.len()).rev().find_map(|end| read(&line[..end]))?;
        let scenario = matches.subcommand_matches("scenario").and_then(ArgMatches::subcommand);
        let named = |matches: &ArgMatches| matches.try_get_one::<String>("name").ok().flatten().cloned();
        let scenario = scenario.map(|(_, matches)| named(matches).unwrap_or_else(|| "any".to_owned()));
        Some(Self { context: Context::new(global, caller).ok()?, scenario })
    }

    fn candidates(&self, kind: Kind) -> Vec<CompletionCandidate> {
        // Why the files cannot be read, the verb itself will say.
        let mut names = self.names(kind).unwrap_or_default();
        names.sort();
        names.dedup();
        names.into_iter().map(CompletionCandidate::new).collect()
    }

    fn names(&self, kind: Kind) -> Result<Vec<String>, CommandError> {
        let with_files = |scenarios: Vec<ScenarioName>| scenarios.iter().map(ToString::to_string).collect();
        Ok(match kind {
            Kind::Service => self.services()?,
            Kind::Replicas => self.services()?.iter().map(|service| format!("{service}=")).collect(),
            Kind::Scenario => {
                let mut names: Vec<String> = with_files(self.context.project()?.scenarios()?);
                names.extend(self.scenarios_up().unwrap_or_default());
                names
            }
            Kind::ScenarioThatIsUp => self.scenarios_up()?,
            Kind::Environment => {
                let environments = self.context.project()?.environments();
                let mut names: Vec<String> = environments.iter().map(EnvironmentName::to_string).collect();
                names.extend(self.up().unwrap_or_default());
                names
            }
            Kind::Volume => {
                volume::list(&self.context.home()?)?.into_iter().map(|volume| volume.name).collect()
            }
        })
    }

    fn services(&self) -> Result<Vec<String>, CommandError> {
        let project = self.context.project()?;
        let Environment { stack, .. } = match &self.scenario {
            Some(name) => project.scenario_environment(&ScenarioName::parse(name)?)?,
            None => self.context.environment(&project)?,
        };
        Ok(stack.services.into_keys().chain(stack.off).collect())
    }

    /// The environments that have files of ours: they are up, or have left something.
    fn up(&self) -> Result<Vec<String>, CommandError> {
        let sites = Site::all(&self.context.home()?, &self.context.project()?)?;
        Ok(sites.iter().map(|site| site.environment().to_owned()).collect())
    }

    fn scenarios_up(&self) -> Result<Vec<String>, CommandError> {
        let scenario = |name: &String| ScenarioName::of_environment(name).map(|name| name.to_string());
        Ok(self.up()?.iter().filter_map(scenario).collect())
    }
}
