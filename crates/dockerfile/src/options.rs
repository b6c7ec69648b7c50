//! Words of instructions.

use std::time::Duration;

/// A word as a shell would have it written.
pub fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', "'\\''"))
}

/// The `--name=value` words at the beginning, and the rest.
pub(super) fn options(text: &str) -> (Vec<&str>, &str) {
    let mut options = Vec::new();
    let mut rest = text.trim_start();
    while rest.starts_with("--") {
        let (option, after) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
        options.push(option);
        rest = after.trim_start();
    }
    (options, rest)
}

pub(super) fn option<'o>(options: &[&'o str], name: &str) -> Option<&'o str> {
    options.iter().find_map(|option| option.strip_prefix("--")?.strip_prefix(name)?.strip_prefix('='))
}

/// A time as Docker writes it: `1m30s`, `500ms`. Zero stands for the usual one.
pub(super) fn duration(text: &str) -> Option<Duration> {
    backlot_project::parse_duration(text).filter(|duration| !duration.is_zero())
}

/// `8000`, `8000/tcp`, `8000-8010`
pub(super) fn ports(word: &str) -> Vec<u16> {
    let (numbers, protocol) = word.split_once('/').unwrap_or((word, "tcp"));
    let (first, last) = numbers.split_once('-').unwrap_or((numbers, numbers));
    match (first.parse::<u16>(), last.parse::<u16>()) {
        (Ok(first), Ok(last)) if protocol.eq_ignore_ascii_case("tcp") => (first..=last).collect(),
        (Ok(_) | Err(_), Ok(_) | Err(_)) => Vec::new(),
    }
}
