//! Which service of a stack is its Postgres, and what the official image's variables ask of it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use backlot_hint::{Explain, Hint};
use backlot_plan::{Port, Storage, Volume};
use backlot_postgres::DEFAULT_PORT;
use backlot_project::stack::{FileSource, Image};
use backlot_project::{Environment, Location, Service, Stack};
use secrecy::SecretString;

use crate::storage::{self, StorageError};

/// A stack's database, as the project's files describe it.
#[derive(Debug, Clone)]
pub struct Database {
    /// Its Compose service.
    pub service: String,
    /// The major version that the image's tag asks for.
    pub wanted_major: Option<u32>,
    /// The folder of the programs that `x-backlot.bin` names.
    pub bin: Option<PathBuf>,
    /// The extension that the image is made for (`postgis`), which the native server must have installed.
    pub extension: Option<&'static str>,
    /// The superuser: `POSTGRES_USER`.
    pub user: String,
    /// The superuser's password: `POSTGRES_PASSWORD`.
    pub password: SecretString,
    /// The database that exists from the start: `POSTGRES_DB`.
    pub initial: String,
    /// The application's database: `APPLICATION_DB`, else the initial one.
    pub application: String,
    /// Where its data lives.
    pub storage: Storage,
    /// Where it listens.
    pub port: Port,
    /// `POSTGRES_INITDB_ARGS`.
    pub initdb_args: Vec<String>,
    /// Settings of the service's command (`postgres -c max_connections=200`).
    pub settings: Vec<(String, String)>,
}

