//! The command line. Each verb's arguments are beside the verb, in `commands/`.

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
