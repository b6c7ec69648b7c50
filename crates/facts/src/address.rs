//! Where texts and variables say that the database is, and the same with the address that it really has.

use std::collections::BTreeMap;

mod dsn;
mod url;

pub use url::is_postgres;

/// Names that mean this machine.
pub const HERE: [&str; 12] = [
    "localhost",
    "127.0.0.1",
    "::1",
    "[::1]",
    "0.0.0.0",
    "host.docker.internal",
    "gateway.docker.internal",
    "172.17.0.1",
    "/var/run/postgresql",
    "/run/postgresql",
    "%2fvar%2frun%2fpostgresql",
    "%2frun%2fpostgresql",
];
/// Names by which a container reaches this machine.
pub const OUTSIDE: [&str; 3] = ["host.docker.internal", "gateway.docker.internal", "172.17.0.1"];
/// The port that Postgres usually has.
const POSTGRES: &str = "5432";
/// Ports of other servers: what names one of them is not about Postgres.
const OF_OTHERS: [&str; 9] = ["3306", "33060", "1433", "1521", "6379", "27017", "9042", "11211", "9200"];
/// Ends of names of variables that hold a host, longer ones first.
pub const HOST_ENDS: [&str; 7] = ["HOST_NAME", "HOSTNAME", "HOST", "SERVER", "ADDRESS", "ADDR", "BROKER"];
/// What names of variables have in them that are about a database.
const DATABASES: [&str; 4] = ["DB", "PG", "POSTGRES", "DATABASE"];
/// What they have in them if it is no Postgres.
const OTHERS: [&str; 12] = [
    "MYSQL", "MARIA", "MONGO", "REDIS", "MSSQL", "ORACLE", "INFLUX", "COUCH", "DYNAMO", "ARANGO", "TIDB",
    "SCYLLA",
];

/// A database as it is reached.
#[derive(Debug, Clone, Copy)]
pub struct Address<'a> {
    /// Its Compose service, the host name that other services use.
    pub service: &'a str,
    /// Where it listens: the host,
    pub host: &'a str,
    /// and the port.
    pub port: u16,
    /// Names of machines that mean it, too: in an environment that is thrown away, this machine's own database is
    /// somebody else's.
    pub here: &'a [&'a str],
}

impl Address<'_> {
    /// The text with the database's address wherever a URL or a list of parameters leads to it.
    pub fn led(&self, text: &str) -> String {
        self.in_urls(text).or_else(|| self.in_parameters(text)).unwrap_or_else(|| text.to_owned())
    }

    /// Sets the variables in `all` that hold the database's host, as `said` has them, and the port beside each: a program
    /// that knows the host alone takes the usual port, which may be another database's.
    pub fn set_pairs<'v>(
        &self,
        said: impl IntoIterator<Item = (&'v str, &'v str)>,
        all: &mut BTreeMap<String, String>,
    ) {
        for (name, value) in said {
            if let Some((stem, port_name)) = port_beside(name) {
                let port = all.get(&port_name).cloned().unwrap_or_default();
                let Some(pair) = self.pair(stem, value, &port) else { continue };
                // `PORT` alone is where the service itself listens.
                let is_open =
                    if stem.is_empty() { port == POSTGRES } else { port.is_empty() || is_number(&port) };
                if is_open && !pair.contains(':') {
                    all.insert(port_name, self.port.to_string());
                }
                all.insert(name.to_owned(), pair);
            } else if value == POSTGRES && !self.here.is_empty() && is_lonely_port(name, all) {
                all.insert(name.to_owned(), self.port.to_string());
            }
        }
    }

    /// What a variable that begins with `stem` is to be in place of `value`, if that is the database's host.
    fn pair(&self, stem: &str, value: &str, port: &str) -> Option<String> {
        if let Some((host, own)) =
            value.rsplit_once(':').filter(|(host, own)| is_number(own) && !host.ends_with(':'))
        {
            let is_it = host == self.service || self.is_here(host) && is_about(stem, own);
            return is_it.then(|| format!("{}:{}", self.host, self.port));
        }
        let is_it = value == self.service || self.is_here(value) && is_about(stem, port);
        is_it.then(|| self.host.to_owned())
    }

    fn is_it(&self, host: &str) -> bool {
        host == self.service || self.is_here(host)
    }

    fn is_here(&self, host: &str) -> bool {
        self.here.iter().any(|name| name.eq_ignore_ascii_case(host))
    }
}

/// What is before the end of a name that holds a host, and the name of the port beside it, written in the same way.
fn port_beside(name: &str) -> Option<(&str, String)> {
    let upper = name.to_ascii_uppercase();
    let end = HOST_ENDS.iter().find(|end| upper.ends_with(*end))?;
    let (stem, end) = name.split_at(name.len() - end.len());
    let port = match end {
        end if end.chars().all(|c| !c.is_ascii_lowercase()) => "PORT",
        end if end.chars().all(|c| !c.is_ascii_uppercase()) => "port",
        _ => "Port",
    };
    Some((stem, format!("{stem}{port}")))
}

