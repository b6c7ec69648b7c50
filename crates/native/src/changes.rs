//! What of a running database is not as the project's files have it any more.

use std::time::Duration;

use backlot_facts::database::Database;
use backlot_hint::{Explain, Hint, quoted};
use backlot_plan::{Port, Storage};
use backlot_postgres::{Access, Connection, lets_in};
use backlot_state::volume::ClusterRecord;
use backlot_state::{DatabaseRecord, EngineError, Site};
use secrecy::ExposeSecret;

use crate::cluster;
use crate::server;

/// How long a server that runs may take to answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(5);
/// The database that every cluster has.
const MAINTENANCE: &str = "postgres";

/// What of the files a server has not let in.
pub(super) const REJECTED: &str = "POSTGRES_USER or POSTGRES_PASSWORD";
/// How it is said that the port has changed.
pub(super) const PORT: &str = "the port";

/// A change that a new start does not bring about.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// The image's major version is another one now.
    #[error("service {service} asks for PostgreSQL {wanted}, and {data} was made by PostgreSQL {made}")]
    Major {
        /// The service.
        service: String,
        /// The major version that its image asks for.
        wanted: u32,
        /// What holds the data.
        data: String,
        /// The major version that made it.
        made: u32,
        /// The command that takes it over, where there is one.
        upgrade: Option<Hint>,
        /// The commands that make room for a new one.
        way: Hint,
    },
    /// No server of the major version that made the data is here.
    #[error("{data} was made by PostgreSQL {made}, which is not here")]
    NoServer {
        /// What holds the data.
        data: String,
        /// The major version that made it.
        made: u32,
        /// Why there is none.
        source: Box<EngineError>,
    },
    /// The user or the password is another one now, and the server lets that one not in.
    #[error(
        "{what} of service {service} {} not what {data} was made with: as with the official image, that counts when a \
         database is made", if what.contains(" and ") { "are" } else { "is" }
    )]
    Credentials {
        /// The service.
        service: String,
        /// The variables.
        what: String,
        /// What holds the data.
        data: String,
        /// The commands that make room for a new one.
        way: Hint,
    },
}

impl ChangeError {
    /// The stable name of the error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Major { .. } | Self::NoServer { .. } => "other-major",
            Self::Credentials { .. } => "other-credentials",
        }
    }

    /// The way out.
    pub fn hint(&self) -> Hint {
        match self {
            Self::Major { made, upgrade, way, .. } => {
                let hint = Hint::from(format!("ask for `image: postgres:{made}`, or "));
                let hint = match upgrade {
                    Some(upgrade) => hint.then("take it over, which keeps the old one: ").then(upgrade.clone()).then(", or "),
                    None => hint,
                };
                hint.then("dump what is in it, remove it (").then(way.clone()).then("), and restore it into the new one")
            }
            Self::NoServer { source, .. } => source.hint().unwrap_or_else(|| "install it".into()),
            Self::Credentials { way, .. } => Hint::from(
                "put the old one back, and change it in the database (ALTER ROLE … PASSWORD …) before it is changed here; or \
                 remove the data: ",
            )
            .then(way.clone()),
        }
    }
}

/// What a new start of the server would change: `the port`, `the setting work_mem`.
pub(super) fn outdated(database: &Database, record: &DatabaseRecord, site: &Site) -> Vec<String> {
    let mut changed = Vec::new();
    let port = match database.port {
        Port::Exact(port) => port == record.port,
        Port::Free => server::is_chosen(record.port),
    };
    let mut note = |is_same: bool, what: &str| {
        if !is_same {
            changed.push(what.to_owned());
        }
    };
    note(port, PORT);
    note(site.data(&database.storage) == record.data_dir, "where its data is");
    note(cluster::settings(database, site) == record.settings, "its settings");
    note(database.inside_port == record.inside_port, "its port inside");
    note(database.service == record.service, "its name");
    note(database.bin.as_ref().is_none_or(|bin| *bin == record.bin_dir), "its programs");
    let names = database.storage != Storage::Throwaway || database.application == record.database;
    note(names, "its databases");
    changed
}

/// Why a running server cannot become what the files say, if it cannot.
pub(super) fn obstacle(database: &Database, record: &DatabaseRecord, site: &Site) -> Option<ChangeError> {
    // Where the data is elsewhere, what was made there counts.
    if site.data(&database.storage) != record.data_dir {
        return None;
    }
    let made = record.version.split('.').next().and_then(|major| major.parse().ok());
    if let Some(error) = other_major(database, made, site) {
        return Some(error);
    }
    let same_user = database.user == record.user;
    let same_password = database.password.expose_secret() == record.password;
    if same_user && same_password {
        return None;
    }
    let maintenance = Access {
        user: database.user.clone(),
        password: database.password.clone(),
        database: MAINTENANCE.into(),
        ..record.access()
    };
    // Whoever has changed it in the database, too, is let in.
    Connection::open(&maintenance, ANSWER_LIMIT).err()?;
    let names = [(same_user, "POSTGRES_USER"), (same_password, "POSTGRES_PASSWORD")];
    let names: Vec<&str> = names.iter().filter(|(same, _)| !same).map(|(_, name)| *name).collect();
    Some(rejected(database, &names.join(" and "), site))
}

