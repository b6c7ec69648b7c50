//! Which service of a stack is its Postgres, and what the official image's variables ask of it.

mod command;
mod error;
mod said;
mod scripts;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use backlot_plan::{Port, PostgresWish, Storage, Volume};
use backlot_postgres::{DEFAULT_PORT, INIT_DIR, LocaleWish, Places, Script, TRUST};
use backlot_project::stack::MountKind;
use backlot_project::{Environment, Service, Stack, split_words};
use secrecy::SecretString;

use crate::container::Container;
use crate::image::{self, PostgresImage};
use crate::inside::Inside;
use crate::storage;

pub use command::ConfFile;
pub use error::{DatabaseError, OF_ALL_ENGINES};
use said::Said;

/// Files of the server's own, wherever they are mounted.
const CONF: [&str; 6] =
    ["postgresql.conf", "pg_hba.conf", "pg_ident.conf", "server.crt", "server.key", "root.crt"];
/// What is mounted so that a container has the time and accounts of its machine.
const OF_MACHINE: [&str; 4] = ["/etc/localtime", "/etc/timezone", "/etc/passwd", "/etc/group"];
/// The setting for the libraries that a server loads when it starts.
const PRELOAD: &str = "shared_preload_libraries";

/// A stack's database, as the project's files describe it.
#[derive(Clone)]
pub struct Database {
    /// Its Compose service.
    pub service: String,
    /// The major version that the image's tag asks for, or somebody on purpose.
    pub wanted_major: Option<u32>,
    /// The minor version, which any other of the major version will do for.
    pub wanted_minor: Option<u32>,
    /// Who asks for another version than the image's on purpose: `x-backlot.postgres`.
    pub asked_by: Option<&'static str>,
    /// The folder of the programs that `x-backlot.bin` names.
    pub bin: Option<PathBuf>,
    /// The extension that the image is made for (`postgis`), which the native server must have installed.
    pub extension: Option<&'static str>,
    /// The superuser: `POSTGRES_USER`.
    pub user: String,
    /// The superuser's password: `POSTGRES_PASSWORD`; empty where nobody is asked for one.
    pub password: SecretString,
    /// How whoever comes by TCP shows who he is: `POSTGRES_HOST_AUTH_METHOD`, else by what passwords are kept as.
    pub host_auth: Option<String>,
    /// The time zone that its new cluster is in, where its variables name one (`TZ`).
    pub timezone: Option<String>,
    /// The database that exists from the start: `POSTGRES_DB`.
    pub initial: String,
    /// The application's database: `APPLICATION_DB`, else the initial one.
    pub application: String,
    /// Where its data lives.
    pub storage: Storage,
    /// Where the log of that is; thrown away stands for beside the data.
    pub log: Storage,
    /// Where it listens.
    pub port: Port,
    /// Where it listens in its container.
    pub inside_port: u16,
    /// `POSTGRES_INITDB_ARGS`.
    pub initdb_args: Vec<String>,
    /// The locale that it would have in its image.
    pub locale: LocaleWish,
    /// All variables of the service, as the image's scripts see them.
    pub variables: BTreeMap<String, String>,
    /// What fills it when it is made.
    pub scripts: Vec<Script>,
    /// What those see at paths of the container.
    pub places: Places,
    /// Files of the server's own.
    pub files: Vec<ConfFile>,
    /// What of the service is not as in its container, in words.
    pub notes: Vec<String>,
    /// Settings of the service's command (`postgres -c max_connections=200`).
    pub settings: Vec<(String, String)>,
}

/// A service that is to be a database.
#[derive(Debug)]
pub struct Wanted {
    /// The service.
    pub service: String,
    /// Whether it is the environment's own.
    pub is_own: bool,
    /// What it is to be, or what it says that cannot be carried out natively.
    pub database: Result<Database, DatabaseError>,
}

