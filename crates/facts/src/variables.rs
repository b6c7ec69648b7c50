//! The variables of an environment, with the real address of its database in them.

use std::collections::BTreeMap;

use backlot_postgres::Access;
use backlot_project::{Environment, Origin};
use secrecy::ExposeSecret;

use crate::address::{Address, HERE, is_postgres};

/// The variables that tell a program where the database is, by convention.
const HOST_VARIABLES: [&str; 3] = ["POSTGRES_HOSTNAME", "POSTGRES_HOST", "PGHOST"];
const PORT_VARIABLES: [&str; 2] = ["POSTGRES_PORT", "PGPORT"];
/// Those of libpq that win over `PGHOST`.
pub const ABOVE_HOST: [&str; 3] = ["PGHOSTADDR", "PGSERVICE", "PGSERVICEFILE"];

/// A database that runs, as the environment's variables are to tell of it.
#[derive(Debug, Clone, Copy)]
pub struct RunningDatabase<'a> {
    /// Its Compose service, the host name that other services use.
    pub service: &'a str,
    /// Its address.
    pub access: &'a Access,
    /// Whether it is thrown away with its environment: then no URL may lead anywhere else.
    pub throwaway: bool,
}

impl<'a> RunningDatabase<'a> {
    /// Its address, which `here` mean, too.
    pub fn address(&self, here: &'a [&'a str]) -> Address<'a> {
        Address { service: self.service, host: &self.access.host, port: self.access.port, here }
    }
}

/// The variables of `environment`, for programs that run in it.
///
/// The config file's own come first; a value that refers to the database's service (`db`, `db:5432`, a URL with
/// `@db:5432` or `@localhost:…`) is turned into its native address, and the port beside a host that is one. Then `APPLICATION_CONFIG`, the address under the
/// names that programs look for (`POSTGRES_HOSTNAME`, `POSTGRES_PORT`, libpq's `PG…`, `DATABASE_URL`), and the
/// scenario's name. `others` are the addresses of further databases, to which values may refer as well.
pub fn variables(
    environment: &Environment,
    scenario: Option<&str>,
    database: Option<RunningDatabase<'_>>,
    others: &[Address<'_>],
) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    for (name, variable) in environment.variables.iter() {
        let value = &variable.value;
        // These files are this machine's own: what they say of it is its database.
        let value = database.map_or_else(|| value.clone(), |db| with_address(value, db.address(&HERE)));
        let value = others.iter().fold(value, |value, other| with_address(&value, *other));
        all.insert(name.to_owned(), value);
    }
    if let Some(database) = database {
        let said = || environment.variables.iter().map(|(name, variable)| (name, variable.value.as_str()));
        database.address(if database.throwaway { &HERE } else { &[] }).set_pairs(said(), &mut all);
        for other in others {
            other.set_pairs(said(), &mut all);
        }
    }
    all.insert("APPLICATION_CONFIG".into(), environment.name.to_string());
    if let Some(scenario) = scenario {
        all.insert("APPLICATION_SCENARIO_NAME".into(), scenario.to_owned());
    }
    let Some(database) = database else { return all };

    let access = database.access;
    for name in HOST_VARIABLES {
        all.insert(name.into(), access.host.clone());
    }
    all.retain(|name, _| !ABOVE_HOST.contains(&name.as_str()));
    for name in PORT_VARIABLES {
        all.insert(name.into(), access.port.to_string());
    }
    all.insert("PGUSER".into(), access.user.clone());
    all.insert("PGPASSWORD".into(), access.password.expose_secret().to_owned());
    all.insert("PGDATABASE".into(), access.database.clone());
    if must_set_url(environment, all.get("DATABASE_URL"), database) {
        all.insert("DATABASE_URL".into(), access.url());
    }
    all
}

/// Whether `DATABASE_URL` is ours to set: it is missing, or would lead a throw-away environment, in which anything may be
/// dropped, to some other Postgres. A URL of something else (`sqlite:`) is the file's own business, not the caller's.
fn must_set_url(environment: &Environment, url: Option<&String>, database: RunningDatabase<'_>) -> bool {
    let Some(url) = url else { return true };
    let ours = url.contains(&format!("@{}:{}", database.access.host, database.access.port));
    let from_caller = environment.variables.get("DATABASE_URL").is_some_and(|v| v.origin == Origin::Process);
    database.throwaway && !ours && (from_caller || is_postgres(url))
}

/// `value` with what refers to the database's service replaced by its native address.
fn with_address(value: &str, address: Address<'_>) -> String {
    let is_port = |rest: &str| rest.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok());
    match value.strip_prefix(address.service) {
        Some("") => address.host.to_owned(),
        Some(rest) if is_port(rest) => format!("{}:{}", address.host, address.port),
        Some(_) | None => address.led(value),
    }
}

#[cfg(test)]
mod tests {
    use super::{HERE, RunningDatabase, with_address};
    use backlot_postgres::Access;

    #[test]
    fn references_to_the_database_become_its_address() {
        let access = Access {
            host: "127.0.0.1".into(),
            port: 23456,
            user: "ada".into(),
            password: "x".into(),
            database: "application".into(),
        };
        let database = RunningDatabase { service: "db", access: &access, throwaway: true };
        let address = database.address(&HERE);
        for (value, expected) in [
            ("db", "127.0.0.1"),
            ("db:5432", "127.0.0.1:23456"),
            ("postgres://u:p@db:5432/app", "postgres://u:p@127.0.0.1:23456/app"),
            ("postgresql+psycopg2://u:p@db/app", "postgresql+psycopg2://u:p@127.0.0.1:23456/app"),
            ("postgres://u:p%40x@localhost:5432/a?b=c", "postgres://u:p%40x@127.0.0.1:23456/a?b=c"),
            ("postgres://u:p@[::1]:5432", "postgres://u:p@127.0.0.1:23456"),
            ("postgres://u:p@db.example.com:5432/app", "postgres://u:p@db.example.com:5432/app"),
            ("redis://u:p@localhost:6379", "redis://u:p@localhost:6379"),
            ("dbx", "dbx"),
            ("db:name", "db:name"),
            ("a db:5432", "a db:5432"),
            ("", ""),
        ] {
            assert_eq!(with_address(value, address), expected, "{value}");
        }
    }
}
