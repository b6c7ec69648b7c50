//! `backlot completions`

use clap::CommandFactory;

use crate::cli::Cli;
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

pub fn run(args: &Args) -> Exit {
    let shell = match args.shell {
        Shell::Bash => clap_complete::Shell::Bash,
        Shell::Zsh => clap_complete::Shell::Zsh,
        Shell::Fish => clap_complete::Shell::Fish,
    };
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "backlot", &mut script);
    render::data(&String::from_utf8_lossy(&script));
    Exit::Done
}
