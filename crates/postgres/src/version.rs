//! Versions of Postgres.

use std::fmt;

/// A version such as `15.18`. Pre-releases (`18beta2`) have the minor version 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    /// The part that decides which data directories fit.
    pub major: u32,
    /// The part that does not.
    pub minor: u32,
}

impl Version {
    /// Reads the first version after the word `(PostgreSQL)`, as all of its programs print it: `initdb (PostgreSQL) 15.18
    /// (Debian 15.18-0+deb12u1)`.
    pub fn parse(text: &str) -> Option<Self> {
        let number = text.split_once("(PostgreSQL) ")?.1;
        let (major, rest) = split_number(number)?;
        let minor = rest.strip_prefix('.').and_then(split_number).map_or(0, |(minor, _)| minor);
        Some(Self { major, minor })
    }
}

fn split_number(text: &str) -> Option<(u32, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    Some((text[..end].parse().ok()?, &text[end..]))
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

#[cfg(test)]
mod tests {
    use super::Version;

    #[test]
    fn reads_what_the_programs_print() {
        let cases = [
            ("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n", Some((15, 18))),
            ("initdb (PostgreSQL) 9.6.24", Some((9, 6))),
            ("initdb (PostgreSQL) 18beta2", Some((18, 0))),
            ("initdb (PostgreSQL) 17", Some((17, 0))),
            ("initdb (PostgreSQL) devel", None),
            ("initdb (PostgreSQL) 99999999999999", None),
            ("psql 15.3", None),
            ("", None),
        ];
        for (text, expected) in cases {
            let expected = expected.map(|(major, minor)| Version { major, minor });
            assert_eq!(Version::parse(text), expected, "{text}");
        }
    }

    #[test]
    fn orders_by_number_not_by_letter() {
        assert!(Version { major: 9, minor: 6 } < Version { major: 15, minor: 2 });
        assert!(Version { major: 15, minor: 2 } < Version { major: 15, minor: 10 });
    }
}
