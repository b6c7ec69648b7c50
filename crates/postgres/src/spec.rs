//! What a cluster should be.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};

/// Whether a cluster's data must survive a crash of the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// Throw-away: nothing is synced to disk.
    Ephemeral,
    /// Kept: every commit is on disk.
    Durable,
}

/// What a cluster should be when it is first made, and how its server is set.
#[derive(Debug, Clone)]
pub struct ClusterSpec {
    /// The superuser's name (`POSTGRES_USER`).
    pub superuser: String,
    /// The superuser's password (`POSTGRES_PASSWORD`). Not empty, without line breaks.
    pub password: SecretString,
    /// Databases that are there from the start, beside `postgres`. The first one is also the one that a start is checked
    /// with.
    pub databases: Vec<String>,
    /// Further arguments of `initdb` (`POSTGRES_INITDB_ARGS`).
    pub initdb_args: Vec<String>,
    /// Whether its data must survive a crash.
    pub durability: Durability,
    /// Settings of the server (`max_connections`, `200`), which win over ours.
    pub settings: Vec<(String, String)>,
}

/// A wish that no cluster can fulfil. The messages fit after "failed to …".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpecError {
    /// `initdb` takes no empty password.
    #[error("make a cluster without a password: POSTGRES_PASSWORD is empty")]
    EmptyPassword,
    /// `initdb` reads the first line only; the rest would silently be lost.
    #[error("make a cluster whose password holds a line break or a NUL byte")]
    PasswordCharacter,
    /// A name that Postgres cannot store.
    #[error("make a cluster with the {what} name {name:?}: {reason}")]
    Name {
        /// `superuser` or `database`.
        what: &'static str,
        /// The name.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// An argument of `initdb` that would place or own the cluster otherwise than told.
    #[error("make a cluster with the initdb argument `{arg}`: Backlot sets that itself")]
    InitdbArgument {
        /// The argument.
        arg: String,
    },
}

impl ClusterSpec {
    /// The database that a start is checked with: one that is surely there.
    pub(crate) fn first_database(&self) -> &str {
        self.databases.first().map_or("postgres", String::as_str)
    }

    /// The databases that `initdb` does not make by itself, each once.
    pub(crate) fn databases_to_make(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        for name in self.databases.iter().map(String::as_str) {
            if !["postgres", "template0", "template1"].contains(&name) && !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    /// Checks what `initdb` and Postgres would refuse, or misread.
    pub fn check(&self) -> Result<(), SpecError> {
        let password = self.password.expose_secret();
        if password.is_empty() {
            return Err(SpecError::EmptyPassword);
        }
        if password.contains(['\n', '\r', '\0']) {
            return Err(SpecError::PasswordCharacter);
        }
        check_name("superuser", &self.superuser)?;
        if self.superuser.starts_with("pg_") {
            let reason = "names that start with `pg_` belong to Postgres";
            return Err(SpecError::Name { what: "superuser", name: self.superuser.clone(), reason });
        }
        self.databases.iter().try_for_each(|name| check_name("database", name))?;
        match self.initdb_args.iter().find(|arg| is_ours(arg)) {
            Some(arg) => Err(SpecError::InitdbArgument { arg: arg.clone() }),
            None => Ok(()),
        }
    }
}

fn check_name(what: &'static str, name: &str) -> Result<(), SpecError> {
    let reason = if name.is_empty() {
        "it is empty"
    } else if name.len() > 63 {
        "it is longer than 63 bytes"
    } else if name.contains('\0') {
        "it holds a NUL byte"
    } else {
        return Ok(());
    };
    Err(SpecError::Name { what, name: name.to_owned(), reason })
}

/// Whether the argument of `initdb` says what we say: the data directory, where its log goes, the superuser, the password.
fn is_ours(arg: &str) -> bool {
    let name = arg.split_once('=').map_or(arg, |(name, _)| name);
    let long =
        ["--pgdata", "--waldir", "--username", "--pwfile", "--pwprompt", "--help", "--version", "--show"];
    let short = arg.starts_with('-')
        && !arg.starts_with("--")
        && arg.contains(['D', 'X', 'U', 'W', 'V', '?', 's', 'S']);
    long.contains(&name) || short
}

impl fmt::Display for Durability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ephemeral => "ephemeral",
            Self::Durable => "durable",
        })
    }
}
