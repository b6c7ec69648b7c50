//! The command line. Each verb's arguments are beside the verb, in `commands/`.

use std::ffi::OsString;

use clap::{FromArgMatches, Parser};

use crate::caller::Caller;
use crate::candidates;
use crate::commands::{self, Command};
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::global::Global;
use crate::help::command_line;
use crate::render::{self, Streams, Style, show_failure};
use crate::usage::{ask_for_json, explain};

/// What `--version` says: also of which commit, of when, and for which machines (`build.rs`).
const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " (", env!("BACKLOT_ORIGIN"), ")");

/// As many words are looked at before a verb.
const MOST_BEFORE: usize = 64;

/// Runs every environment of a Postgres-backed web project from the files that it already has.
///
/// The project is the directory with `docker/<env>.yml` and `config/<env>.json`, or with `compose.yaml`; it is found by
/// walking up from the current directory. It runs natively, as real processes with a real Postgres and no Docker, or, where
/// that is asked for or needed, on Docker Compose.
#[derive(Debug, Parser)]
#[command(name = "backlot", version, long_version = VERSION, infer_subcommands = false, max_term_width = 100)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Option<Command>,
}

impl Cli {
    /// Of an option that all verbs take, what is said after the verb takes the place of what is said before it. Where that is a variable for
    /// the verb, the environment that is named before counts all the same.
    fn restore_environment(&mut self, arguments: &[OsString]) {
        if self.global.environment().is_some() || self.global.environments.is_empty() {
            return;
        }
        let name = std::iter::once(OsString::from("backlot"));
        let before = (1..arguments.len().min(MOST_BEFORE)).filter_map(|end| {
            let words = name.clone().chain(arguments[..end].iter().cloned());
            Self::try_parse_from(words).ok().filter(|cli| cli.command.is_none())
        });
        let mut named = before.rev().filter_map(|cli| cli.global.environment().map(str::to_owned));
        self.global.environments.extend(named.next());
    }
}

/// Reads the command line and carries out what it says. Help, version and usage errors end the process here, as clap's users
/// know it; all other errors end here, too.
pub fn run(mut caller: Caller) -> Exit {
    if candidates::are_wanted(&caller) {
        set_up(&caller);
        return candidates::answer(caller, command_line);
    }
    let mut cli = match command_line().try_get_matches().and_then(|matches| Cli::from_arg_matches(&matches)) {
        Ok(cli) => cli,
        Err(error) => {
            set_up(&caller);
            let json = ask_for_json(&caller.arguments);
            let error = explain(&error, &command_line(), json);
            show_failure(&error, "", json, Style::new(caller.wants_colour), caller.wants_colour);
            return error.exit;
        }
    };
    cli.restore_environment(&caller.arguments);
    cli.global.apply_to(&mut caller);
    set_up(&caller);
    let (json, colour) = (cli.global.json, caller.wants_colour);
    let options = cli.global.project_options();
    let outcome = Context::new(cli.global, caller)
        .and_then(|context| commands::run(cli.command, command_line, &context));
    let outcome = outcome.and_then(|exit| match render::lost() {
        Some(error) if exit == Exit::Done => Err(CommandError::failed("stdout", Unprinted(error))),
        Some(_) | None => Ok(exit),
    });
    outcome.unwrap_or_else(|error| {
        show_failure(&error, &options, json, Style::new(colour), colour);
        error.exit
    })
}

fn set_up(caller: &Caller) {
    render::set_up(Streams {
        ascii: caller.wants_ascii,
        colour_on_stdout: caller.wants_colour_on_stdout,
        has_terminal: caller.has_terminal,
    });
}

/// Data that did not arrive where stdout leads.
#[derive(Debug, thiserror::Error)]
#[error("cannot write to stdout")]
struct Unprinted(#[source] &'static std::io::Error);

#[cfg(test)]
mod tests {
    use super::Cli;
    use clap::{CommandFactory, Parser};

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn what_follows_flask_is_left_to_flask() {
        let cli =
            Cli::try_parse_from(["backlot", "-e", "testing", "flask", "db", "upgrade", "--sql", "-x", "a"])
                .unwrap();
        let Some(super::Command::Flask(flask)) = cli.command else { panic!("not flask") };
        assert_eq!(flask.arguments, ["db", "upgrade", "--sql", "-x", "a"]);
    }

    #[test]
    fn an_environment_before_the_verb_and_variables_after_it_go_together() {
        for (line, environment, variables) in [
            ("-e production run -e A=b -e C=d web env", Some("production"), "A=b C=d"),
            ("--env=run run -e A=b web env", Some("run"), "A=b"),
            ("run -e A=b -e testing web env -e x", Some("testing"), "A=b"),
            ("exec --env A=b=c web env", None, "A=b=c"),
            ("-e a run web", Some("a"), ""),
            ("run web env -e A=b", None, ""),
        ] {
            let words: Vec<std::ffi::OsString> = line.split(' ').map(Into::into).collect();
            let all = std::iter::once("backlot".into()).chain(words.iter().cloned());
            let mut cli = Cli::try_parse_from(all).unwrap();
            cli.restore_environment(&words);
            let set: Vec<String> =
                cli.global.variables().map(|(name, value)| format!("{name}={value}")).collect();
            assert_eq!(
                (cli.global.environment(), set.join(" ").as_str()),
                (environment, variables),
                "{line}"
            );
        }
    }

    /// In `docker compose down -v` it is about the volumes.
    #[test]
    fn v_after_down_is_about_the_volumes() {
        let parse = |words: &str| Cli::try_parse_from(words.split(' ')).unwrap();
        for (words, volumes, verbose) in [
            ("backlot down", false, 0),
            ("backlot down -v", true, 0),
            ("backlot down -vy", true, 0),
            ("backlot -v down", false, 1),
            ("backlot -v down -v", true, 1),
            ("backlot down --verbose", false, 1),
            ("backlot -vv down --volumes", true, 2),
        ] {
            let cli = parse(words);
            let Some(super::Command::Down(down)) = cli.command else { panic!("not down") };
            assert_eq!((down.volumes, cli.global.verbose), (volumes, verbose), "{words}");
        }
        assert_eq!(parse("backlot scenario down a -v").global.verbose, 0);
        assert_eq!(parse("backlot scenario down a --verbose").global.verbose, 1);
        assert_eq!(parse("backlot up -v").global.verbose, 1);
    }
}
