//! `backlot completions`

use clap_complete::env::{Bash, EnvCompleter, Fish, Zsh};

use crate::candidates::VARIABLE;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::render;

/// Print a completion script for a shell
///
/// It knows the verbs, and the scenarios, services and environments of the project that is here: the shell asks `backlot` itself.
/// In `~/.bashrc`: `source <(backlot completions bash)`; in `~/.zshrc`, after `compinit`: `source <(backlot completions zsh)`;
/// for fish: `backlot completions fish > ~/.config/fish/completions/backlot.fish`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The shell
    shell: Shell,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Shell {
    Bash,
    Zsh,
    Fish,
}

/// Zsh runs the file of a function that it loads by itself for the first word, and expects an answer to that.
const ANSWER_AT_ONCE: &str = r#"
if [ "$funcstack[1]" = "_backlot" ]; then
    _clap_dynamic_completer_backlot "$@"
fi
"#;

pub fn run(args: &Args) -> Result<Exit, CommandError> {
    let (shell, more): (&dyn EnvCompleter, _) = match args.shell {
        Shell::Bash => (&Bash, ""),
        Shell::Zsh => (&Zsh, ANSWER_AT_ONCE),
        Shell::Fish => (&Fish, ""),
    };
    let mut script = Vec::new();
    // The program is that of the same name which the shell finds.
    shell
        .write_registration(VARIABLE, "backlot", "backlot", "backlot", &mut script)
        .map_err(|error| CommandError::failed("completions", error))?;
    render::data(&(String::from_utf8_lossy(&script).into_owned() + more));
    Ok(Exit::Done)
}
