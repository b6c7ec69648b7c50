//! Which of the caller's variables a child may see.

use std::collections::BTreeMap;

/// Variables passed on by their exact name.
const NAMES: &[&str] = &[
    "PATH",
    "HOME",
    "LANG",
    "LANGUAGE",
    "TZ",
    "NO_COLOR",
    "USER",
    "LOGNAME",
    "SHELL",
    "TMPDIR",
    "CARGO_HOME",
    "RUSTUP_HOME",
    "CARGO_TARGET_DIR",
    "PYENV_ROOT",
    "NVM_DIR",
    "JAVA_HOME",
    "CURL_CA_BUNDLE",
    "NIX_SSL_CERT_FILE",
    "NODE_EXTRA_CA_CERTS",
    "REQUESTS_CA_BUNDLE",
];

/// Those that tell what a terminal can do.
pub const OF_THE_TERMINAL: [&str; 2] = ["TERM", "COLORTERM"];

/// Variables passed on by the start of their name: locale categories and certificate stores.
const PREFIXES: &[&str] = &["LC_", "SSL_CERT_"];

/// Variables passed on by the end of their name: proxies, in both spellings (`no_proxy`, `HTTPS_PROXY`).
const SUFFIXES: &[&str] = &["_PROXY", "_proxy"];

/// Whether the caller wants nothing fetched from a network (`BACKLOT_OFFLINE`).
pub fn is_offline(env: &BTreeMap<String, String>) -> bool {
    env.get("BACKLOT_OFFLINE").is_some_and(|value| !matches!(value.as_str(), "" | "0" | "false" | "no"))
}

/// The part of the caller's environment that every child may see: where programs, their tools and files are, who the user is, language,
/// time zone, terminal, certificates and proxies. Everything else has to be given by name.
pub fn caller_allow_list(env: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    env.iter()
        .filter(|(name, _)| is_allowed(name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

/// Whether libpq or a Postgres server reads a variable of this name: `PG` and capital letters, such as `PGHOST` and `PGDATA`;
/// not `PGADMIN_DEFAULT_EMAIL`.
pub fn is_of_libpq(name: &str) -> bool {
    name.strip_prefix("PG")
        .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_uppercase()))
}

/// The caller's environment for a program that sees all of it, but nothing that may be about another Postgres.
pub fn caller_without_postgres(env: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    env.iter()
        .filter(|(name, _)| !name.starts_with("PG"))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

fn is_allowed(name: &str) -> bool {
    NAMES.contains(&name)
        || OF_THE_TERMINAL.contains(&name)
        || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
        || SUFFIXES.iter().any(|suffix| name.ends_with(suffix))
}

#[cfg(test)]
mod tests {
    use super::{BTreeMap, caller_allow_list, caller_without_postgres, is_of_libpq};

    #[test]
    fn lets_the_surroundings_through_and_nothing_else() {
        let cases = [
            ("PATH", true),
            ("LC_ALL", true),
            ("SSL_CERT_DIR", true),
            ("https_proxy", true),
            ("NO_PROXY", true),
            ("PGPASSWORD", false),
            ("AWS_SECRET_ACCESS_KEY", false),
            ("PYTHONPATH", false),
            ("LISTEN_FDS", false),
            ("LC", false),
            ("path", false),
        ];
        let env: BTreeMap<String, String> =
            cases.iter().map(|(name, _)| (name.to_string(), "x".into())).collect();
        let kept = caller_allow_list(&env);
        for (name, expected) in cases {
            assert_eq!(kept.contains_key(name), expected, "{name}");
        }
    }

    #[test]
    fn what_libpq_reads_is_told_from_what_only_looks_like_it() {
        let cases = [
            ("PGHOST", true),
            ("PGSSLMINPROTOCOLVERSION", true),
            ("PGSERVICEFILE", true),
            ("PGADMIN_DEFAULT_EMAIL", false),
            ("PG_CONFIG", false),
            ("PG", false),
            ("pghost", false),
            ("PGHOST2", false),
            ("XPGHOST", false),
        ];
        let env: BTreeMap<String, String> =
            cases.iter().map(|(name, _)| (name.to_string(), "x".into())).collect();
        for (name, expected) in cases {
            assert_eq!(is_of_libpq(name), expected, "{name}");
        }
        let kept = caller_without_postgres(&env);
        assert_eq!(kept.into_keys().collect::<Vec<_>>(), ["XPGHOST", "pghost"]);
    }
}
