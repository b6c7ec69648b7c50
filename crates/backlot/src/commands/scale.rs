//! `backlot scale`

use backlot_supervisor::Request;

use crate::commands::up::parse_scale;
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Exit;

/// Run N replicas of a service; those that are too many finish their requests first
#[derive(Debug, clap::Args)]
pub struct Args {
    /// How many of which service
    #[arg(required = true, value_name = "SERVICE=N", value_parser = parse_scale)]
    scale: Vec<(String, u32)>,
    /// Do not wait until new replicas are ready and those that are too many have gone
    #[arg(long)]
    no_wait: bool,
}

pub fn run(args: &Args, context: &Context) -> Result<Exit, CommandError> {
    let (_, site) = context.project_and_site()?;
    if context.global.dry_run {
        let steps: Vec<String> =
            args.scale.iter().map(|(service, count)| format!("scale {service} to {count}")).collect();
        return context.show_steps(&steps);
    }
    let request = Request::Scale { replicas: args.scale.iter().cloned().collect(), wait: !args.no_wait };
    context.engine(&site)?.ask(&site, &request, &context.interrupted, &mut context.newsreader())?;
    Ok(Exit::Done)
}
