//! The versions that a registry has.

use backlot_plan::PostgresWish;
use backlot_postgres::OLDEST_MAJOR;

/// A version of a package: `16.4.0-beta.14` holds PostgreSQL 16.4. The greater one is the newer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Published {
    major: u32,
    minor: u32,
    patch: u32,
    /// The last number of a pre-release; a release is newer than all of them.
    build: u32,
    /// All of it, as the registry knows it.
    pub(crate) text: String,
}

impl Published {
    /// None of what is no such version.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
        let (numbers, pre) = text.split_once('-').map_or((text, None), |(numbers, pre)| (numbers, Some(pre)));
        let mut numbers = numbers.split('.').map(|number| number.parse().ok());
        let (major, minor, patch) = (numbers.next()??, numbers.next()??, numbers.next()??);
        let build = match pre {
            None => u32::MAX,
            Some(pre) => pre.rsplit('.').next()?.parse().ok()?,
        };
        let is_whole = numbers.next().is_none() && text.chars().all(is_plain);
        is_whole.then(|| Self { major, minor, patch, build, text: text.to_owned() })
    }

    /// What `npm view PACKAGE versions --json` prints: a list, or a single text where there is one version only. What is in
    /// it and no version of a server is passed over; none when it is something else altogether.
    pub(crate) fn list(json: &[u8]) -> Option<Vec<Self>> {
        let texts = match serde_json::from_slice(json).ok()? {
            serde_json::Value::Array(list) => list,
            text @ serde_json::Value::String(_) => vec![text],
            serde_json::Value::Null
            | serde_json::Value::Bool(_)
            | serde_json::Value::Number(_)
            | serde_json::Value::Object(_) => return None,
        };
        Some(texts.iter().filter_map(|text| Self::parse(text.as_str()?)).collect())
    }

    /// The newest of the wanted minor version, else the newest of the wanted major, else (where none is wanted) of all.
    pub(crate) fn choose(all: &[Self], wish: PostgresWish) -> Option<&Self> {
        let fits =
            |one: &&Self| one.major >= OLDEST_MAJOR && wish.major.is_none_or(|major| one.major == major);
        let exact = |one: &&Self| wish.minor == Some(one.minor);
        all.iter().filter(fits).filter(exact).max().or_else(|| all.iter().filter(fits).max())
    }

    /// The major versions among them that can be used, in order.
    pub(crate) fn majors(all: &[Self]) -> Vec<u32> {
        let mut majors: Vec<u32> =
            all.iter().map(|one| one.major).filter(|major| *major >= OLDEST_MAJOR).collect();
        majors.sort_unstable();
        majors.dedup();
        majors
    }
}

#[cfg(test)]
mod tests {
    use backlot_plan::PostgresWish;

    use super::Published;

    const LIST: &str = r#"["9.6.24-beta.3", "10.23.0-beta.17", "15.18.0-beta.17", "16.4.0-beta.9", "16.4.0-beta.14",
        "16.14.0-beta.17", "16.9.0-beta.15", "18.4.0-beta.17", "nightly", "17.0-rc1", "18.5.0-beta.2; rm -rf /", 3]"#;

    fn chosen(list: &str, major: Option<u32>, minor: Option<u32>) -> Option<String> {
        let all = Published::list(list.as_bytes()).unwrap();
        Published::choose(&all, PostgresWish { major, minor }).map(|one| one.text.clone())
    }

    #[test]
    fn the_exact_minor_wins_else_the_newest_of_the_major() {
        for (major, minor, expected) in [
            (Some(16), Some(4), Some("16.4.0-beta.14")),
            (Some(16), Some(9), Some("16.9.0-beta.15")),
            (Some(16), Some(99), Some("16.14.0-beta.17")),
            (Some(16), None, Some("16.14.0-beta.17")),
            (None, None, Some("18.4.0-beta.17")),
            (Some(17), None, None),
            (Some(99), None, None),
            // Older than what can be used.
            (Some(10), None, None),
            (Some(9), Some(6), None),
        ] {
            assert_eq!(chosen(LIST, major, minor).as_deref(), expected, "{major:?} {minor:?}");
        }
        let all = Published::list(LIST.as_bytes()).unwrap();
        assert_eq!(Published::majors(&all), [15, 16, 18]);
    }

    #[test]
    fn a_release_is_newer_than_its_pre_releases() {
        let list = r#"["16.4.0-beta.14", "16.4.0", "16.4.0-rc.99"]"#;
        assert_eq!(chosen(list, Some(16), None).as_deref(), Some("16.4.0"));
    }

    #[test]
    fn one_version_is_a_text_and_anything_else_is_no_list() {
        assert_eq!(chosen(r#""16.4.0-beta.14""#, Some(16), None).as_deref(), Some("16.4.0-beta.14"));
        for garbage in ["", "npm error", "{\"error\": {}}", "null", "[1,", "3"] {
            assert!(Published::list(garbage.as_bytes()).is_none(), "{garbage}");
        }
    }
}