/// Without the variables, which hold secrets.
impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut database = f.debug_struct("Database");
        database.field("service", &self.service).field("storage", &self.storage).field("port", &self.port);
        database.finish_non_exhaustive()
    }
}

impl Database {
    /// Finds the databases of an environment: its services with a Postgres image. Its own is the one named `db`, `postgres` or
    /// `database`, else the first by name; the others are beside it, but for those of which the file says what runs natively.
    pub fn all(environment: &Environment) -> Vec<Wanted> {
        let stack = &environment.stack;
        let own = Found::of(environment);
        let own_name = own.as_ref().map(|found| &found.service.name);
        let others = stack
            .services
            .values()
            .filter(|service| service.extension.command.is_none() && Some(&service.name) != own_name);
        let others: Vec<Found<'_>> = others.filter_map(|service| Found::at(service, stack)).collect();
        let all = own.into_iter().chain(others.into_iter().map(|found| Found { is_own: false, ..found }));
        let wanted = |found: Found<'_>| Wanted {
            service: found.service.name.clone(),
            is_own: found.is_own,
            database: found.database(environment),
        };
        all.map(wanted).collect()
    }

    /// The same for a database in a container, whose command is its image's own business.
    ///
    /// # Errors
    /// [`DatabaseError`] when it cannot be told how to log in.
    pub fn in_container(environment: &Environment) -> Result<Option<Self>, DatabaseError> {
        let Some(found) = Found::of(environment) else { return Ok(None) };
        let database = found.said(environment)?;
        // Where only Docker can mount it, Docker mounts it: what matters here is that it is not thrown away.
        let storage = storage::of_postgres(found.service, &environment.stack, found.image.wanted.major, None);
        let storage = storage.unwrap_or_else(|_| Storage::Durable {
            volume: Volume::Shared(found.service.name.clone()),
            below: PathBuf::new(),
        });
        Ok(Some(Self { storage, ..database }))
    }

    /// The same with a server of another version, which somebody asks for on purpose.
    #[must_use]
    pub fn asked_for(self, wish: PostgresWish, by: &'static str) -> Self {
        Self { wanted_major: wish.major, wanted_minor: wish.minor, asked_by: Some(by), bin: None, ..self }
    }

    /// The version that is asked for.
    pub fn wanted(&self) -> PostgresWish {
        PostgresWish { major: self.wanted_major, minor: self.wanted_minor }
    }

    /// The databases that a fresh throw-away cluster holds.
    pub fn databases(&self) -> Vec<String> {
        let mut databases = vec![self.initial.clone()];
        if self.application != self.initial {
            databases.push(self.application.clone());
        }
        databases
    }
}

/// A service that is a Postgres.
struct Found<'a> {
    service: &'a Service,
    image: PostgresImage,
    inside: Inside,
    /// Whether it is the environment's own, rather than a further one.
    is_own: bool,
}

impl<'a> Found<'a> {
    fn of(environment: &'a Environment) -> Option<Self> {
        let stack = &environment.stack;
        let usual = ["db", "postgres", "database"].iter().filter_map(|name| stack.services.get(*name));
        usual.chain(stack.services.values()).find_map(|service| Self::at(service, stack))
    }

    fn at(service: &'a Service, stack: &Stack) -> Option<Self> {
        let image = PostgresImage::of(service)?;
        let inside =
            Inside::of(service, stack, backlot_dockerfile::of_service(service).ok().flatten().as_ref());
        Some(Self { service, image, inside, is_own: true })
    }

