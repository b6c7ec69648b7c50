//! The command line. Each verb's arguments are beside the verb, in `commands/`.

use std::path::PathBuf;

use clap::{Args, Parser, ValueEnum};

use crate::commands::Command;

/// Runs every environment of a Postgres-backed web project from the files that it already has.
///
/// The project is the directory with `docker/<env>.yml` and `config/<env>.json`, or with `compose.yaml`; it is found by
/// walking up from the current directory. It runs natively, as real processes with a real Postgres and no Docker, or, where
/// that is asked for or needed, on Docker Compose.
#[derive(Debug, Parser)]
#[command(name = "backlot", version, infer_subcommands = false, max_term_width = 100)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

/// What every verb understands.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Global options")]
pub struct Global {
    /// Look for the project in DIR instead of the current directory
    #[arg(short = 'C', long = "directory", value_name = "DIR", global = true)]
    pub directory: Option<PathBuf>,
    /// The environment [default: that of `APPLICATION_CONFIG`, else development]
    #[arg(short = 'e', long = "env", value_name = "ENV", global = true)]
    pub environment: Option<String>,
    /// A Compose file to use instead of the project's (repeatable, later ones overlay earlier ones)
    #[arg(short = 'f', long = "file", value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// The project's name [default: as Compose has it]
    #[arg(short = 'p', long = "project-name", value_name = "NAME", global = true)]
    pub project_name: Option<String>,
    /// Switch a Compose profile on (repeatable)
    #[arg(long = "profile", value_name = "NAME", global = true)]
    pub profiles: Vec<String>,
    /// A file of variables to use instead of .env (repeatable)
    #[arg(long = "env-file", value_name = "FILE", global = true)]
    pub env_files: Vec<PathBuf>,
    /// What runs the stack
    #[arg(long, value_enum, default_value_t = EngineChoice::Auto, global = true)]
    pub engine: EngineChoice,
    /// Print data as JSON on stdout, and errors as JSON on stderr
    #[arg(long, global = true)]
    pub json: bool,
    /// Print the steps that would be carried out, and carry out none
    #[arg(long, global = true)]
    pub dry_run: bool,
    /// Print no progress
    #[arg(short = 'q', long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Print more about what is done (-v: each step as it begins)
    #[arg(short = 'v', long, action = clap::ArgAction::Count, global = true)]
    pub verbose: u8,
}

/// The engines that can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum EngineChoice {
    /// Real processes of this machine
    Native,
    /// Docker Compose
    Docker,
    /// That which runs it; else native where the whole stack can run natively, else Docker where a daemon answers
    Auto,
}

/// Reads the command line; help, version and usage errors end the process here, as clap's users know it.
pub fn parse() -> Cli {
    Cli::parse()
}

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
        let super::Command::Flask(flask) = cli.command else { panic!("not flask") };
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
            let super::Command::Down(down) = cli.command else { panic!("not down") };
            assert_eq!((down.volumes, cli.global.verbose), (volumes, verbose), "{words}");
        }
        assert_eq!(parse("backlot scenario down a -v").global.verbose, 0);
        assert_eq!(parse("backlot scenario down a --verbose").global.verbose, 1);
        assert_eq!(parse("backlot up -v").global.verbose, 1);
    }
}