/// A database service that cannot become a native server.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// The official image would refuse to start, too.
    #[error("service {service} has no POSTGRES_PASSWORD")]
    NoPassword {
        /// The service.
        service: String,
        /// Where it is defined.
        at: Location,
    },
    /// A `*_FILE` variable leads nowhere.
    #[error("cannot read {path:?}, which {variable} of service {service} names")]
    SecretFile {
        /// The service.
        service: String,
        /// The variable.
        variable: String,
        /// Its value.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The command's arguments are not those of Postgres.
    #[error("service {service} has the command {command:?}, of which {argument:?} is no setting of Postgres")]
    Command {
        /// The service.
        service: String,
        /// The command.
        command: String,
        /// The argument that was not understood.
        argument: String,
        /// Where it is defined.
        at: Location,
    },
    /// Its data cannot be where the service has it.
    #[error(transparent)]
    Storage(#[from] Box<StorageError>),
}

impl DatabaseError {
    /// The way out.
    pub fn hint(&self) -> String {
        match self {
            Self::NoPassword { at, .. } => format!(
                "set it under `environment:` of the service ({at}); a value is enough for throw-away databases"
            ),
            Self::Storage(error) => error.hint(),
            Self::SecretFile { .. } => "create the file, or set the variable itself".into(),
            Self::Command { at, .. } => {
                format!("natively, the command may only set parameters: `postgres -c name=value` ({at})")
            }
        }
    }
}

impl Database {
    /// Finds the database of an environment: its service with a Postgres image. None is none; of several, the one
    /// named `db`, `postgres` or `database`, else the first by name.
    ///
    /// # Errors
    /// [`DatabaseError`] when the service says something that cannot be carried out natively.
    pub fn of(environment: &Environment) -> Result<Option<Self>, DatabaseError> {
        let found = Self::find(environment)?;
        found.map(|(service, database)| database.with_command(service, &environment.stack)).transpose()
    }

    /// The other databases of a stack that has several, by name; but for those of which the file says what runs natively.
    ///
    /// # Errors
    /// As [`Database::of`].
    pub fn others(environment: &Environment) -> Result<Vec<Self>, DatabaseError> {
        let stack = &environment.stack;
        let first = Self::first(stack).map(|service| &service.name);
        let others = stack.services.values().filter(|service| {
            extension_of(service).is_some()
                && service.extension.command.is_none()
                && Some(&service.name) != first
        });
        others.map(|service| Self::from_service(service, stack, None)?.with_command(service, stack)).collect()
    }

    /// The same with what the service's command and mounts say.
    fn with_command(self, service: &Service, stack: &Stack) -> Result<Self, DatabaseError> {
        let settings = settings(service)?;
        let told = settings.iter().find(|(name, _)| name == "data_directory").map(|(_, path)| path.as_str());
        let storage = storage::of_postgres(service, stack, self.wanted_major, told).map_err(Box::new)?;
        Ok(Self { storage, settings, ..self })
    }

    /// The same for a database in a container, whose command is its image's own business.
    ///
    /// # Errors
    /// [`DatabaseError`] when it cannot be told how to log in.
    pub fn in_container(environment: &Environment) -> Result<Option<Self>, DatabaseError> {
        let Some((service, database)) = Self::find(environment)? else { return Ok(None) };
        // Where only Docker can mount it, Docker mounts it: what matters here is that it is not thrown away.
        let storage = storage::of_postgres(service, &environment.stack, database.wanted_major, None);
        let storage = storage.unwrap_or_else(|_| Storage::Durable {
            volume: Volume::Shared(service.name.clone()),
            below: PathBuf::new(),
        });
        Ok(Some(Self { storage, ..database }))
    }

    /// The service, and what its variables ask of it; its command's settings are left out.
    fn find(environment: &Environment) -> Result<Option<(&Service, Self)>, DatabaseError> {
        let stack = &environment.stack;
        let Some(service) = Self::first(stack) else { return Ok(None) };
        let application = environment.variables.value("APPLICATION_DB").filter(|name| !name.is_empty());
        Ok(Some((service, Self::from_service(service, stack, application)?)))
    }

    fn first(stack: &Stack) -> Option<&Service> {
        let mut services = stack.services.values().filter(|service| extension_of(service).is_some());
        let usual = ["db", "postgres", "database"]
            .iter()
            .find_map(|name| stack.services.get(*name).filter(|service| extension_of(service).is_some()));
        usual.or_else(|| services.next())
    }

    fn from_service(
        service: &Service,
        stack: &Stack,
        application: Option<&str>,
    ) -> Result<Self, DatabaseError> {
        let image = service.image.as_ref();
        let setting = |name: &str| image_variable(service, stack, name);
        // Bitnami's image has names of its own beside these.
        let either = |name: &str, other: &str| -> Result<Option<String>, DatabaseError> {
            Ok(match setting(name)? {
                Some(value) => Some(value),
                None => setting(other)?,
            })
        };
        let user = either("POSTGRES_USER", "POSTGRESQL_USERNAME")?.unwrap_or_else(|| "postgres".into());
        let password = either("POSTGRES_PASSWORD", "POSTGRESQL_PASSWORD")?;
        let password = password.ok_or_else(|| DatabaseError::NoPassword {
            service: service.name.clone(),
            at: service.location.clone(),
        })?;
        let initial = either("POSTGRES_DB", "POSTGRESQL_DATABASE")?.unwrap_or_else(|| user.clone());
        let initdb_args = setting("POSTGRES_INITDB_ARGS")?.unwrap_or_default();
        Ok(Self {
            service: service.name.clone(),
            wanted_major: image.and_then(wanted_major),
            bin: service.extension.bin.clone().or_else(|| stack.extension.bin.clone()),
            extension: extension_of(service).flatten(),
            application: application.map_or_else(|| initial.clone(), str::to_owned),
            user,
            password: SecretString::from(password),
            initial,
            storage: Storage::Throwaway,
            port: port(service),
            initdb_args: initdb_args.split_whitespace().map(str::to_owned).collect(),
            settings: Vec::new(),
        })
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

/// Whether the service's image is a Postgres, and the extension that the image adds.
pub fn extension_of(service: &Service) -> Option<Option<&'static str>> {
    let repository = service.image.as_ref()?.repository.as_str();
    match repository.rsplit('/').next()? {
        "postgres" | "postgresql" => Some(None),
        "postgis" => Some(Some("postgis")),
        "pgvector" => Some(Some("vector")),
        "timescaledb" | "timescaledb-ha" => Some(Some("timescaledb")),
        _ => None,
    }
}

/// The major version in an image's tag: `15`, `15.4-alpine`, `15-3.3` (PostGIS), `0.7.0-pg16`.
pub fn wanted_major(image: &Image) -> Option<u32> {
    let tag = image.tag.as_deref()?;
    let leading = |text: &str| -> Option<u32> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        text[..digits].parse().ok()
    };
    let marked = tag.split(['-', '_']).find_map(|part| leading(part.strip_prefix("pg")?));
    marked.or_else(|| leading(tag))
}

fn port(service: &Service) -> Port {
    let published = service.published().find(|(target, _)| *target == DEFAULT_PORT);
    published.map_or(Port::Free, |(_, port)| Port::Exact(port))
}

/// A variable of the official image, or the content of the file that its `_FILE` twin names. Empty is unset.
fn image_variable(service: &Service, stack: &Stack, name: &str) -> Result<Option<String>, DatabaseError> {
    let value = |name: &str| {
        service.environment.get(name).and_then(Option::as_deref).filter(|value| !value.is_empty())
    };
    if let Some(value) = value(name) {
        return Ok(Some(value.to_owned()));
    }
    let variable = format!("{name}_FILE");
    let Some(inside) = value(&variable) else { return Ok(None) };
    let path = outside_path(inside, service, &stack.secrets);
    let text = backlot_files::text(&path).map_err(|source| DatabaseError::SecretFile {
        service: service.name.clone(),
        variable,
        path,
        source,
    })?;
    Ok(Some(text.trim_end_matches('\n').to_owned()))
}

/// Where a path inside the container (`/run/secrets/password`) is outside of it.
fn outside_path(inside: &str, service: &Service, secrets: &BTreeMap<String, FileSource>) -> PathBuf {
    let granted = inside.strip_prefix("/run/secrets/").and_then(|target| {
        service.secrets.iter().find(|grant| grant.target.as_deref().unwrap_or(&grant.source) == target)
    });
    match granted.and_then(|grant| secrets.get(&grant.source)) {
        Some(FileSource::File(path)) => path.clone(),
        Some(FileSource::Environment(_) | FileSource::Content(_) | FileSource::External(_)) | None => {
            inside.into()
        }
    }
}

/// The settings in a command such as `postgres -c work_mem=64MB --max_connections=200 -N 50`.
fn settings(service: &Service) -> Result<Vec<(String, String)>, DatabaseError> {
    let command = service.command.as_deref().unwrap_or_default();
    let refused = |argument: &str| DatabaseError::Command {
        service: service.name.clone(),
        command: command.join(" "),
        argument: argument.to_owned(),
        at: service.location.clone(),
    };
    let mut arguments = command.iter().map(String::as_str).peekable();
    arguments.next_if_eq(&"postgres");
    let mut settings = Vec::new();
    while let Some(argument) = arguments.next() {
        let (flag, attached) = match argument {
            _ if argument.starts_with("--") => ("-c", Some(&argument[2..])),
            _ if argument.starts_with('-') && argument.is_char_boundary(2) => {
                (&argument[..2], Some(&argument[2..]).filter(|rest| !rest.is_empty()))
            }
            _ => return Err(refused(argument)),
        };
        let value = attached.or_else(|| arguments.next()).ok_or_else(|| refused(argument))?;
        let (name, value) = match flag {
            "-c" => value.split_once('=').ok_or_else(|| refused(value))?,
            "-N" => ("max_connections", value),
            "-B" => ("shared_buffers", value),
            "-S" => ("work_mem", value),
            _ => return Err(refused(argument)),
        };
        settings.push((name.replace('-', "_"), value.to_owned()));
    }
    Ok(settings)
}

impl Explain for DatabaseError {
    fn code(&self) -> &'static str {
        "database"
    }

    fn hint(&self) -> Option<Hint> {
        Some(Self::hint(self).into())
    }
}

#[cfg(test)]
mod tests {
    use super::wanted_major;
    use backlot_project::stack::Image;

    #[test]
    fn a_tag_asks_for_a_major_version() {
        let major = |tag: &str| {
            wanted_major(&Image { repository: "postgres".into(), tag: Some(tag.into()), digest: None })
        };
        for (tag, wanted) in [
            ("15", Some(15)),
            ("15.4", Some(15)),
            ("16-alpine", Some(16)),
            ("17.2-bookworm", Some(17)),
            ("15-3.3", Some(15)),
            ("pg16", Some(16)),
            ("0.7.0-pg16", Some(16)),
            ("latest-pg17", Some(17)),
            ("latest", None),
            ("alpine", None),
            ("", None),
        ] {
            assert_eq!(major(tag), wanted, "{tag}");
        }
    }
}
