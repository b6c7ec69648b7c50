//! Host names: what is asked for, and what services and environments are called. Nothing here reads anything.
//!
//! `<service>.[<environment>.][<branch>.]<project>.localhost`: the environment is left out where it is development, the branch in
//! the main checkout. Whatever would have a name that another one has gets a number (`web.shop-2.localhost`).

use backlot_state::short_hash;

/// The domain that always means this machine (RFC 6761, 6.3).
const DOMAIN: &str = "localhost";
/// The environment that needs no name.
const USUAL: &str = "development";
/// The longest that a part of a host name can be, in bytes (RFC 1035, 2.3.4).
const LONGEST: usize = 63;

/// What a host name asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// The door itself: `localhost`.
    Door,
    /// What is called so, below `localhost`.
    Name(String),
    /// Something that is none of this machine's own names.
    Foreign,
}

/// What is asked for by a `Host` header, whose port does not matter.
pub fn asked(host: &str) -> Asked {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        Some(_) => return Asked::Foreign,
        None => host,
    };
    // A last dot says that the name is whole.
    let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    if name == DOMAIN {
        return Asked::Door;
    }
    let is_part = |part: &str| {
        (1..=LONGEST).contains(&part.len())
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    match name.strip_suffix(DOMAIN).and_then(|rest| rest.strip_suffix('.')) {
        Some(below) if below.split('.').all(is_part) => Asked::Name(below.to_owned()),
        Some(_) | None => Asked::Foreign,
    }
}

/// A text as a part of a host name: `feature/x` is `feature-x`. What is too long is cut, and told apart by a hash.
pub fn label(text: &str) -> String {
    let is_usual = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let lower = text.to_ascii_lowercase();
    let words: Vec<&str> = lower.split(|c| !is_usual(c)).filter(|word| !word.is_empty()).collect();
    let whole = words.join("-");
    match whole.len() {
        // Nothing of it can be said in a name; two such are told apart all the same.
        0 => format!("x-{}", short_hash(text.as_bytes())),
        1..=LONGEST => whole,
        _ => shortened(&whole, &short_hash(text.as_bytes())),
    }
}

/// A label with something after it, which has to fit.
fn shortened(label: &str, end: &str) -> String {
    let room = LONGEST.saturating_sub(end.len() + 1);
    // All of it is ASCII.
    let kept = label.get(..room.min(label.len())).unwrap_or(label).trim_end_matches('-');
    format!("{kept}-{end}")
}

/// A name whose first part has a number, from the second of its kind on.
pub(crate) fn numbered(name: &str, number: usize) -> String {
    if number < 2 {
        return name.to_owned();
    }
    let (first, rest) = name.split_once('.').map_or((name, None), |(first, rest)| (first, Some(rest)));
    let first = shortened(first, &number.to_string());
    rest.map_or_else(|| first.clone(), |rest| format!("{first}.{rest}"))
}

/// The first of a name's numbered forms that is not taken.
pub(crate) fn free(name: &str, is_taken: impl Fn(&str) -> bool) -> String {
    let mut names = (1..).map(|number| numbered(name, number));
    names.find(|name| !is_taken(name)).unwrap_or_else(|| name.to_owned())
}

/// What an environment is called, below its project's name.
pub(crate) fn of_environment(environment: &str, branch: Option<&str>, project: &str) -> String {
    let environment = (environment != USUAL).then(|| label(environment));
    let parts = environment.into_iter().chain(branch.map(label));
    parts.chain([project.to_owned()]).collect::<Vec<_>>().join(".")
}

/// The URL at which something is reached that is called `name`.
pub fn url(scheme: &str, name: &str, port: u16) -> String {
    let (dot, usual) = (if name.is_empty() { "" } else { "." }, if scheme == "https" { 443 } else { 80 });
    let port = if port == usual { String::new() } else { format!(":{port}") };
    format!("{scheme}://{name}{dot}{DOMAIN}{port}/")
}

