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
    /// The superuser's password (`POSTGRES_PASSWORD`), without line breaks; empty only where nobody is asked for one.
    pub password: SecretString,
    /// How whoever connects by TCP shows who he is (`POSTGRES_HOST_AUTH_METHOD`); where nothing is said, as passwords are
    /// kept. The socket is open to our account alone, so nobody is asked there.
    pub host_auth: Option<String>,
    /// Databases that are there from the start, beside `postgres`. The first one is also the one that a start is checked
    /// with.
    pub databases: Vec<String>,
    /// Further arguments of `initdb` (`POSTGRES_INITDB_ARGS`).
    pub initdb_args: Vec<String>,
    /// The time zone that a new cluster is in (`TZ`); where nothing is said, the image's.
    pub timezone: Option<String>,
    /// Whether its data must survive a crash.
    pub durability: Durability,
    /// Settings of the server (`max_connections`, `200`), which win over ours.
    pub settings: Vec<(String, String)>,
}

/// The way to show by TCP who one is in which nobody has to.
pub const TRUST: &str = "trust";

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
    /// What `pg_hba.conf` has no line for.
    #[error("make a cluster that asks by {method:?} (POSTGRES_HOST_AUTH_METHOD)")]
    HostAuth {
        /// The method.
        method: String,
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
    pub fn databases_to_make(&self) -> Vec<&str> {
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
        if password.is_empty() && self.host_auth.as_deref() != Some(TRUST) {
            return Err(SpecError::EmptyPassword);
        }
        if let Some(method) = &self.host_auth
            && (method.trim().is_empty() || method.contains(['\n', '\r', '\0', '#']))
        {
            return Err(SpecError::HostAuth { method: method.clone() });
        }
        if password.contains(['\n', '\r', '\0']) {
            return Err(SpecError::PasswordCharacter);
        }
        check_name("superuser", &self.superuser)?;
        if self.superuser.starts_with("pg_") {
            let reason = "names that start with `pg_` belong to Postgres";
            return Err(SpecError::Name { what: "superuser", name: self.superuser.clone(), reason });
        }
        if self.superuser.contains(['"', '\'', '$', '\\']) {
            let reason = "`initdb` takes no quotes, dollar signs or backslashes in it";
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
    } else if name.contains(['\n', '\r', '\0']) {
        "it holds a line break or a NUL byte"
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

#[cfg(test)]
mod tests {
    use super::{ClusterSpec, Durability, SpecError, TRUST};

    fn spec() -> ClusterSpec {
        ClusterSpec {
            superuser: "user".into(),
            password: "secret".to_owned().into(),
            host_auth: None,
            timezone: None,
            databases: vec!["application".into()],
            initdb_args: Vec::new(),
            durability: Durability::Ephemeral,
            settings: Vec::new(),
        }
    }

    #[test]
    fn refuses_what_postgres_would_refuse_or_misread() {
        spec().check().unwrap();
        let password =
            |password: &str| ClusterSpec { password: password.to_owned().into(), ..spec() }.check();
        assert_eq!(password(""), Err(SpecError::EmptyPassword));
        let trusting =
            ClusterSpec { host_auth: Some(TRUST.into()), password: String::new().into(), ..spec() };
        trusting.check().unwrap();
        for method in ["", " ", "trust\nhost all all all trust", "trust # x"] {
            let result = ClusterSpec { host_auth: Some(method.into()), ..spec() }.check();
            assert_eq!(result, Err(SpecError::HostAuth { method: method.into() }));
        }
        for wrong in ["a\nb", "a\rb", "a\0b"] {
            assert_eq!(password(wrong), Err(SpecError::PasswordCharacter), "{wrong:?}");
        }
        for name in ["", "a\0", "a;\n\nb", &"x".repeat(64)] {
            let user = ClusterSpec { superuser: name.into(), ..spec() }.check();
            let database = ClusterSpec { databases: vec![name.into()], ..spec() }.check();
            for result in [user, database] {
                assert!(matches!(result, Err(SpecError::Name { .. })), "{name:?}: {result:?}");
            }
        }
        for name in ["pg_x", "a\"b", "a'b", "a$b", "a\\b"] {
            let user = ClusterSpec { superuser: name.into(), ..spec() }.check();
            assert!(matches!(user, Err(SpecError::Name { what: "superuser", .. })), "{user:?}");
        }
    }

    #[test]
    fn refuses_arguments_that_place_the_cluster_elsewhere() {
        let check = |arg: &str| ClusterSpec { initdb_args: vec![arg.into()], ..spec() }.check();
        for arg in
            ["-D", "-D/x", "--pgdata=/x", "--waldir=/x", "-X", "-Upostgres", "--pwfile=x", "-W", "--version"]
        {
            assert_eq!(check(arg), Err(SpecError::InitdbArgument { arg: arg.into() }));
        }
        for arg in [
            "--data-checksums",
            "-k",
            "--locale=de_DE.UTF-8",
            "-E",
            "UTF8",
            "--auth-host=md5",
            "--wal-segsize=64",
        ] {
            assert_eq!(check(arg), Ok(()), "{arg}");
        }
    }
}
