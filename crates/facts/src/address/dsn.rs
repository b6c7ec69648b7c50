//! Lists of parameters: `host=db port=5432 dbname=app` of libpq, `Host=db;Port=5432;Database=app` of .NET, `pgsql:host=db;…` of PHP.

use super::Address;
use super::OF_OTHERS;
use super::POSTGRES;

/// What such a list names besides the host: that tells it from other text.
const COMPANIONS: [&str; 10] =
    ["dbname", "database", "user", "username", "userid", "id", "uid", "password", "pwd", "sslmode"];
/// PHP's name of the driver, before the list.
const PHP: &str = "pgsql:";

/// One `key=value`.
#[derive(Debug)]
struct Parameter<'t> {
    key: String,
    value: &'t str,
    /// Where the value begins.
    at: usize,
    /// Where it ends, with its quotes.
    end: usize,
}

impl Address<'_> {
    /// The text with the database's address in its list of parameters; none when that does not lead to it.
    pub(super) fn in_parameters(&self, text: &str) -> Option<String> {
        let all = parameters(text);
        let is_list = all.iter().any(|one| COMPANIONS.contains(&one.key.as_str())) || text.starts_with(PHP);
        let named = |keys: &[&str]| all.iter().find(|one| keys.contains(&one.key.as_str()));
        let port = named(&["port"]);
        if !is_list || port.is_some_and(|port| OF_OTHERS.contains(&port.value)) {
            return None;
        }
        let mut edits: Vec<(usize, usize, String)> = Vec::new();
        let mut replace = |one: &Parameter<'_>, by: String| edits.push((one.at, one.value.len(), by));
        match named(&["host", "hostaddr", "server", "source"]) {
            Some(host) => {
                // The same words are said of other kinds of server.
                let is_sure = host.key.starts_with("host") || port.is_some_and(|port| port.value == POSTGRES);
                if host.value != self.service && !(is_sure && self.is_here(host.value)) {
                    return None;
                }
                replace(host, self.host.to_owned());
                if let Some(port) = port {
                    replace(port, self.port.to_string());
                } else {
                    let between = if text.contains(';') { ';' } else { ' ' };
                    edits.push((host.end, 0, format!("{between}port={}", self.port)));
                }
            }
            // Without a host libpq takes that of PGHOST, which is ours, but with this port.
            None => replace(
                port.filter(|_| !self.here.is_empty() && named(&["dbname"]).is_some())?,
                self.port.to_string(),
            ),
        }
        edits.sort_unstable();
        let mut out = text.to_owned();
        for (at, length, by) in edits.iter().rev() {
            out.replace_range(*at..at + length, by);
        }
        Some(out)
    }
}

fn parameters(text: &str) -> Vec<Parameter<'_>> {
    text.match_indices('=').filter_map(|(at, _)| parameter(text, at)).collect()
}

/// The parameter whose `=` is at this place.
fn parameter(text: &str, at: usize) -> Option<Parameter<'_>> {
    let before = text[..at].trim_end_matches(' ');
    let key = &before[before.trim_end_matches(|c: char| c.is_ascii_alphabetic()).len()..];
    let ahead = &before[..before.len() - key.len()];
    let begins = ahead.chars().next_back().is_none_or(|c| c.is_whitespace() || ";\"'".contains(c));
    // `HOST=db command` is no list of parameters.
    if key.is_empty() || !key.contains(|c: char| c.is_ascii_lowercase()) || !(begins || ahead == PHP) {
        return None;
    }
    let after = text[at + 1..].trim_start_matches(' ');
    let unquoted = after.strip_prefix('\'');
    let after = unquoted.unwrap_or(after);
    let length = after.find(|c: char| c.is_whitespace() || ";\"'".contains(c)).unwrap_or(after.len());
    let at = text.len() - after.len();
    let closing = unquoted.is_some() && after[length..].starts_with('\'');
    let end = at + length + usize::from(closing);
    Some(Parameter { key: key.to_ascii_lowercase(), value: &after[..length], at, end })
}

#[cfg(test)]
mod tests {
    use crate::address::tests::{DURABLE, THROWAWAY};

    #[test]
    fn lists_lead_to_the_database() {
        for (text, expected) in [
            ("host=db port=5432 dbname=app", "host=127.0.0.1 port=20001 dbname=app"),
            ("dbname=app host='db'", "dbname=app host='127.0.0.1' port=20001"),
            ("Host=db;Port=5432;Database=app", "Host=127.0.0.1;Port=20001;Database=app"),
            ("Server=db;User Id=u;Password=p", "Server=127.0.0.1;port=20001;User Id=u;Password=p"),
            ("pgsql:host=db;dbname=app", "pgsql:host=127.0.0.1;port=20001;dbname=app"),
        ] {
            assert_eq!(THROWAWAY.led(text), expected, "{text}");
            assert_eq!(DURABLE.led(text), expected, "{text}");
        }
    }

    #[test]
    fn those_of_this_machine_do_so_in_an_environment_that_is_thrown_away() {
        for (text, expected) in [
            ("host=localhost port=5432 dbname=app", "host=127.0.0.1 port=20001 dbname=app"),
            ("dbname=app host = 127.0.0.1 user=u", "dbname=app host = 127.0.0.1 port=20001 user=u"),
            ("dbname=app port=5432", "dbname=app port=20001"),
            ("Host=localhost;Database=app", "Host=127.0.0.1;port=20001;Database=app"),
            ("Server=localhost;Port=5432;Database=a", "Server=127.0.0.1;Port=20001;Database=a"),
            ("psql 'host=localhost dbname=a' -f x", "psql 'host=127.0.0.1 port=20001 dbname=a' -f x"),
        ] {
            assert_eq!(THROWAWAY.led(text), expected, "{text}");
            assert_eq!(DURABLE.led(text), text, "{text}");
        }
    }

    #[test]
    fn other_lists_stay() {
        for text in [
            "Server=localhost;Database=app;User Id=sa",
            "Server=localhost;Port=3306;Database=app",
            "mysql:host=localhost;dbname=app",
            "uvicorn --host=localhost --port=5432",
            "HOST=localhost USER=me serve",
            "host=db.example.com dbname=app",
            "host=localhost",
            "dbname=app",
            "a=b=c = ä",
        ] {
            assert_eq!(THROWAWAY.led(text), text);
        }
    }
}
