//! `backlot wait`

use backlot_supervisor::{Answer, Request};
use serde_json::json;

use crate::commands::asking::{Awaited, ask};
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::render;

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Until {
    /// It is healthy, or a one-shot has finished well
    Healthy,
    /// All its replicas have ended; their exit code is printed and is ours, as with `docker compose wait`
    Stopped,
}

/// Wait until services are ready
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The services [default: all]
    #[arg(value_name = "SERVICE")]
    services: Vec<String>,
    /// What to wait for
    #[arg(long = "for", value_enum, default_value_t = Until::Healthy, value_name = "WHAT")]
    until: Until,
    /// Wait until one has stopped, and take the environment down then; what is in its volumes stays
    #[arg(long, conflicts_with = "until")]
    down_project: bool,
}

pub fn run(args: &Args, context: &Context) -> Result<Exit, CommandError> {
    let (_, site) = context.project_and_site()?;
    let services = args.services.clone();
    let until = if args.down_project { Until::Stopped } else { args.until };
    let request = match until {
        Until::Healthy => Request::WaitHealthy { services },
        Until::Stopped => Request::WaitStopped { services },
    };
    let awaited = Awaited { services: &args.services, ends: until == Until::Stopped, limit: None };
    let engine = context.engine(&site)?;
    let answer = ask(engine.as_ref(), &site, &request, awaited, context)?;
    if args.down_project {
        engine.down(&site, false, &mut context.reporter())?;
    }
    match answer {
        Answer::Exit { service, code } => {
            if context.global.json {
                render::json(&json!({ "service": service, "exit_code": code }));
            } else {
                render::line(&code.to_string());
            }
            Ok(Exit::Child(u8::try_from(code).unwrap_or(u8::MAX)))
        }
        Answer::Nothing | Answer::Status(_) | Answer::Plan(_) | Answer::Described(_) => {
            if context.global.json {
                render::json(&json!({ "environment": site.name(), "ready": true }));
            }
            Ok(Exit::Done)
        }
    }
}
