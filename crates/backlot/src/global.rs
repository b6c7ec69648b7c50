//! The options that every verb understands.

use std::path::PathBuf;

use backlot_process::shell_quote;
use clap::{Args, ValueEnum};

use crate::caller::Caller;

/// What every verb understands.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Global options")]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of its own")]
pub struct Global {
    /// Look for the project in DIR instead of the current directory
    #[arg(short = 'C', long = "directory", value_name = "DIR", global = true, hide_short_help = true)]
    pub directory: Option<PathBuf>,
    /// The environment [default: that of `APPLICATION_CONFIG`, else development]; of `run` and `exec` also NAME=VALUE, a variable (repeatable)
    #[arg(short = 'e', long = "env", value_name = "ENV", global = true, hide_short_help = true)]
    pub environments: Vec<String>,
    /// A Compose file to use instead of the project's (repeatable, later ones overlay earlier ones)
    #[arg(short = 'f', long = "file", value_name = "FILE", hide_short_help = true)]
    pub files: Vec<PathBuf>,
    /// The project's name [default: as Compose has it]
    #[arg(short = 'p', long = "project-name", value_name = "NAME", global = true, hide_short_help = true)]
    pub project_name: Option<String>,
    /// Switch a Compose profile on (repeatable)
    #[arg(long = "profile", value_name = "NAME", global = true, hide_short_help = true)]
    pub profiles: Vec<String>,
    /// A file of variables to use instead of .env (repeatable)
    #[arg(long = "env-file", value_name = "FILE", global = true, hide_short_help = true)]
    pub env_files: Vec<PathBuf>,
    /// What runs the stack
    #[arg(long, value_enum, default_value_t = EngineChoice::Auto, global = true, hide_short_help = true)]
    pub engine: EngineChoice,
    /// Print data as JSON on stdout, and errors as JSON on stderr
    #[arg(long, global = true, hide_short_help = true)]
    pub json: bool,
    /// Print the steps that would be carried out, and carry out none
    #[arg(long, global = true, hide_short_help = true)]
    pub dry_run: bool,
    /// Fetch no Postgres, no packages and no image from a network; Docker Compose pulls its own [also: `BACKLOT_OFFLINE`]
    #[arg(long, global = true, hide_short_help = true)]
    pub offline: bool,
    /// Whether colours are printed; with `never`, no line is drawn again, either
    #[arg(long, value_enum, value_name = "WHEN", global = true, hide_short_help = true)]
    pub ansi: Option<Ansi>,
    /// How progress is printed: on lines that are drawn again, plainly, or not at all
    #[arg(
        long,
        value_enum,
        value_name = "HOW",
        global = true,
        hide_short_help = true,
        conflicts_with = "quiet"
    )]
    pub progress: Option<ProgressKind>,
    /// Print no progress
    #[arg(short = 'q', long, global = true, conflicts_with = "verbose", hide_short_help = true)]
    pub quiet: bool,
    /// Print more about what is done (-v: each step as it begins)
    #[arg(short = 'v', long, action = clap::ArgAction::Count, global = true, hide_short_help = true)]
    pub verbose: u8,
}

impl Global {
    /// The environment that is named: the last one.
    pub fn environment(&self) -> Option<&str> {
        self.environments.iter().map(String::as_str).rfind(|text| !text.contains('='))
    }

    /// The variables that are set instead, as with Docker Compose's `run` and `exec`.
    pub fn variables(&self) -> impl Iterator<Item = (&str, &str)> {
        self.environments.iter().filter_map(|text| text.split_once('='))
    }

    /// The options by which the user has named the project, each with a space after it.
    pub fn project_options(&self) -> String {
        let paths = |option: &'static str, paths: &[PathBuf]| -> Vec<(&'static str, String)> {
            paths.iter().map(|path| (option, path.display().to_string())).collect()
        };
        let mut options = paths("-C", self.directory.as_slice());
        options.extend(paths("-f", &self.files));
        options.extend(self.project_name.iter().map(|name| ("-p", name.clone())));
        options.extend(self.profiles.iter().map(|name| ("--profile", name.clone())));
        options.extend(paths("--env-file", &self.env_files));
        let words = options
            .iter()
            .flat_map(|(option, value)| [(*option).to_owned(), shell_quote(value).into_owned()]);
        words.flat_map(|word| [word, " ".to_owned()]).collect()
    }
}

/// When there are colours and lines that are drawn again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Ansi {
    Never,
    Always,
    /// On terminals
    Auto,
}

/// How progress is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ProgressKind {
    /// As stderr can show it
    Auto,
    /// Lines that are drawn again
    Tty,
    /// A line for each thing that is done
    Plain,
    /// None
    Quiet,
}

impl Global {
    /// The caller's streams as these options have them.
    pub fn apply_to(&mut self, caller: &mut Caller) {
        match self.ansi {
            Some(Ansi::Never) => {
                (caller.wants_colour, caller.wants_colour_on_stdout, caller.can_redraw) =
                    (false, false, false);
            }
            Some(Ansi::Always) => {
                (caller.wants_colour, caller.wants_colour_on_stdout) = (true, true);
            }
            Some(Ansi::Auto) | None => {}
        }
        match self.progress {
            Some(ProgressKind::Tty) => caller.can_redraw = true,
            Some(ProgressKind::Plain) => caller.can_redraw = false,
            Some(ProgressKind::Quiet) => self.quiet = true,
            Some(ProgressKind::Auto) | None => {}
        }
    }
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