/// That the cluster of a server that does not run lets nobody in with the files' user and password, where that can be known.
pub(super) fn locked_out(database: &Database, site: &Site) -> Option<ChangeError> {
    if database.storage == Storage::Throwaway || database.files.iter().any(|file| file.setting == "hba_file")
    {
        return None;
    }
    let password = database.password.expose_secret();
    let is_let_in = lets_in(&site.data(&database.storage), &database.user, password)?;
    (!is_let_in).then(|| rejected(database, REJECTED, site))
}

/// That a cluster was made by another major version than the one that is asked for.
pub(super) fn other_major(database: &Database, made: Option<u32>, site: &Site) -> Option<ChangeError> {
    // What `x-backlot: {bin: …}` names is tried, whatever the image is called.
    let wanted = database.wanted_major.filter(|_| database.bin.is_none());
    let (wanted, made) = wanted.zip(made).filter(|(wanted, made)| wanted != made)?;
    let (service, data, way) = (database.service.clone(), data_of(database), way_out(database, site));
    let upgrade = upgrade(database, site).filter(|_| wanted > made);
    Some(ChangeError::Major { service, wanted, data, made, upgrade, way })
}

/// The command that takes a volume over to another major version.
fn upgrade(database: &Database, site: &Site) -> Option<Hint> {
    use backlot_plan::Volume;
    match database.storage.volume()? {
        Volume::Own(name) | Volume::Shared(name) => {
            Some(Hint::command(&["-e", site.environment(), "postgres", "upgrade", name]))
        }
        Volume::Folder(_) => None,
    }
}

/// That a server does not let in whom the files name.
pub(super) fn rejected(database: &Database, what: &str, site: &Site) -> ChangeError {
    let (service, data, way) = (database.service.clone(), data_of(database), way_out(database, site));
    ChangeError::Credentials { service, what: what.to_owned(), data, way }
}

pub(super) fn data_of(database: &Database) -> String {
    database.storage.volume().map_or_else(|| "its throw-away data".to_owned(), ToString::to_string)
}

fn way_out(database: &Database, site: &Site) -> Hint {
    use backlot_plan::Volume;
    if let Some(scenario) = site.name().strip_prefix("scenario_") {
        return Hint::command(&["scenario", "up", scenario, "--fresh"]);
    }
    let down = Hint::down(site.name());
    match &database.storage {
        Storage::Throwaway => down,
        Storage::Durable { volume: Volume::Own(_), .. } => {
            Hint::command(&["-e", site.name(), "down", "--volumes"])
        }
        Storage::Durable { volume: Volume::Shared(name), .. } => {
            down.then(" && ").then(Hint::anywhere(&["volume", "rm", name]))
        }
        Storage::Durable { volume: Volume::Folder(folder), .. } => {
            down.then(format!(" && rm -r {}", quoted(folder)))
        }
    }
}

/// What the files ask for that counted when the cluster was made, and is not what it was made with.
pub(super) fn ignored(database: &Database, cluster: &ClusterRecord) -> Vec<String> {
    let data = data_of(database);
    let said = |variable: &str, now: &str, made: &str| {
        format!(
            "{variable} of service {} is {now}, and {data} was made with {made}: it counts only when a database is made, as \
             with the official image",
            database.service
        )
    };
    let mut ignored = Vec::new();
    if !cluster.databases.contains(&database.initial) && database.initial != MAINTENANCE {
        ignored.push(said("POSTGRES_DB", &database.initial, &cluster.databases.join(", ")));
    }
    if cluster.user != database.user {
        ignored.push(said("POSTGRES_USER", &database.user, &cluster.user));
    }
    if cluster.initdb_args != database.initdb_args {
        let shown = |arguments: &[String]| match arguments {
            [] => "empty".to_owned(),
            arguments => arguments.join(" "),
        };
        let (now, made) = (shown(&database.initdb_args), shown(&cluster.initdb_args));
        ignored.push(said("POSTGRES_INITDB_ARGS", &now, &made));
    }
    ignored
}

impl Explain for ChangeError {
    fn code(&self) -> &'static str {
        Self::code(self)
    }

    fn hint(&self) -> Option<Hint> {
        Some(Self::hint(self))
    }
}

impl From<ChangeError> for EngineError {
    fn from(error: ChangeError) -> Self {
        Self::of(error)
    }
}
