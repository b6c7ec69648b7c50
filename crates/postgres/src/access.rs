//! How a database is reached.

use std::fmt::Write as _;

use secrecy::{ExposeSecret, SecretString};

/// All that a client has to know to reach a database.
#[derive(Debug, Clone)]
pub struct Access {
    /// A name, an address, or the absolute path of a socket directory.
    pub host: String,
    /// The port; with a socket directory, the number in the socket's name.
    pub port: u16,
    /// The role.
    pub user: String,
    /// Its password.
    pub password: SecretString,
    /// The database.
    pub database: String,
}

impl Access {
    /// `postgresql://user:password@host:port/database`, percent-encoded. **It holds the password.**
    pub fn url(&self) -> String {
        let [user, password, database] =
            [&self.user, self.password.expose_secret(), self.database.as_str()].map(percent_encode);
        // Where nobody is asked for one, there may be none.
        let user = if password.is_empty() { user } else { format!("{user}:{password}") };
        if self.host.starts_with('/') {
            let host = percent_encode(&self.host);
            return format!("postgresql://{user}@/{database}?host={host}&port={}", self.port);
        }
        let host =
            if self.host.contains(':') { format!("[{}]", self.host) } else { percent_encode(&self.host) };
        format!("postgresql://{user}@{host}:{}/{database}", self.port)
    }

    /// The variables that `psql` and every other client built on libpq reads. **They hold the password.**
    pub fn libpq_env(&self) -> Vec<(&'static str, String)> {
        vec![
            ("PGHOST", self.host.clone()),
            ("PGPORT", self.port.to_string()),
            ("PGUSER", self.user.clone()),
            ("PGPASSWORD", self.password.expose_secret().to_owned()),
            ("PGDATABASE", self.database.clone()),
        ]
    }

    /// The same server and role, another database.
    #[must_use]
    pub fn with_database(&self, database: impl Into<String>) -> Self {
        Self { database: database.into(), ..self.clone() }
    }
}

/// Everything but the characters that RFC 3986 calls unreserved.
fn percent_encode(text: &str) -> String {
    text.bytes().fold(String::with_capacity(text.len()), |mut encoded, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a `String` cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
        encoded
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{prop_assert_eq, proptest};
    use tokio_postgres::config::Host;

    use super::Access;

    fn access(host: &str, user: &str, password: &str, database: &str) -> Access {
        let [host, user, database] = [host, user, database].map(str::to_owned);
        Access { host, port: 20_000, user, password: password.to_owned().into(), database }
    }

    #[test]
    fn writes_urls() {
        let url = access("127.0.0.1", "user", "p@ss:w/rd?", "my db").url();
        assert_eq!(url, "postgresql://user:p%40ss%3Aw%2Frd%3F@127.0.0.1:20000/my%20db");
        assert_eq!(access("127.0.0.1", "u", "", "d").url(), "postgresql://u@127.0.0.1:20000/d");
        assert_eq!(access("::1", "u", "p", "d").url(), "postgresql://u:p@[::1]:20000/d");
        let socket = access("/run/my pg", "u", "p", "d").url();
        assert_eq!(socket, "postgresql://u:p@/d?host=%2Frun%2Fmy%20pg&port=20000");
    }

    #[test]
    fn never_shows_the_password_in_debug_output() {
        assert!(!format!("{:?}", access("h", "u", "hunter2", "d")).contains("hunter2"));
    }

    proptest! {
        #[test]
        fn another_reader_gets_the_same_parts_back(
            user in "[^\0]{1,20}", password in "[^\0]{1,20}", database in "[^\0]{1,20}",
        ) {
            let url = access("127.0.0.1", &user, &password, &database).url();
            let read: tokio_postgres::Config = url.parse().unwrap();
            prop_assert_eq!(read.get_user(), Some(user.as_str()));
            prop_assert_eq!(read.get_password(), Some(password.as_bytes()));
            prop_assert_eq!(read.get_dbname(), Some(database.as_str()));
            prop_assert_eq!(read.get_hosts(), &[Host::Tcp("127.0.0.1".into())]);
        }
    }
}
