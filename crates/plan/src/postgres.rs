//! A version of Postgres, as files and people ask for one.

use std::fmt;

/// A version of Postgres as it is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PostgresWish {
    /// The major version; none is any.
    pub major: Option<u32>,
    /// The minor version, which is only preferred.
    pub minor: Option<u32>,
}

impl PostgresWish {
    /// Reads `16` or `16.4`.
    pub fn parse(text: &str) -> Option<Self> {
        let number = |text: &str| -> Option<u32> {
            let is_plain = (1..=4).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
            is_plain.then(|| text.parse().ok()).flatten()
        };
        let (major, minor) = match text.split_once('.') {
            Some((major, minor)) => (major, Some(number(minor)?)),
            None => (text, None),
        };
        Some(Self { major: Some(number(major)?), minor })
    }
}

impl fmt::Display for PostgresWish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.major, self.minor) {
            (Some(major), Some(minor)) => write!(f, "PostgreSQL {major}.{minor}"),
            (Some(major), None) => write!(f, "PostgreSQL {major}"),
            (None, _) => f.write_str("the newest PostgreSQL"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::PostgresWish;

    #[test]
    fn a_wish_is_a_major_or_a_minor_version() {
        for (text, expected) in [
            ("16", Some("PostgreSQL 16")),
            ("16.4", Some("PostgreSQL 16.4")),
            ("9.6", Some("PostgreSQL 9.6")),
            ("", None),
            ("16.", None),
            (".4", None),
            ("v16", None),
            ("16.4.1", None),
            ("-1", None),
            ("+16", None),
            ("99999", None),
        ] {
            assert_eq!(PostgresWish::parse(text).map(|wish| wish.to_string()).as_deref(), expected, "{text}");
        }
    }
}
