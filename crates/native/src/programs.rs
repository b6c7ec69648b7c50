//! The Postgres that a database is to run with: this machine's own, one that was fetched, or one that is to be.

use std::path::PathBuf;

use backlot_facts::database::Database;
use backlot_fetched::{FetchError, Found, Order, Shelf, Surroundings};
use backlot_hint::{Explain, Hint};
use backlot_plan::{PostgresWish, Step};
use backlot_postgres::{Installation, LocateError, OLDEST_MAJOR, SearchPlaces};
use backlot_state::{EngineError, Event, Ground, Outcome, Report, tell, tools, volume};

use crate::DatabaseService;
use crate::changes::{self, ChangeError};
use crate::up::Again;

/// Asks for a version of PostgreSQL, whatever the files say.
pub(crate) const VARIABLE: &str = "BACKLOT_POSTGRES";

/// The name of the error that it does not.
pub(crate) const NO_VERSION: &str = "postgres-version";

/// What a database is to run with.
enum Server {
    Here(Installation),
    ToFetch(Order),
}

/// That the variable says nothing that can be meant.
#[derive(Debug, thiserror::Error)]
#[error("{VARIABLE} is {value:?}, which is no version of PostgreSQL")]
struct NoVersion {
    value: String,
}

impl backlot_hint::Explain for NoVersion {
    fn code(&self) -> &'static str {
        NO_VERSION
    }

    fn hint(&self) -> Option<backlot_hint::Hint> {
        Some(format!("write a major version, such as {VARIABLE}=16, or leave it out").into())
    }
}

/// The database with the version that the caller asks for, if he does.
pub(crate) fn asked_for(ground: Ground<'_>, database: Database) -> Result<Database, EngineError> {
    let Some(value) = ground.caller.get(VARIABLE).filter(|value| !value.is_empty()) else {
        return Ok(database);
    };
    let wish =
        PostgresWish::parse(value).ok_or_else(|| EngineError::of(NoVersion { value: value.clone() }))?;
    Ok(database.asked_for(wish, VARIABLE))
}

/// What package clients are run in: the caller's variables, with the project's virtual environment, which may have a pip.
fn surroundings(ground: Ground<'_>) -> Surroundings {
    Surroundings::of(&tools::with_virtual_environment(ground.project.root(), ground.caller.clone()))
}

fn places(ground: Ground<'_>, explicit: Option<PathBuf>) -> SearchPlaces {
    let path = ground.caller.get("PATH").map(Into::into);
    SearchPlaces { explicit, path, roots: SearchPlaces::default_roots() }
}

/// Finds the Postgres that the database asks for; `made` is the major version that its data has been made by.
fn server(ground: Ground<'_>, database: &Database, made: Option<u32>) -> Result<Server, EngineError> {
    let places = places(ground, database.bin.clone());
    // The folder that somebody has named is what he wants, whatever the image is called.
    if database.bin.is_some() {
        return Ok(Server::Here(Installation::locate(&places, None)?));
    }
    let wanted = database.wanted();
    let wish = PostgresWish { major: wanted.major.or(made), ..wanted };
    let missing = match Installation::locate(&places, wish.major) {
        Ok(own) => return Ok(Server::Here(own)),
        Err(missing) => missing,
    };
    if wish.major.is_some_and(|major| major < OLDEST_MAJOR) {
        return Err(missing.into());
    }
    // No package holds the extensions that images are made for.
    if let Some(extension) = database.extension {
        return Err(not_here(missing, FetchError::Lacks { wish, extension }));
    }
    match Shelf::of(ground.home).find(wish, &surroundings(ground)) {
        Ok(Found::Here(fetched)) => Ok(Server::Here(fetched.installation)),
        Ok(Found::ToFetch(order)) => Ok(Server::ToFetch(order)),
        Err(way @ (FetchError::Offline { .. } | FetchError::NoClient { .. })) => Err(not_here(missing, way)),
        Err(error) => Err(error.into()),
    }
}

fn not_here(missing: LocateError, way: FetchError) -> EngineError {
    FetchError::NotHere { missing, way: Box::new(way) }.into()
}

/// The same with the folder of `psql` and its like where they are not beside it: of one that is not older, if there is one.
fn with_clients(ground: Ground<'_>, server: Installation) -> Result<Installation, EngineError> {
    if server.client("psql").is_some() {
        return Ok(server);
    }
    let own = Installation::find_all(&places(ground, None));
    let own = own.into_iter().find(|one| one.client("psql").is_some());
    let is_as_new = |one: &Installation| one.version.major >= server.version.major;
    let fetched = match own.as_ref().filter(|own| is_as_new(own)) {
        Some(_) => None,
        None => Shelf::of(ground.home).psql()?.map(|fetched| fetched.installation),
    };
    let on_path = || tools::on_path("psql", ground.caller)?.parent().map(PathBuf::from);
    let folder = fetched.or(own).map(|one| one.bin_dir).or_else(on_path);
    Ok(Installation { clients: folder, ..server })
}

/// These, and all others that are here.
pub(crate) fn with_clients_of(
    ground: Ground<'_>,
    sides: [&Installation; 2],
) -> Result<Vec<Installation>, EngineError> {
    let fetched = Shelf::of(ground.home).list()?.into_iter().map(|fetched| fetched.installation);
    let own = Installation::find_all(&places(ground, None));
    Ok(sides.into_iter().cloned().chain(own).chain(fetched).collect())
}

