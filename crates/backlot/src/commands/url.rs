//! `backlot url` and `backlot open`

use std::time::Duration;

use backlot_engine::{Hint, Site};
use backlot_process::{Group, Program, SpawnOptions, describe_exit};
use backlot_supervisor::ServiceReport;
use serde_json::json;

use crate::commands::named::{Named, addresses};
use crate::commands::run::program;
use crate::commands::services::choose;
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::render;

/// What opens an address, as the desktop has it.
const OPENER: &str = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
/// The variable that names what does instead.
const BROWSER: &str = "BROWSER";
/// How long it is looked whether that fails. A browser that it starts itself may stay for hours.
const LOOK: Duration = Duration::from_secs(2);

/// Print the URL of a service, by its name: `http://web.shop.localhost:7355/`
///
/// All names lead to one port of this machine, the front door, as long as something is up. `BACKLOT_DOOR` is its port, or `off`; then, and
/// where it cannot be had, the address itself is printed.
#[derive(Debug, clap::Args)]
pub struct UrlArgs {
    /// The service [default: all, each with its name before it]
    #[arg(value_name = "SERVICE")]
    service: Option<String>,
    /// Over TLS: a local authority is made once, for names below .localhost alone, and how it is trusted is told
    #[arg(long)]
    tls: bool,
}

/// Open a service in the browser, by its name: `BROWSER`, else what the desktop has
#[derive(Debug, clap::Args)]
pub struct OpenArgs {
    /// The service [default: the first that speaks HTTP]
    #[arg(value_name = "SERVICE")]
    service: Option<String>,
    /// Over TLS: a local authority is made once, for names below .localhost alone, and how it is trusted is told
    #[arg(long)]
    tls: bool,
}

pub fn url(args: &UrlArgs, context: &Context) -> Result<Exit, CommandError> {
    let all = found(args.service.as_deref(), args.tls, context)?;
    if context.global.json {
        render::json(&all.iter().map(|(service, url)| json!({ "service": service, "url": url })).collect());
        return Ok(Exit::Done);
    }
    for (service, url) in &all {
        match args.service {
            // What is asked for is one; further ports have names of their own.
            Some(_) => {
                render::line(url);
                break;
            }
            None => render::line(&format!("{service}  {url}")),
        }
    }
    Ok(Exit::Done)
}

pub fn open(args: &OpenArgs, context: &Context) -> Result<Exit, CommandError> {
    let (service, url) = found(args.service.as_deref(), args.tls, context)?.swap_remove(0);
    if context.global.json {
        render::json(&json!({ "service": service, "url": url }));
    } else if !context.global.quiet {
        render::line(&url);
    }
    show(&url, context)?;
    Ok(Exit::Done)
}

/// The addresses of a service, or of all; at least one.
fn found(service: Option<&str>, tls: bool, context: &Context) -> Result<Vec<(String, String)>, CommandError> {
    let (project, site) = context.project_and_site()?;
    let named: Vec<String> = service.iter().map(|name| (*name).to_owned()).collect();
    let all = context.engine(&site)?.services(&site)?;
    let chosen = choose(&named, all.clone(), &project, context)?;
    let mut named = Named::opened(&site, &all, context);
    if tls && !all.is_empty() {
        let no_door = || CommandError::failed("door", "there is no front door, which alone speaks TLS");
        named = Some(named.ok_or_else(no_door)?.over_tls(context)?);
    }
    let mut found = addresses(named.as_ref(), &all);
    found.retain(|(name, _)| chosen.iter().any(|service| service.name == *name));
    if found.is_empty() { Err(nothing(service, &chosen, &site)) } else { Ok(found) }
}

fn nothing(service: Option<&str>, chosen: &[ServiceReport], site: &Site) -> CommandError {
    let (name, is_up) = (site.name(), chosen.iter().any(|service| !service.replicas.is_empty()));
    let (what, which) = match service {
        Some(service) => (format!("{service} of {name}"), "no"),
        None => (format!("no service of {name}"), "an"),
    };
    if is_up {
        let error = format!("{what} has {which} address that a browser understands");
        return CommandError::failed("no-address", error);
    }
    let error = service.map_or_else(|| format!("nothing of {name} is up"), |_| format!("{what} is not up"));
    let words: Vec<&str> = ["-e", name, "up", "-d"].into_iter().chain(service).collect();
    CommandError::failed("not-up", error).hint(Hint::command(&words))
}

/// The program that opens `url`. `BROWSER` is a command line, or several with colons between them, in which `%s` stands for it.
fn opener(url: &str, context: &Context) -> Result<Program, CommandError> {
    let variables = &context.caller.variables;
    let Some(browsers) = variables.get(BROWSER).filter(|browser| !browser.trim().is_empty()) else {
        return program(&[OPENER.into(), url.into()], variables)
            .map_err(|error| error.hint(format!("open {url} yourself, or name a program in {BROWSER}")));
    };
    let mut last = None;
    for browser in browsers.split(':').filter(|browser| !browser.trim().is_empty()) {
        let mut words: Vec<String> = browser.split_whitespace().map(|word| word.replace("%s", url)).collect();
        if !browser.contains("%s") {
            words.push(url.to_owned());
        }
        let words: Vec<_> = words.into_iter().map(Into::into).collect();
        match program(&words, variables) {
            Ok(program) => return Ok(program),
            Err(error) => last = Some(error),
        }
    }
    Err(last.unwrap_or_else(|| CommandError::failed("no-program", format!("{BROWSER} names no program"))))
}

/// Opens `url`; the program that does may stay when we have gone.
pub fn show(url: &str, context: &Context) -> Result<(), CommandError> {
    let program = opener(url, context)?;
    let detached =
        SpawnOptions { group: Group::NewSession, dies_with_parent: None, ..SpawnOptions::default() };
    match program.spawn(detached)?.wait(LOOK)? {
        Some(status) if !status.success() => {
            let error = format!("{} has ended with {}", program.path().display(), describe_exit(status));
            Err(CommandError::failed("open", error).hint(format!("open {url} yourself")))
        }
        Some(_) | None => Ok(()),
    }
}
