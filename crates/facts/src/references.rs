//! Where services name each other: `web:8000`, `redis://cache:6379/0`.

use std::collections::{BTreeMap, BTreeSet};

use backlot_postgres::DEFAULT_PORT;

/// The native port of each container port of each service, on 127.0.0.1.
pub type Endpoints = BTreeMap<(String, u16), u16>;

/// Ports that a scheme implies.
const SCHEMES: [(&str, u16); 8] = [
    ("http", 80),
    ("https", 443),
    ("redis", 6379),
    ("rediss", 6379),
    ("postgres", DEFAULT_PORT),
    ("postgresql", DEFAULT_PORT),
    ("amqp", 5672),
    ("memcached", 11_211),
];

/// A place in a text that names a service and a port.
#[derive(Debug, PartialEq, Eq)]
struct Reference<'t> {
    /// Where the service's name begins, and where the reference ends.
    from: usize,
    to: usize,
    service: &'t str,
    port: u16,
}

/// What a text refers to.
pub fn referred(text: &str, services: &BTreeSet<&str>) -> BTreeSet<(String, u16)> {
    find(text, services).into_iter().map(|found| (found.service.to_owned(), found.port)).collect()
}

/// The text with native addresses in the place of references.
pub fn replaced(text: &str, services: &BTreeSet<&str>, endpoints: &Endpoints) -> String {
    let mut out = String::new();
    let mut done = 0;
    for found in find(text, services) {
        if let Some(port) = endpoints.get(&(found.service.to_owned(), found.port)) {
            out.push_str(&text[done..found.from]);
            out += "127.0.0.1:";
            out += &port.to_string();
            done = found.to;
        }
    }
    out.push_str(&text[done..]);
    out
}

fn find<'t>(text: &'t str, services: &BTreeSet<&'t str>) -> Vec<Reference<'t>> {
    let mut all = Vec::new();
    for service in services {
        for (from, _) in text.match_indices(service) {
            let after = &text[from + service.len()..];
            if !begins_host(&text[..from]) {
                continue;
            }
            if let Some(digits) = after.strip_prefix(':') {
                let length = digits.bytes().take_while(u8::is_ascii_digit).count();
                let ends = digits[length..].chars().next().is_none_or(|next| !is_of_a_word(next));
                if let (Ok(port), true) = (digits[..length].parse(), ends) {
                    let to = from + service.len() + 1 + length;
                    all.push(Reference { from, to, service, port });
                }
            } else if let Some(port) = implied_port(&text[..from])
                && after.chars().next().is_none_or(|next| matches!(next, '/' | '?' | '#' | ',' | ' '))
            {
                all.push(Reference { from, to: from + service.len(), service, port });
            }
        }
    }
    all.sort_by_key(|found| found.from);
    all
}

/// Whether a host's name can begin here.
fn begins_host(before: &str) -> bool {
    before
        .chars()
        .next_back()
        .is_none_or(|last| matches!(last, '/' | '@' | ',' | ';' | '=' | ' ' | '"' | '\'' | '['))
}

fn is_of_a_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | ':')
}

/// The port that the scheme before a host implies: `redis://` or `postgres://user:word@`.
fn implied_port(before: &str) -> Option<u16> {
    let (scheme, between) = before.rsplit_once("://")?;
    if !between.is_empty() && !between.ends_with('@') {
        return None;
    }
    let begin = scheme.rfind(|c: char| !c.is_ascii_alphanumeric() && c != '+').map_or(0, |at| at + 1);
    let scheme = scheme[begin..].split('+').next()?;
    SCHEMES.iter().find(|(name, _)| *name == scheme).map(|(_, port)| *port)
}

#[cfg(test)]
mod tests {
    use super::{Endpoints, referred, replaced};

    #[test]
    fn references_become_addresses() {
        let services = ["db", "web", "cache"].into();
        let endpoints: Endpoints = [
            (("db".into(), 5432), 20_001),
            (("web".into(), 8000), 20_002),
            (("cache".into(), 6379), 20_003),
            (("web".into(), 80), 20_004),
        ]
        .into();
        for (text, expected) in [
            ("web:8000", "127.0.0.1:20002"),
            ("http://web:8000/a?b=web:8000", "http://127.0.0.1:20002/a?b=127.0.0.1:20002"),
            ("http://web/a", "http://127.0.0.1:20004/a"),
            ("redis://:word@cache:6379/0", "redis://:word@127.0.0.1:20003/0"),
            ("redis://cache/0", "redis://127.0.0.1:20003/0"),
            ("postgresql+psycopg2://u:p@db/app", "postgresql+psycopg2://u:p@127.0.0.1:20001/app"),
            ("cache:6379,db:5432", "127.0.0.1:20003,127.0.0.1:20001"),
            (
                "web:8001 myweb:8000 web:80000 web.example.com:8000",
                "web:8001 myweb:8000 web:80000 web.example.com:8000",
            ),
            ("the web: 8000", "the web: 8000"),
            ("web", "web"),
            ("", ""),
        ] {
            assert_eq!(replaced(text, &services, &endpoints), expected, "{text}");
        }
        assert_eq!(referred("http://web:8001/", &services), [("web".to_owned(), 8001)].into());
    }
}