/// What the URLs below `name` have in common: `*.shop.localhost:7355`.
pub fn of_all(name: &str, port: u16) -> String {
    let url = url("http", &format!("*.{name}"), port);
    url.trim_start_matches("http://").trim_end_matches('/').to_owned()
}

#[cfg(test)]
mod tests {
    use super::{Asked, LONGEST, asked, free, label, numbered, of_all, of_environment, url};

    #[test]
    fn only_names_of_this_machine_are_answered() {
        for (host, name) in [
            ("web.shop.localhost", "web.shop"),
            ("WEB.Shop.LOCALHOST:7355", "web.shop"),
            ("web.shop.localhost.", "web.shop"),
            ("my_web.shop.localhost:80", "my_web.shop"),
            ("a.localhost:", "a"),
        ] {
            assert_eq!(asked(host), Asked::Name(name.into()), "{host}");
        }
        for host in ["localhost", "LocalHost:7355", "localhost."] {
            assert_eq!(asked(host), Asked::Door, "{host}");
        }
        for host in [
            "",
            "evil.example",
            "localhost.evil.example",
            "web.shop.localhost.evil.example",
            "evillocalhost",
            "127.0.0.1:7355",
            "[::1]:7355",
            "::1",
            "0.0.0.0",
            ".localhost",
            "a..localhost",
            "web.shop.localhost..",
            "web.shop.localhost:80:80",
            "web.shop.localhost:8a",
            "user@localhost",
            "web.shop.localhost@evil.example",
            "web/shop.localhost",
            "web%2eshop.localhost",
            "w\u{e9}b.localhost",
            "web shop.localhost",
            &format!("{}.localhost", "a".repeat(64)),
        ] {
            assert_eq!(asked(host), Asked::Foreign, "{host}");
        }
    }

    #[test]
    fn texts_become_parts_of_names() {
        for (text, expected) in [
            ("feature/x", "feature-x"),
            ("Feature_X", "feature-x"),
            ("-a--b-", "a-b"),
            ("xn--a", "xn-a"),
            ("web", "web"),
            ("f\u{fc}r alle", "f-r-alle"),
            ("v1.2", "v1-2"),
        ] {
            assert_eq!(label(text), expected);
        }
        for text in
            ["", "/", "\u{65e5}\u{672c}", &"a".repeat(64), &format!("{}/{}", "a".repeat(53), "b".repeat(40))]
        {
            let found = label(text);
            assert!((1..=LONGEST).contains(&found.len()), "{text}: {found}");
            assert!(
                found.starts_with(|c: char| c.is_ascii_alphanumeric()) && !found.contains("--"),
                "{found}"
            );
            assert_eq!(label(&found), found);
        }
        assert_ne!(label("\u{65e5}"), label("\u{672c}"));
        assert_ne!(label(&format!("{}1", "a".repeat(70))), label(&format!("{}2", "a".repeat(70))));
    }

    #[test]
    fn collisions_get_a_number() {
        assert_eq!(numbered("shop", 1), "shop");
        assert_eq!(numbered("testing.shop", 2), "testing-2.shop");
        assert!(numbered(&"a".repeat(LONGEST), 10).len() <= LONGEST);
        assert_eq!(free("shop", |name| ["shop", "shop-2"].contains(&name)), "shop-3");
    }

    #[test]
    fn environments_are_named_by_what_is_unusual_of_them() {
        assert_eq!(of_environment("development", None, "shop"), "shop");
        assert_eq!(of_environment("development", Some("feature/x"), "shop"), "feature-x.shop");
        assert_eq!(of_environment("scenario_users", Some("x"), "shop"), "scenario-users.x.shop");
        assert_eq!(url("http", "web.shop", 7355), "http://web.shop.localhost:7355/");
        assert_eq!(url("https", "web.shop", 443), "https://web.shop.localhost/");
        assert_eq!(url("http", "", 80), "http://localhost/");
        assert_eq!(of_all("shop", 7355), "*.shop.localhost:7355");
    }
}
