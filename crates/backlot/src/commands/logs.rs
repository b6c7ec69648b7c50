//! `backlot logs`

use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use backlot_engine::{EngineError, Hint, LogWish, Site};
use backlot_logs::parse_since;

use crate::commands::services;
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::render::{self, LogPrinter};

/// How long it is waited for new lines before signals are looked at again.
const STEP: Duration = Duration::from_millis(100);

/// Show what the services of the chosen environment have printed
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The services [default: all]
    #[arg(value_name = "SERVICE")]
    services: Vec<String>,
    /// Go on with what they print from now on
    #[arg(short = 'f', long)]
    follow: bool,
    /// Begin with the last N lines of each service (`all` for all of them)
    #[arg(short = 'n', long, value_name = "N", value_parser = parse_tail, default_value = "all")]
    tail: Tail,
    /// Begin at a time (2026-11-23T10:00:00Z) or so long ago (10m)
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Show when each line was printed
    #[arg(short = 't', long)]
    timestamps: bool,
    /// Do not show of which replica a line is
    #[arg(long)]
    no_log_prefix: bool,
}

/// How many lines to begin with.
#[derive(Debug, Clone, Copy)]
struct Tail(Option<usize>);

fn parse_tail(text: &str) -> Result<Tail, String> {
    if text == "all" {
        return Ok(Tail(None));
    }
    text.parse().map(|count| Tail(Some(count))).map_err(|_| "it is neither a number nor `all`".into())
}

pub fn run(args: &Args, context: &Context) -> Result<Exit, CommandError> {
    let (project, site) = context.project_and_site()?;
    let engine = context.engine(&site)?;
    if let Some(known) = engine.services_with_logs(&site) {
        services::check(&args.services, known, &project, context)?;
    }
    let (services, tail, follow) = (args.services.clone(), args.tail.0, args.follow);
    let wish = LogWish { services, tail, since: since(args)?, follow };
    let mut lines = engine.lines(&site, wish).map_err(|error| with_way_up(error, &site))?;
    let mut printer = printer(args, context);
    for line in lines.so_far()? {
        printer.print(&line);
    }
    while args.follow && !render::is_unread() {
        for line in lines.next(STEP)? {
            printer.print(&line);
        }
        if context.interrupted.load(Ordering::SeqCst) {
            return Ok(Exit::Interrupted);
        }
        if !lines.is_live()? {
            break;
        }
    }
    Ok(Exit::Done)
}

/// Adds the line that brings the environment up to the error that it is not.
fn with_way_up(error: EngineError, site: &Site) -> CommandError {
    let is_down = matches!(error, EngineError::NotUp { .. });
    let error = CommandError::from(error);
    if is_down {
        error.hint(Hint::from("start it: ").then(Hint::command(&["-e", site.name(), "up", "-d"])))
    } else {
        error
    }
}

fn since(args: &Args) -> Result<Option<SystemTime>, CommandError> {
    let since = args.since.as_ref().map(|since| parse_since(since, SystemTime::now()));
    since.transpose().map_err(|error| CommandError::usage("time-invalid", error))
}

fn printer(args: &Args, context: &Context) -> LogPrinter {
    let printer = LogPrinter::new(context.caller.wants_colour_on_stdout, args.timestamps);
    if args.no_log_prefix { printer.without_prefix() } else { printer }
}
