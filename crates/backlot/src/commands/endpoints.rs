//! `backlot endpoints`

use backlot_engine::Hint;
use serde_json::json;

use crate::commands::services::choose;
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::render;

/// Print the addresses of all replicas of a service, one a line
///
/// It is what `dig SERVICE` shows inside Docker. The gateway gives requests to those that are ready.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The service [default: all, each with its name before it]
    #[arg(value_name = "SERVICE")]
    service: Option<String>,
}

pub fn run(args: &Args, context: &Context) -> Result<Exit, CommandError> {
    let (project, site) = context.project_and_site()?;
    let services =
        choose(args.service.as_slice(), context.engine(&site)?.services(&site)?, &project, context)?;
    if let Some(name) = args.service.as_ref().filter(|_| services.iter().all(|one| one.replicas.is_empty())) {
        let error = CommandError::failed("not-up", format!("no service {name} of {} is up", site.name()));
        return Err(error.hint(Hint::command(&["-e", site.name(), "up", "-d", name])));
    }
    if context.global.json {
        let list = services.iter().map(|service| {
            let replicas: Vec<_> = service
                .replicas
                .iter()
                .map(|replica| json!({ "replica": replica.number, "addresses": replica.addresses }))
                .collect();
            let endpoints: Vec<_> = service.endpoints.iter().map(|endpoint| &endpoint.address).collect();
            json!({ "service": service.name, "endpoints": endpoints, "replicas": replicas })
        });
        render::json(&list.collect());
        return Ok(Exit::Done);
    }
    for service in &services {
        for address in service.replicas.iter().flat_map(|replica| &replica.addresses) {
            match args.service {
                Some(_) => render::line(&address.to_string()),
                None => render::line(&format!("{}  {address}", service.name)),
            }
        }
    }
    Ok(Exit::Done)
}
