//! Talking to a server.

use std::fmt;
use std::future::Future;
use std::time::Duration;

use secrecy::ExposeSecret;
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config, NoTls, SimpleQueryMessage};

use crate::access::Access;
use crate::sql::{quote_identifier, quote_literal};

/// An open connection. Each call has the limit that the connection was opened with.
pub struct Connection {
    client: Client,
    runtime: Runtime,
    limit: Duration,
}

/// Whether a thing was made, or was there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Creation {
    /// It was made.
    Created,
    /// It was there.
    AlreadyThere,
}

/// Why a connection or statement failed. The messages fit after "failed to …".
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// No answer within the limit.
    #[error("{action} within {} s", limit.as_secs_f64())]
    TimedOut {
        /// What was being done.
        action: Action,
        /// How long it was given.
        limit: Duration,
    },
    /// The server said no.
    #[error("{action}: {message}{}", detail.as_deref().map(|detail| format!(" ({detail})")).unwrap_or_default())]
    Refused {
        /// What was being done.
        action: Action,
        /// The five characters that name the kind of error (`42P04`).
        code: Box<str>,
        /// The server's words.
        message: Box<str>,
        /// The server's further words.
        detail: Option<Box<str>>,
    },
    /// There is no server, or the connection broke.
    #[error("{action}")]
    Broken {
        /// What was being done.
        action: Action,
        /// What the client says.
        source: tokio_postgres::Error,
    },
    /// The client could not be set up.
    #[error("set up a database client")]
    Client(#[source] std::io::Error),
    /// The server gave an answer that makes no sense here.
    #[error("{action}: the server answered {answer:?}")]
    Answer {
        /// What was being done.
        action: Action,
        /// Its answer.
        answer: Option<String>,
    },
}

/// What was being done when it failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Opening a connection.
    Connect {
        /// Where to: host and port.
        server: String,
        /// The database.
        database: String,
    },
    /// Running a statement.
    Run,
    /// Making a database.
    Create {
        /// Its name.
        database: String,
    },
    /// Dropping a database.
    Drop {
        /// Its name.
        database: String,
    },
    /// Asking about a database.
    LookUp {
        /// Its name.
        database: String,
    },
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect { server, database } => {
                write!(f, "connect to the database `{database}` at {server}")
            }
            Self::Run => f.write_str("run a statement"),
            Self::Create { database } => write!(f, "create the database `{database}`"),
            Self::Drop { database } => write!(f, "drop the database `{database}`"),
            Self::LookUp { database } => write!(f, "look up the database `{database}`"),
        }
    }
}

impl DatabaseError {
    /// The kind of error, if the server told one.
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Refused { code, .. } => Some(code),
            Self::TimedOut { .. } | Self::Broken { .. } | Self::Client(_) | Self::Answer { .. } => None,
        }
    }

    fn new(action: Action, error: tokio_postgres::Error) -> Self {
        let Some(told) = error.as_db_error() else { return Self::Broken { action, source: error } };
        let (code, message) = (told.code().code().into(), told.message().into());
        Self::Refused { action, code, message, detail: told.detail().map(Box::from) }
    }
}

impl Connection {
    /// Connects. `limit` holds for this and for each later call.
    pub fn open(access: &Access, limit: Duration) -> Result<Self, DatabaseError> {
        let runtime = Builder::new_current_thread().enable_all().build().map_err(DatabaseError::Client)?;
        let mut config = Config::new();
        // A host that begins with a slash is taken for a socket directory.
        config.host(&access.host).port(access.port).user(&access.user).dbname(&access.database);
        config.password(access.password.expose_secret()).application_name("backlot");
        let (server, database) = (format!("{}:{}", access.host, access.port), access.database.clone());
        let connect = config.connect(NoTls);
        let (client, driver) = finish(&runtime, limit, Action::Connect { server, database }, connect)?;
        // Its errors come back from the call that they break.
        runtime.spawn(async { driver.await.unwrap_or_default() });
        Ok(Self { client, runtime, limit })
    }

