//! `backlot down`

use std::collections::BTreeSet;
use std::io::Write;
use std::sync::atomic::Ordering;

use backlot_engine::volume::disown;
use backlot_engine::{Client, EngineError, EngineKind, Site, images_of, remove_images};
use clap::ArgAction;
use serde_json::json;

use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::render;

/// Stop the chosen environment; what is in its volumes stays, unless --volumes says so
#[derive(Debug, Default, clap::Args)]
pub struct Args {
    /// Remove its volumes, too: its durable data
    #[arg(short = 'v', long)]
    pub volumes: bool,
    /// Do not ask
    #[arg(short = 'y', long)]
    yes: bool,
    /// Remove images of its services, too: those that were built for them (`local`), or all
    #[arg(long, value_name = "KIND", value_parser = ["local", "all"])]
    rmi: Option<String>,
    /// How many seconds what ends may take, instead of its `stop_grace_period`
    #[arg(short = 't', long, value_name = "SECONDS")]
    timeout: Option<u64>,
    // All that runs of it goes anyway.
    #[arg(long = "remove-orphans", hide = true)]
    _remove_orphans: bool,
    /// Print more about what is done
    // It takes the place of the global option, whose -v would mean another thing than in `docker compose down -v`.
    #[arg(id = "verbose", long, action = ArgAction::Count, help_heading = "Global options", hide_short_help = true)]
    _verbose: u8,
}

pub fn run(args: &Args, context: &Context) -> Result<Exit, CommandError> {
    let (project, site) = context.project_and_site()?;
    let engine = context.engine_within(&site, args.timeout)?;
    let images = match &args.rmi {
        Some(kind) => images_of(&context.environment(&project)?, kind == "all"),
        None => Vec::new(),
    };
    if context.global.dry_run {
        let mut steps = engine.plan_down(&site, args.volumes)?;
        steps.extend(images.iter().map(|name| format!("remove the image {name}, if it is here")));
        return context.show_steps(&steps);
    }
    // What the files call external by now belongs to no environment any more.
    let environment = if args.volumes { context.environment(&project).ok() } else { None };
    for volume in environment.iter().flat_map(|environment| environment.stack.volumes.values()) {
        if volume.external {
            disown(site.home(), &volume.name)?;
        }
    }
    let volumes = if args.volumes { engine.volumes(&site)? } else { Vec::new() };
    if !volumes.is_empty() {
        let question = format!("Remove the data of {} for good ({})?", site.name(), volumes.join(", "));
        confirm(&question, args.yes, context)?;
    }
    let steps = engine.down(&site, args.volumes, &mut context.reporter())?;
    if args.volumes {
        context.tell(left_on_other(engine.kind(), &site, context)?.into_iter().collect());
    }
    for name in remove_images(images, &context.caller.variables)? {
        context.progress().say(&format!("  removed the image {name}"));
    }
    if context.global.json {
        render::json(&json!({ "environment": site.name(), "was_up": !steps.is_empty(), "steps": steps }));
    }
    if steps.is_empty() {
        context.progress().say(&format!("{} is not up: nothing to stop", site.name()));
    }
    Ok(Exit::Done)
}

/// That what the environment has on the other engine is still there.
fn left_on_other(kind: EngineKind, site: &Site, context: &Context) -> Result<Option<String>, CommandError> {
    let on_docker = || {
        let has = site.data_on_docker()?.is_some();
        let gone = has
            && Client::locate(&context.caller.variables)
                .is_ok_and(|client| client.volumes_of(site).is_ok_and(|volumes| volumes.is_empty()));
        if gone {
            site.forget_on_docker(BTreeSet::new())?;
        }
        Ok::<_, EngineError>(has && !gone)
    };
    let (is_there, place, other) = match kind {
        EngineKind::Native => (on_docker()?, "on Docker", "docker"),
        EngineKind::Docker => (!site.removable_volumes()?.is_empty(), "in native volumes", "native"),
    };
    let line = context.line(&format!("-e {} --engine {other} down --volumes", site.name()));
    Ok(is_there.then(|| format!("what {} has {place} stays; `{line}` removes it", site.name())))
}

/// Asks before durable data is destroyed.
pub fn confirm(question: &str, yes: bool, context: &Context) -> Result<(), CommandError> {
    ask(question, ("durable data would be destroyed", "nothing was destroyed"), yes, context)
}

/// Asks before something is done: what would be, and what is so when the answer is no. Off a terminal there is nobody to ask:
/// `--yes` must have been said.
pub fn ask(
    question: &str,
    (would, was_not): (&str, &'static str),
    yes: bool,
    context: &Context,
) -> Result<(), CommandError> {
    if yes {
        return Ok(());
    }
    if !context.caller.can_ask {
        let error = format!("{would}, and nobody can be asked");
        return Err(CommandError::usage("not-confirmed", error).hint("say --yes to do it"));
    }
    if answer(question, context)? { Ok(()) } else { Err(CommandError::failed("not-confirmed", was_not)) }
}

/// Whether somebody who can be asked says yes.
pub fn answer(question: &str, context: &Context) -> Result<bool, CommandError> {
    let mut stderr = std::io::stderr().lock();
    let _ = write!(stderr, "{question} [y/N] ");
    let mut answer = String::new();
    context.asking.store(true, Ordering::SeqCst);
    // One that came before that would have been noted only, and the question would stand.
    if context.interrupted.load(Ordering::SeqCst) {
        return Err(EngineError::Interrupted.into());
    }
    let _ = std::io::stdin().read_line(&mut answer);
    context.asking.store(false, Ordering::SeqCst);
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
