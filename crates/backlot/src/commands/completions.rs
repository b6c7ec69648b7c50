//! `backlot completions`

use crate::exit::Exit;
use crate::render;

/// Print a completion script for a shell
///
/// For bash: `backlot completions bash > ~/.local/share/bash-completion/completions/backlot`
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

pub fn run(args: &Args, command_line: &clap::Command) -> Exit {
    let shell = match args.shell {
        Shell::Bash => clap_complete::Shell::Bash,
        Shell::Zsh => clap_complete::Shell::Zsh,
        Shell::Fish => clap_complete::Shell::Fish,
    };
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut visible(command_line), "backlot", &mut script);
    render::data(&String::from_utf8_lossy(&script));
    Exit::Done
}

/// The command line without the verbs that only we ourselves use: the scripts would offer them, hidden or not.
fn visible(all: &clap::Command) -> clap::Command {
    clap::Command::new("backlot")
        .version(env!("CARGO_PKG_VERSION"))
        .args(all.get_arguments().cloned())
        .subcommands(all.get_subcommands().filter(|verb| !verb.is_hide_set()).cloned())
}