    /// Runs one or several statements.
    pub fn run(&mut self, sql: &str) -> Result<(), DatabaseError> {
        self.run_as(Action::Run, sql)
    }

    /// The first column of the first row, as text; `None` for no row and for NULL.
    pub fn query_one_text(&mut self, sql: &str) -> Result<Option<String>, DatabaseError> {
        self.query_as(Action::Run, sql)
    }

    /// Whether a database of this name is there.
    pub fn database_exists(&mut self, name: &str) -> Result<bool, DatabaseError> {
        let sql = format!("SELECT 1 FROM pg_database WHERE datname = {}", quote_literal(name));
        Ok(self.query_as(Action::LookUp { database: name.to_owned() }, &sql)?.is_some())
    }

    /// Makes a database, unless it is there.
    pub fn create_database(&mut self, name: &str) -> Result<Creation, DatabaseError> {
        let sql = format!("CREATE DATABASE {}", quote_identifier(name));
        match self.run_as(Action::Create { database: name.to_owned() }, &sql) {
            Ok(()) => Ok(Creation::Created),
            // When two make it at the same moment, the second one trips over the index.
            Err(error) if is_duplicate(&error) => Ok(Creation::AlreadyThere),
            Err(error) => Err(error),
        }
    }

    /// Drops a database and ends all connections to it; `false` if it was not there.
    pub fn drop_database(&mut self, name: &str) -> Result<bool, DatabaseError> {
        const FIRST_WITH_FORCE: u32 = 130_000;
        let action = || Action::Drop { database: name.to_owned() };
        let answer = self.query_as(action(), "SHOW server_version_num")?;
        let Some(version) = answer.as_deref().and_then(|number| number.parse::<u32>().ok()) else {
            return Err(DatabaseError::Answer { action: action(), answer });
        };
        let force = if version >= FIRST_WITH_FORCE { " WITH (FORCE)" } else { "" };
        if force.is_empty() {
            let others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname =";
            self.run_as(action(), &format!("{others} {}", quote_literal(name)))?;
        }
        match self.run_as(action(), &format!("DROP DATABASE {}{force}", quote_identifier(name))) {
            Ok(()) => Ok(true),
            Err(error) if error.code() == Some(SqlState::INVALID_CATALOG_NAME.code()) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The size of a database on disk, in bytes.
    pub fn database_size(&mut self, name: &str) -> Result<u64, DatabaseError> {
        let action = Action::LookUp { database: name.to_owned() };
        let answer =
            self.query_as(action.clone(), &format!("SELECT pg_database_size({})", quote_literal(name)))?;
        let size = answer.as_deref().and_then(|bytes| bytes.parse().ok());
        size.ok_or(DatabaseError::Answer { action, answer })
    }

    fn run_as(&mut self, action: Action, sql: &str) -> Result<(), DatabaseError> {
        finish(&self.runtime, self.limit, action, self.client.batch_execute(sql))
    }

    fn query_as(&mut self, action: Action, sql: &str) -> Result<Option<String>, DatabaseError> {
        let messages = finish(&self.runtime, self.limit, action, self.client.simple_query(sql))?;
        let rows = messages.iter().filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some(row),
            _ => None,
        });
        Ok(rows.take(1).find_map(|row| if row.is_empty() { None } else { row.get(0).map(str::to_owned) }))
    }
}

fn is_duplicate(error: &DatabaseError) -> bool {
    let kinds = [SqlState::DUPLICATE_DATABASE, SqlState::UNIQUE_VIOLATION];
    kinds.iter().any(|kind| error.code() == Some(kind.code()))
}

fn finish<T>(
    runtime: &Runtime,
    limit: Duration,
    action: Action,
    work: impl Future<Output = Result<T, tokio_postgres::Error>>,
) -> Result<T, DatabaseError> {
    // The timer has to be made inside the runtime.
    match runtime.block_on(async { timeout(limit, work).await }) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(DatabaseError::new(action, error)),
        Err(_elapsed) => Err(DatabaseError::TimedOut { action, limit }),
    }
}
