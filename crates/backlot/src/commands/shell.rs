//! `backlot shell`

use std::path::PathBuf;

use backlot_engine::{Beside, tools};

use crate::commands::exec::beside;
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Exit;

/// What finds the better shell in a container.
const IN_CONTAINER: &str = "command -v bash >/dev/null && exec bash || exec sh";

/// Open a shell beside a running service, which sees what the service sees
///
/// It is bash where there is one, else sh.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Work in this directory instead
    #[arg(short = 'w', long, value_name = "DIR")]
    workdir: Option<PathBuf>,
    /// The service
    service: String,
}

pub fn run(args: &Args, context: &Context) -> Result<Exit, CommandError> {
    beside(context, &args.service, |is_contained| Beside {
        service: args.service.clone(),
        command: if is_contained {
            ["sh", "-c", IN_CONTAINER].map(Into::into).into()
        } else {
            match tools::on_path("bash", &context.caller.variables) {
                Some(bash) => vec![bash.into()],
                None => vec!["sh".into()],
            }
        },
        directory: args.workdir.clone(),
        terminal: context.can_have_terminal(),
        no_install: true,
        ..Beside::default()
    })
}
