//! What a cluster is made by: its scripts, its migrations, its scenario's file.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use backlot_facts::database::Database;
use backlot_postgres::{Init, Installation, Places};
use backlot_state::Site;

/// A database of the main checkout that another one begins with.
#[derive(Debug, Clone)]
pub(crate) struct Fork {
    /// Where its server runs or ran.
    pub(crate) site: Site,
    /// Its data in a volume, where no record tells of it.
    pub(crate) volume: Option<PathBuf>,
    /// Its major version.
    pub(crate) major: u32,
    /// The main checkout.
    pub(crate) root: PathBuf,
}

impl fmt::Display for Fork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}, the main checkout", self.site.environment(), self.root.display())
    }
}

/// What comes after the scripts, each as a hash of all that makes it what it is.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct MadeBy<'a> {
    /// What migrates it.
    pub(crate) migrations: Option<&'a str>,
    /// What fills it then.
    pub(crate) filling: Option<&'a str>,
    /// Where the server is whose data it begins with instead.
    pub(crate) from: Option<&'a Site>,
    /// The same, of which migrations are still to be made.
    pub(crate) fork: Option<&'a Fork>,
}

impl MadeBy<'_> {
    /// All of it.
    pub(crate) fn all(self, database: &Database, installation: &Installation) -> Init {
        let migrated = self.migrated(database, installation);
        match self.filling {
            Some(filling) => Init { then: format!("{}\0{filling}", migrated.then), ..migrated },
            None => migrated,
        }
    }

    /// All but what fills it.
    pub(crate) fn migrated(self, database: &Database, installation: &Installation) -> Init {
        let none = || Init {
            places: Places::default(),
            scripts: Vec::new(),
            variables: BTreeMap::new(),
            then: String::new(),
        };
        let then = self.migrations.unwrap_or_default().to_owned();
        Init { then, ..init(database, installation).unwrap_or_else(none) }
    }
}

/// The scripts that fill a new cluster, if there are any.
pub(crate) fn init(database: &Database, installation: &Installation) -> Option<Init> {
    if database.scripts.is_empty() {
        return None;
    }
    let mut variables = database.variables.clone();
    variables.insert("PG_MAJOR".to_owned(), installation.version.major.to_string());
    variables.insert("PG_VERSION".to_owned(), installation.version.to_string());
    let places = database.places.clone();
    Some(Init { places, scripts: database.scripts.clone(), variables, then: String::new() })
}