/// Whether it is the port of a database's host that no variable names.
fn is_lonely_port(name: &str, all: &BTreeMap<String, String>) -> bool {
    let upper = name.to_ascii_uppercase();
    let Some(stem) = upper.strip_suffix("PORT") else { return false };
    let is_of_it = |other: &String| {
        let other = other.to_ascii_uppercase();
        HOST_ENDS.iter().any(|end| other.strip_suffix(end) == Some(stem))
    };
    is_about(stem, POSTGRES) && !stem.is_empty() && !all.keys().any(is_of_it)
}

/// Whether a variable whose name begins so, with this port beside it, is about a Postgres.
fn is_about(stem: &str, port: &str) -> bool {
    let stem = stem.to_ascii_uppercase();
    let has = |words: &[&str]| words.iter().any(|word| stem.contains(word));
    !has(&OTHERS) && !OF_OTHERS.contains(&port) && (port == POSTGRES || has(&DATABASES))
}

fn is_number(text: &str) -> bool {
    text.parse::<u16>().is_ok()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{Address, HERE};

    /// At 127.0.0.1:20001, in an environment that is thrown away.
    pub(super) const THROWAWAY: Address<'_> =
        Address { service: "db", host: "127.0.0.1", port: 20_001, here: &HERE };
    /// In one that stays.
    pub(super) const DURABLE: Address<'_> = Address { here: &[], ..THROWAWAY };

    fn set(address: &Address<'_>, said: &str) -> String {
        let said: Vec<(&str, &str)> = said.split(' ').map(|pair| pair.split_once('=').unwrap()).collect();
        let mut all: BTreeMap<String, String> =
            said.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        address.set_pairs(said, &mut all);
        all.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_host_has_the_port_beside_it() {
        for (said, expected) in [
            ("DB_HOST=db", "DB_HOST=127.0.0.1 DB_PORT=20001"),
            ("DB_HOST=db DB_PORT=5432", "DB_HOST=127.0.0.1 DB_PORT=20001"),
            ("DB_HOSTNAME=db", "DB_HOSTNAME=127.0.0.1 DB_PORT=20001"),
            ("POSTGRES_SERVER=db", "POSTGRES_PORT=20001 POSTGRES_SERVER=127.0.0.1"),
            ("DBHOST=db", "DBHOST=127.0.0.1 DBPORT=20001"),
            ("dbHost=db", "dbHost=127.0.0.1 dbPort=20001"),
            ("db_host=db db_port=", "db_host=127.0.0.1 db_port=20001"),
            ("Database__Host=db", "Database__Host=127.0.0.1 Database__Port=20001"),
            ("DB_ADDR=db:5432", "DB_ADDR=127.0.0.1:20001"),
            ("HOST=db", "HOST=127.0.0.1"),
            ("DB_HOST=db.example.com", "DB_HOST=db.example.com"),
            ("DB_HOST=db DB_PORT=auto", "DB_HOST=127.0.0.1 DB_PORT=auto"),
            ("MY_DB=db", "MY_DB=db"),
        ] {
            assert_eq!(set(&THROWAWAY, said), expected, "{said}");
            assert_eq!(set(&DURABLE, said), expected, "{said}");
        }
    }

    #[test]
    fn this_machines_database_is_not_that_of_an_environment_that_is_thrown_away() {
        for (said, expected) in [
            ("DB_HOST=localhost", "DB_HOST=127.0.0.1 DB_PORT=20001"),
            ("DB_HOST=LOCALHOST DB_PORT=5432", "DB_HOST=127.0.0.1 DB_PORT=20001"),
            ("DB_HOST=host.docker.internal DB_PORT=5433", "DB_HOST=127.0.0.1 DB_PORT=20001"),
            ("DB_HOST=/var/run/postgresql", "DB_HOST=127.0.0.1 DB_PORT=20001"),
            ("STORE_HOST=localhost STORE_PORT=5432", "STORE_HOST=127.0.0.1 STORE_PORT=20001"),
            ("HOST=localhost PORT=5432", "HOST=127.0.0.1 PORT=20001"),
            ("DB_HOST=localhost:5432", "DB_HOST=127.0.0.1:20001"),
            ("DB_HOST=::1", "DB_HOST=127.0.0.1 DB_PORT=20001"),
            ("DB_PORT=5432", "DB_PORT=20001"),
        ] {
            assert_eq!(set(&THROWAWAY, said), expected, "{said}");
            assert_eq!(set(&DURABLE, said), said, "{said}");
        }
        for said in [
            "REDIS_HOST=localhost",
            "REDIS_DB_HOST=localhost",
            "DB_HOST=localhost DB_PORT=3306",
            "MYSQL_HOST=localhost",
            "HOST=0.0.0.0 PORT=8000",
            "DB_HOST=10.0.0.7 DB_PORT=5432",
            "PORT=5432",
        ] {
            assert_eq!(set(&THROWAWAY, said), said, "{said}");
        }
    }
}
