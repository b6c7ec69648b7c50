//! A database of an environment that runs, whatever engine runs it.

use backlot_facts::address::Address;
use backlot_plan::{Endpoint, Storage, Volume};
use backlot_postgres::{Access, Installation, Version};
use secrecy::SecretString;

use crate::record::{ContainerDatabase, DatabaseRecord};

/// How to reach a database that runs, and what is known of it.
#[derive(Debug, Clone)]
pub struct LiveDatabase {
    /// Its Compose service.
    pub service: String,
    /// How to reach the application's database in it.
    pub access: Access,
    /// The volume that the data is in, for a durable one.
    pub volume: Option<String>,
    /// The programs of its server, where they are on this machine.
    pub programs: Option<Installation>,
    /// The container that it runs in, if it is one.
    pub container: Option<String>,
}

impl LiveDatabase {
    /// Its port.
    pub fn port(&self) -> u16 {
        self.access.port
    }

    /// Its address, which `here` mean, too.
    pub fn address<'a>(&'a self, here: &'a [&'a str]) -> Address<'a> {
        Address { service: &self.service, host: &self.access.host, port: self.access.port, here }
    }

    /// The name of the application's database.
    pub fn database(&self) -> &str {
        &self.access.database
    }

    /// A database in a container that is reached at `endpoint`.
    pub fn in_container(
        database: &ContainerDatabase,
        container: &str,
        endpoint: &Endpoint,
        programs: Option<Installation>,
    ) -> Self {
        let access = Access {
            host: endpoint.host.clone(),
            port: endpoint.port,
            user: database.user.clone(),
            password: SecretString::from(database.password.clone()),
            database: database.database.clone(),
        };
        let (service, volume) = (database.service.clone(), database.volume.clone());
        Self { service, access, volume, programs, container: Some(container.to_owned()) }
    }
}

impl DatabaseRecord {
    /// How to reach it.
    pub fn access(&self) -> Access {
        Access {
            host: "127.0.0.1".into(),
            port: self.port,
            user: self.user.clone(),
            password: SecretString::from(self.password.clone()),
            database: self.database.clone(),
        }
    }
}

impl From<&DatabaseRecord> for LiveDatabase {
    fn from(record: &DatabaseRecord) -> Self {
        Self {
            service: record.service.clone(),
            access: record.access(),
            volume: record.volume.clone(),
            programs: Some(installation(record)),
            container: None,
        }
    }
}

/// What a record says that the data is in: a volume's name or a folder; none for what is thrown away.
pub fn label(storage: &Storage) -> Option<String> {
    storage.volume().map(|volume| match volume {
        Volume::Own(name) | Volume::Shared(name) => name.clone(),
        Volume::Folder(folder) => folder.display().to_string(),
    })
}

/// The programs of a recorded server.
pub fn installation(record: &DatabaseRecord) -> Installation {
    let version = Version::parse(&format!("(PostgreSQL) {}", record.version));
    Installation {
        bin_dir: record.bin_dir.clone(),
        version: version.unwrap_or(Version { major: 0, minor: 0 }),
        clients: record.clients.clone(),
    }
}
