//! URLs of Postgres, wherever they are in a text.

use super::Address;

/// Schemes that libraries have for Postgres, besides those that begin with its name.
const SCHEMES: [&str; 6] = ["postgis", "pgsql", "psql", "pg", "timescale", "ecto"];
/// JDBC's form without a host, which means this machine.
const JDBC: &str = "jdbc:postgresql:";

/// Whether it is a URL of Postgres.
pub fn is_postgres(url: &str) -> bool {
    let scheme = url.split_once("://").and_then(|(scheme, _)| scheme.rsplit(':').next());
    scheme.is_some_and(is_scheme)
}

/// Whether a URL's scheme is one of Postgres, with a driver or without.
fn is_scheme(scheme: &str) -> bool {
    let scheme = scheme.split('+').next().unwrap_or_default().to_ascii_lowercase();
    scheme.starts_with("postgres") || SCHEMES.contains(&scheme.as_str())
}

impl Address<'_> {
    /// The text with the database's address in its URLs; none when none leads to it.
    pub(super) fn in_urls(&self, text: &str) -> Option<String> {
        let whole = self.with_slashes(text);
        let (mut out, mut rest) = (String::new(), whole.as_str());
        while let Some(at) = rest.find("://") {
            let (before, after) = rest.split_at(at + 3);
            out.push_str(before);
            let name = &before[..at];
            let ahead = name.trim_end_matches(|c: char| c.is_ascii_alphanumeric() || "+-._".contains(c));
            let scheme = &name[ahead.len()..];
            rest = after;
            if is_scheme(scheme) {
                let end = after.find(|c: char| c.is_whitespace() || "\"'`<>".contains(c));
                let (url, after) = after.split_at(end.unwrap_or(after.len()));
                out.push_str(&self.in_url(url, name.ends_with(JDBC.trim_end_matches(':'))));
                rest = after;
            }
        }
        out.push_str(rest);
        (out != text).then_some(out)
    }

    /// `jdbc:postgresql:app` as `jdbc:postgresql:///app`.
    fn with_slashes(&self, text: &str) -> String {
        match text.split_once(JDBC) {
            Some((before, after)) if !after.starts_with("//") && !self.here.is_empty() => {
                format!("{before}{JDBC}///{}", after.trim_start_matches('/'))
            }
            Some(_) | None => text.to_owned(),
        }
    }

    /// The same of what follows the `//` of a URL.
    fn in_url(&self, url: &str, is_jdbc: bool) -> String {
        let (user, rest) = url.split_at(end_of_user(url));
        let (hosts, rest) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        let (path, query) = rest.split_once('?').map_or((rest, None), |(path, query)| (path, Some(query)));
        let native = format!("{}:{}", self.host, self.port);
        let led: Vec<Option<&str>> = hosts
            .split(',')
            .map(|host| self.is_it_with_port(host, is_jdbc).then_some(native.as_str()))
            .collect();
        let is_led = led.iter().any(Option::is_some);
        let hosts: Vec<&str> =
            led.iter().zip(hosts.split(',')).map(|(led, host)| led.unwrap_or(host)).collect();
        let hosts = hosts.join(",");
        let query = query.map(|query| self.in_query(query, is_led, hosts.is_empty()));
        format!("{user}{hosts}{path}{}", query.map_or_else(String::new, |query| format!("?{query}")))
    }

    /// Parameters win over what is before them.
    fn in_query(&self, query: &str, is_led: bool, is_bare: bool) -> String {
        let parts: Vec<(&str, &str)> =
            query.split('&').map(|part| part.split_once('=').unwrap_or((part, ""))).collect();
        let is_host =
            |(name, value): &(&str, &str)| matches!(*name, "host" | "hostaddr") && self.is_it(value);
        let names_host = parts.iter().any(|(name, _)| matches!(*name, "host" | "hostaddr"));
        let leads = parts.iter().any(is_host);
        // A port alone is one of this machine.
        let alone = is_bare && !names_host && !self.here.is_empty();
        let mut out: Vec<String> = Vec::new();
        for (part, raw) in parts.iter().zip(query.split('&')) {
            out.push(match part.0 {
                name if is_host(part) => format!("{name}={}", self.host),
                "port" if is_led || leads || alone => format!("port={}", self.port),
                _ => raw.to_owned(),
            });
        }
        if leads && !parts.iter().any(|(name, _)| *name == "port") {
            out.push(format!("port={}", self.port));
        }
        out.join("&")
    }

    fn is_it_with_port(&self, text: &str, is_jdbc: bool) -> bool {
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, port),
            Some(_) | None => (text, ""),
        };
        let is_number = port.is_empty() || port.parse::<u16>().is_ok();
        // Without a host libpq takes that of PGHOST, which is ours, but with this port.
        let is_bare = host.is_empty() && (!port.is_empty() || is_jdbc) && !self.here.is_empty();
        is_number && (is_bare || self.is_it(host))
    }
}