    /// All that a native server is to be.
    fn database(&self, environment: &Environment) -> Result<Database, DatabaseError> {
        let Self { service, image, inside, .. } = self;
        let mut database = self.said(environment)?;
        let mut settings = command::settings(service)?;
        let told = settings.iter().find(|(name, _)| name == "data_directory").map(|(_, path)| path.as_str());
        database.storage =
            storage::of_postgres(service, &environment.stack, image.wanted.major, told).map_err(Box::new)?;
        let (log, note) = self.log(&database, &environment.stack)?;
        database.log = log;
        database.notes.extend(note);
        let said = settings.clone();
        let (files, read) = command::take_files(&mut settings, service, inside, image.wanted.major)?;
        database.files = files;
        let unseen = self.unseen(&database, (&said, &read), &environment.stack);
        let effective = |name: &str| command::effective(name, &settings, &database.files);
        if let Some(port) = effective("port").and_then(|port| port.parse().ok()) {
            database.inside_port = port;
            database.port = port_of(service, port);
        }
        database.host_auth = database.host_auth.or_else(|| effective("password_encryption"));
        if let Some(library) = image.preload
            && effective(PRELOAD).is_none()
        {
            settings.insert(0, (PRELOAD.to_owned(), library.to_owned()));
        }
        let (scripts, missing) = scripts::scripts(inside, image, database.locale.sorts_by_bytes());
        database.scripts = scripts;
        let at = &service.location;
        let missing = missing.into_iter().map(|what| {
            format!("{what}, where nothing is natively: service {} does not run it ({at})", service.name)
        });
        database.notes.extend(missing.chain(image::not_done(service)).chain(unseen));
        Ok(Database { settings, ..database })
    }

    /// What its variables say.
    fn said(&self, environment: &Environment) -> Result<Database, DatabaseError> {
        let Self { service, image, inside, .. } = self;
        let stack = &environment.stack;
        let said = Said::read(service, stack, inside)?;
        let user = said.first(&["POSTGRES_USER", "POSTGRESQL_USERNAME"]).unwrap_or("postgres").to_owned();
        let host_auth = said.get("POSTGRES_HOST_AUTH_METHOD").map(str::to_owned);
        let password = match said.first(&["POSTGRES_PASSWORD", "POSTGRESQL_PASSWORD"]) {
            Some(password) => password.to_owned(),
            None if host_auth.as_deref() == Some(TRUST) => String::new(),
            None => {
                let (service, at) = (service.name.clone(), service.location.clone());
                let is_empty = said.all.contains_key("POSTGRES_PASSWORD");
                return Err(DatabaseError::NoPassword { service, is_empty, at });
            }
        };
        let initial = said.first(&["POSTGRES_DB", "POSTGRESQL_DATABASE"]).unwrap_or(&user).to_owned();
        let application = environment.variables.value("APPLICATION_DB");
        let application = application.filter(|name| self.is_own && !name.is_empty());
        let inside_port = said.get("PGPORT").and_then(|port| port.parse().ok()).unwrap_or(DEFAULT_PORT);
        let locale = self.locale(&said);
        let on_purpose = service.extension.postgres.or(stack.extension.postgres);
        let wanted = on_purpose.unwrap_or(image.wanted);
        let mut variables = said.all.clone();
        for (name, value) in
            [("POSTGRES_USER", &user), ("POSTGRES_PASSWORD", &password), ("POSTGRES_DB", &initial)]
        {
            variables.insert(name.to_owned(), value.clone());
        }
        Ok(Database {
            service: service.name.clone(),
            wanted_major: wanted.major,
            wanted_minor: wanted.minor,
            asked_by: on_purpose.map(|_| "x-backlot.postgres"),
            bin: service.extension.bin.clone().or_else(|| stack.extension.bin.clone()),
            extension: image.extension,
            application: application.map_or_else(|| initial.clone(), str::to_owned),
            user,
            password: SecretString::from(password),
            host_auth,
            timezone: said.get("TZ").map(str::to_owned),
            initial,
            storage: Storage::Throwaway,
            log: Storage::Throwaway,
            port: port_of(service, inside_port),
            inside_port,
            initdb_args: self.initdb_args(&said)?,
            locale,
            variables,
            scripts: Vec::new(),
            places: self.places(),
            files: Vec::new(),
            notes: Vec::new(),
            settings: Vec::new(),
        })
    }