/// Fetches psql and its like.
pub(crate) fn fetch_psql(ground: Ground<'_>, report: Report<'_>) -> Result<(), EngineError> {
    let (shelf, surroundings) = (Shelf::of(ground.home), surroundings(ground));
    let order = shelf.order_psql(&surroundings)?;
    shelf.fetch(&order, &surroundings, &|| ground.go_on().is_ok(), report)?;
    Ok(())
}

/// A server is not here yet, and nobody has been asked to fetch it.
#[derive(Debug, thiserror::Error)]
#[error("find {order}: it is not here yet")]
struct NotFetched {
    order: Order,
}

impl Explain for NotFetched {
    fn code(&self) -> &'static str {
        "no-postgres"
    }

    fn hint(&self) -> Option<Hint> {
        let version = self.order.wanted().map(|major| major.to_string()).unwrap_or_default();
        let install =
            Hint::from("fetch it, as `up` does: ").then(Hint::anywhere(&["postgres", "install", &version]));
        Some(install.then("\nor ").then(LocateError::Nothing { wanted: self.order.wanted() }.hint()))
    }
}

impl DatabaseService<'_> {
    /// The programs that it runs with.
    ///
    /// # Errors
    /// When they are not here.
    pub(super) fn locate(&self) -> Result<Installation, EngineError> {
        match self.server()? {
            Server::Here(server) => with_clients(self.ground, server),
            Server::ToFetch(order) => Err(EngineError::of(NotFetched { order })),
        }
    }

    fn server(&self) -> Result<Server, EngineError> {
        let made = volume::major_in(&self.site, &self.database.storage);
        let found = server(self.ground, &self.database, made);
        match (found, made) {
            (Err(source), Some(made))
                if self.database.wanted_major.is_none() && source.code() == "no-postgres" =>
            {
                let (data, source) = (changes::data_of(&self.database), Box::new(source));
                Err(ChangeError::NoServer { data, made, source }.into())
            }
            (found, _) => found,
        }
    }

    /// What has to be fetched before a server can be started. Nothing is asked of a registry for it.
    ///
    /// # Errors
    /// When there is no server, and none can be fetched.
    pub(super) fn missing(&self) -> Result<Vec<Order>, EngineError> {
        let (mut orders, has_psql) = match self.server()? {
            Server::Here(server) => {
                let server = with_clients(self.ground, server)?;
                (Vec::new(), server.client("psql").is_some())
            }
            Server::ToFetch(order) => {
                // Any folder that has one will do.
                let nowhere = Installation {
                    bin_dir: PathBuf::new(),
                    version: backlot_postgres::Version { major: 0, minor: 0 },
                    clients: None,
                };
                let has_psql = order.brings_psql() || with_clients(self.ground, nowhere)?.clients.is_some();
                (vec![order], has_psql)
            }
        };
        if !has_psql {
            // Much goes without: what does not, says so.
            orders.extend(Shelf::of(self.ground.home).order_psql(&surroundings(self.ground)).ok());
        }
        Ok(orders)
    }

    /// The same, when a server is about to be started: what was fetched has to be as it was fetched.
    ///
    /// # Errors
    /// Likewise, and when it is not.
    pub(super) fn missing_for_start(&self) -> Result<Vec<Order>, EngineError> {
        let orders = self.missing()?;
        if orders.is_empty() {
            Shelf::of(self.ground.home).check(&self.locate()?)?;
        }
        Ok(orders)
    }

    /// Fetches what an `up` needs, before anything is touched.
    ///
    /// # Errors
    /// When it cannot be fetched.
    pub(super) fn fetch_missing(&self, again: Again, report: Report<'_>) -> Result<(), EngineError> {
        // Whoever starts a server says why there is none.
        if self.missing().is_ok_and(|orders| orders.is_empty()) {
            return Ok(());
        }
        for step in self.plan_up(again, None)? {
            if let Step::Fetch { what } = &step {
                tell(&step, report, |report| self.fetch(what, report))?;
            }
        }
        Ok(())
    }

    /// Fetches what is missing and told so.
    pub(super) fn fetch(&self, what: &str, report: Report<'_>) -> Result<Outcome, EngineError> {
        let order = self.missing()?.into_iter().find(|order| order.to_string() == what);
        let Some(order) = order else { return Ok(Outcome::from("somebody else has fetched it".to_owned())) };
        let goes_on = || self.ground.go_on().is_ok();
        let fetched = Shelf::of(self.ground.home).fetch(&order, &surroundings(self.ground), &goes_on, report);
        match fetched {
            Ok(fetched) => Ok(Outcome::from(fetched.in_words())),
            Err(error) if order.is_psql() && !matches!(error, FetchError::Interrupted) => {
                let text = backlot_process::in_full(&error);
                report(Event::Warning(format!("there is no psql here, and it cannot be fetched: {text}")));
                Ok(Outcome { text: "no psql".to_owned(), failed: true })
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// What an `up` of the environment's databases would have to fetch, a line each.
///
/// # Errors
/// When a server is not here and cannot be fetched.
pub(crate) fn missing<'s>(
    databases: impl Iterator<Item = &'s DatabaseService<'s>>,
) -> Result<Vec<String>, EngineError> {
    let mut lines = Vec::new();
    for database in databases {
        lines.extend(database.missing()?.iter().map(ToString::to_string));
    }
    lines.dedup();
    Ok(lines)
}