/// Where the user and password end. What is in a password is not always encoded.
fn end_of_user(url: &str) -> usize {
    let end = url.find(['/', '?', '#']).unwrap_or(url.len());
    if let Some(at) = url[..end].rfind('@') {
        return at + 1;
    }
    let has_word = url[..end].split_once(':').is_some_and(|(_, word)| word.parse::<u16>().is_err());
    url.rfind('@').filter(|_| has_word).map_or(0, |at| at + 1)
}

#[cfg(test)]
mod tests {
    use crate::address::tests::{DURABLE, THROWAWAY};

    #[test]
    fn urls_lead_to_the_database() {
        for (text, expected) in [
            ("postgres://u:p@db:5432/app", "postgres://u:p@127.0.0.1:20001/app"),
            ("postgresql+psycopg2://u:p@db/app", "postgresql+psycopg2://u:p@127.0.0.1:20001/app"),
            ("postgis://db", "postgis://127.0.0.1:20001"),
            ("jdbc:postgresql://db:5432/app?user=a@b", "jdbc:postgresql://127.0.0.1:20001/app?user=a@b"),
            ("postgres://u:a/b?c@db/app", "postgres://u:a/b?c@127.0.0.1:20001/app"),
            ("postgres://u:p@db:5432,other:5432/app", "postgres://u:p@127.0.0.1:20001,other:5432/app"),
            ("postgres:///app?host=db", "postgres:///app?host=127.0.0.1&port=20001"),
            (
                r#"{"url": "postgres://db/a", "port": 1}"#,
                r#"{"url": "postgres://127.0.0.1:20001/a", "port": 1}"#,
            ),
            ("migrate -d postgres://db:5432/a up", "migrate -d postgres://127.0.0.1:20001/a up"),
        ] {
            assert_eq!(THROWAWAY.led(text), expected, "{text}");
            assert_eq!(DURABLE.led(text), expected, "{text}");
        }
    }

    #[test]
    fn urls_of_this_machine_do_so_in_an_environment_that_is_thrown_away() {
        for (text, expected) in [
            ("postgres://u:p%40@localhost:5432/a?b=c", "postgres://u:p%40@127.0.0.1:20001/a?b=c"),
            ("postgres://localhost/app", "postgres://127.0.0.1:20001/app"),
            ("postgres://u@[::1]:5433/app", "postgres://u@127.0.0.1:20001/app"),
            ("postgresql://0.0.0.0", "postgresql://127.0.0.1:20001"),
            ("ecto://u:p@host.docker.internal/app", "ecto://u:p@127.0.0.1:20001/app"),
            ("jdbc:postgresql://localhost:5432/app", "jdbc:postgresql://127.0.0.1:20001/app"),
            ("jdbc:postgresql:app", "jdbc:postgresql://127.0.0.1:20001/app"),
            ("jdbc:postgresql:///app", "jdbc:postgresql://127.0.0.1:20001/app"),
            ("postgres://:5432/app", "postgres://127.0.0.1:20001/app"),
            ("postgres://localhost/app?port=5433", "postgres://127.0.0.1:20001/app?port=20001"),
            ("postgres:///app?port=5432", "postgres:///app?port=20001"),
            ("postgres:///app?host=/var/run/postgresql", "postgres:///app?host=127.0.0.1&port=20001"),
            ("postgres://%2Fvar%2Frun%2Fpostgresql/app", "postgres://127.0.0.1:20001/app"),
        ] {
            assert_eq!(THROWAWAY.led(text), expected, "{text}");
            assert_eq!(DURABLE.led(text), text, "{text}");
        }
    }

    #[test]
    fn other_urls_stay() {
        for text in [
            "postgres://u:p@db.example.com:5432/app",
            "postgres:///app",
            "postgres://u:p@localhost:$PORT/app",
            "redis://localhost:6379/0",
            "mysql://u:p@localhost:3306/app",
            "http://localhost:8000/?next=http://db:80",
            "://",
            "postgres://",
            "ä://ö postgres://ü",
        ] {
            assert_eq!(THROWAWAY.led(text), text);
        }
    }
}