    /// What is where in the container.
    fn places(&self) -> Places {
        let data = storage::place_of_postgres(self.service, self.image.wanted.major);
        Places { data, mounts: Container::of(self.service, Path::new("/")).mounts() }
    }

    fn initdb_args(&self, said: &Said) -> Result<Vec<String>, DatabaseError> {
        let variable = "POSTGRES_INITDB_ARGS";
        split_words(said.get(variable).unwrap_or_default()).map_err(|reason| DatabaseError::Words {
            service: self.service.name.clone(),
            variable,
            reason: reason.to_string(),
            at: self.service.location.clone(),
        })
    }

    /// Where the log is, and what of that is not as the file says.
    fn log(&self, database: &Database, stack: &Stack) -> Result<(Storage, Option<String>), DatabaseError> {
        let found = storage::of_log(self.service, stack).map_err(Box::new)?;
        let Some((place, log)) = found.filter(|_| database.storage != Storage::Throwaway) else {
            return Ok((Storage::Throwaway, None));
        };
        let (name, at) = (&self.service.name, &self.service.location);
        let note = (log == Storage::Throwaway).then(|| {
            format!(
                "{} of service {name} names {}, where nothing is mounted: the log stays with the data ({at}); mount a \
                 volume there",
                storage::LOG,
                place.display()
            )
        });
        Ok((log, note))
    }

    /// The folders and files that a server does not have at the places of its container, in words: neither its data, nor what
    /// it is filled with, nor files of which it is given a copy.
    fn unseen(
        &self,
        database: &Database,
        (said, read): (&[(String, String)], &[PathBuf]),
        stack: &Stack,
    ) -> Vec<String> {
        let (service, at) = (self.service, &self.service.location);
        let data = storage::data_targets(service, true, self.image.wanted.major);
        let log = storage::of_log(service, stack).ok().flatten().map(|(place, _)| place);
        let of_files =
            database.variables.iter().filter(|(name, _)| name.ends_with("_FILE")).map(|(_, path)| path);
        let is_used = |target: &Path| {
            let holds = |path: &Path| path.starts_with(target);
            data.iter().any(|data| Path::new(data) == target)
                || log.as_deref().is_some_and(holds)
                || target.starts_with(INIT_DIR)
                || target.file_name().is_some_and(|name| CONF.iter().any(|conf| *conf == name))
                || read.iter().any(|path| holds(path))
                || of_files.clone().any(|path| holds(Path::new(path)))
                || command::is_given(target, said, &database.files)
                || OF_MACHINE.iter().any(|path| Path::new(path) == target)
        };
        let binds = service.volumes.iter().filter_map(|mount| match &mount.kind {
            MountKind::Bind { source } => Some((Path::new(mount.target.as_str()), source)),
            MountKind::Volume { .. } | MountKind::Tmpfs { .. } | MountKind::Other { .. } => None,
        });
        let unseen = binds.filter(|(target, source)| *target != source.as_path() && !is_used(target));
        let line = |(target, source): (&Path, &PathBuf)| {
            format!(
                "service {} has {} at {}, where its server does not see it natively: what that reads or writes there (COPY, \
                 archive_command) is not in it ({at}); --engine docker mounts it",
                service.name,
                source.display(),
                target.display()
            )
        };
        unseen.map(line).collect()
    }

    /// What the image's variables make of its locale.
    fn locale(&self, said: &Said) -> LocaleWish {
        let (usual, bytewise) = self.image.locale();
        let category = |name: &str| said.first(&["LC_ALL", name, "LANG"]).unwrap_or(usual).to_owned();
        LocaleWish { collate: category("LC_COLLATE"), ctype: category("LC_CTYPE"), bytewise }
    }
}

fn port_of(service: &Service, inside: u16) -> Port {
    let published = service.published().find(|(target, _)| *target == inside);
    published.map_or(Port::Free, |(_, port)| Port::Exact(port))
}
