//! `backlot logs`

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use backlot_engine::{LogWish, Site};
use backlot_logs::{LogLine, parse_since};
use backlot_project::{EnvironmentName, Project};

use crate::commands::services;
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::render::{self, LogPrinter};

/// How long it is waited for new lines before signals are looked at again.
const STEP: Duration = Duration::from_millis(100);

/// Show what the services of the chosen environment have printed
///
/// With --json, each line is an object.
#[derive(Debug, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of its own")]
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
    /// End at a time, or so long ago
    #[arg(long, value_name = "TIME", conflicts_with = "follow", hide_short_help = true)]
    until: Option<String>,
    /// Only of the replica of this number
    #[arg(long, value_name = "N", hide_short_help = true)]
    index: Option<u32>,
    /// Print without colours
    #[arg(long, hide_short_help = true)]
    no_color: bool,
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
    of_site(args, &project, &site, context)
}

/// Shows those of the environment at `site`.
pub fn of_site(args: &Args, project: &Project, site: &Site, context: &Context) -> Result<Exit, CommandError> {
    let engine = context.engine(site)?;
    if let Some(known) = engine.services_with_logs(site) {
        services::check(&args.services, known, project, context)?;
    }
    let (services, tail, follow) = (args.services.clone(), args.tail.0, args.follow);
    let (since, until) = (time(args.since.as_deref())?, time(args.until.as_deref())?);
    let wish = LogWish { services, tail, since, until, follow };
    let mut lines = engine.lines(site, wish)?;
    context.tell(left_out(args, project, site, context));
    let mut printer = printer(args, context);
    let is_meant = |line: &LogLine| args.index.is_none_or(|index| is_of(line, index));
    for line in lines.so_far()?.into_iter().filter(is_meant) {
        printer.print(&line);
    }
    while args.follow && !render::is_unread() {
        for line in lines.next(STEP)?.into_iter().filter(is_meant) {
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

/// Of the services that are named, those that neither run nor have printed anything although their file is for them.
fn left_out(args: &Args, project: &Project, site: &Site, context: &Context) -> Vec<String> {
    if args.services.is_empty() {
        return Vec::new();
    }
    let asked = || {
        let engine = context.engine(site).ok()?;
        let running = engine.services(site).ok()?.into_iter().map(|service| service.name);
        let known: BTreeSet<String> = running.chain(engine.services_with_logs(site)?).collect();
        let name = EnvironmentName::parse(site.name()).ok()?;
        Some((known, context.environment_named(project, &name).ok()?))
    };
    let Some((known, environment)) = asked() else { return Vec::new() };
    let is_out = |name: &&String| !known.contains(*name) && environment.stack.services.contains_key(*name);
    let line = |name: &String| {
        format!(
            "service {name} has printed nothing: it was left out when {} came up; `up --dry-run` says why",
            environment.name
        )
    };
    args.services.iter().filter(is_out).map(line).collect()
}

/// Whether a line is of the service's replica of this number.
fn is_of(line: &LogLine, index: u32) -> bool {
    let number = line.replica.strip_prefix(&line.service).and_then(|rest| rest.strip_prefix('-'));
    number.is_some_and(|number| number == index.to_string())
}

fn time(text: Option<&str>) -> Result<Option<SystemTime>, CommandError> {
    let time = text.map(|text| parse_since(text, SystemTime::now()));
    time.transpose().map_err(|error| CommandError::usage("time-invalid", error))
}

fn printer(args: &Args, context: &Context) -> LogPrinter {
    let colour = context.caller.wants_colour_on_stdout && !args.no_color;
    let printer = LogPrinter::new(colour, args.timestamps);
    if context.global.json {
        return printer.with_objects();
    }
    if args.no_log_prefix { printer.without_prefix() } else { printer }
}
