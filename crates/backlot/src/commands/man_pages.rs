//! `backlot man-pages`

use std::io;
use std::path::PathBuf;

use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Exit;

/// Write the man pages into a folder, one of every verb
///
/// For example `backlot man-pages ~/.local/share/man/man1`; then `man backlot` and `man backlot-scenario-up` show them.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The folder, which is made where it is missing
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

/// The folder cannot be written to.
#[derive(Debug, thiserror::Error)]
#[error("cannot write the man pages into {}", folder.display())]
struct Unwritable {
    folder: PathBuf,
    source: io::Error,
}

pub fn run(args: &Args, command_line: clap::Command, context: &Context) -> Result<Exit, CommandError> {
    if context.global.dry_run {
        return context.show_steps(&[format!("write the man pages into {}", args.folder.display())]);
    }
    std::fs::create_dir_all(&args.folder)
        .and_then(|()| clap_mangen::generate_to(command_line, &args.folder))
        .map_err(|source| {
            CommandError::failed("unwritable", Unwritable { folder: args.folder.clone(), source })
        })?;
    Ok(Exit::Done)
}
