//! Durations, sizes, and commands split into words, as Compose reads and writes them.

use std::time::Duration;

/// Reads a duration such as `1m30s`, `1.5h` or `500ms`. A negative one is not read: nothing here lasts less than no time.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    if rest == "0" {
        return Some(Duration::ZERO);
    }
    if rest.is_empty() {
        return None;
    }
    let mut nanoseconds: u128 = 0;
    while !rest.is_empty() {
        let number_end = rest.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(rest.len());
        let (number, after) = rest.split_at(number_end);
        let unit_end = after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len());
        let (unit, after) = after.split_at(unit_end);
        let scale: u128 = match unit {
            "ns" => 1,
            "us" | "µs" | "μs" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            _ => return None,
        };
        nanoseconds = nanoseconds.checked_add(scaled(number, scale)?)?;
        rest = after;
    }
    // The largest that Compose holds: 63 bits of nanoseconds, 292 years.
    u64::try_from(nanoseconds).ok().filter(|ns| i64::try_from(*ns).is_ok()).map(Duration::from_nanos)
}

/// A decimal number times a scale, cut to a whole number.
fn scaled(number: &str, scale: u128) -> Option<u128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if (whole.is_empty() && fraction.is_empty()) || !digits(whole) || !digits(fraction) {
        return None;
    }
    let whole: u128 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    // 18 digits are finer than a nanosecond of an hour.
    let fraction = &fraction[..fraction.len().min(18)];
    let parts: u128 = if fraction.is_empty() { 0 } else { fraction.parse().ok()? };
    let fraction_scale = 10_u128.pow(u32::try_from(fraction.len()).ok()?);
    whole.checked_mul(scale)?.checked_add(parts * scale / fraction_scale)
}

/// Writes a duration as Compose does: `1m30s`, `1h0m0s`, `1.5s`, `500ms`.
pub fn format_duration(duration: Duration) -> String {
    let nanoseconds = duration.as_nanos();
    if nanoseconds == 0 {
        return "0s".to_owned();
    }
    for (unit, scale, next) in [("ns", 1, 1_000), ("µs", 1_000, 1_000_000), ("ms", 1_000_000, 1_000_000_000)]
    {
        if nanoseconds < next {
            return format!("{}{unit}", decimal(nanoseconds, scale));
        }
    }
    let whole_seconds = duration.as_secs();
    let (hours, minutes) = (whole_seconds / 3600, whole_seconds / 60 % 60);
    let seconds = decimal(nanoseconds % 60_000_000_000, 1_000_000_000);
    match (hours, minutes) {
        (0, 0) => format!("{seconds}s"),
        (0, _) => format!("{minutes}m{seconds}s"),
        _ => format!("{hours}h{minutes}m{seconds}s"),
    }
}

fn decimal(value: u128, scale: u128) -> String {
    let (whole, rest) = (value / scale, value % scale);
    if rest == 0 {
        return whole.to_string();
    }
    let width = scale.ilog10() as usize;
    let digits = format!("{rest:0width$}");
    format!("{whole}.{}", digits.trim_end_matches('0'))
}

/// Reads a size such as `64m`, `1.5gb`, `512 KiB` or `1024`, in bytes; units are powers of 1024.
pub fn parse_bytes(text: &str) -> Option<i64> {
    let number_end = text.rfind(|c: char| c.is_ascii_digit() || c == '.').map_or(0, |index| index + 1);
    let (number, unit) = text.split_at(number_end);
    let unit = unit.strip_prefix(' ').unwrap_or(unit).to_ascii_lowercase();
    let power = match unit.as_str() {
        "" | "b" => 0,
        "k" | "kb" | "kib" => 1,
        "m" | "mb" | "mib" => 2,
        "g" | "gb" | "gib" => 3,
        "t" | "tb" | "tib" => 4,
        "p" | "pb" | "pib" => 5,
        _ => return None,
    };
    let bytes = scaled(number, 1024_u128.pow(power))?;
    i64::try_from(bytes).ok()
}

/// Splits a command into words, by the quoting rules of the library that Compose uses.
///
/// As there, an unquoted `;`, `&`, `|`, `<` or `>` ends the command: no shell is there to act on it.
pub fn split_words(text: &str) -> Result<Vec<String>, &'static str> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    // What ends the quoted part that is open; `)` and backtick stay part of the word.
    let mut end_of_quote: Option<char> = None;
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match (end_of_quote, character) {
            (Some('\''), '\'') | (Some('"'), '"') => end_of_quote = None,
            (Some('\''), other) => word.get_or_insert_default().push(other),
            (_, '\\') => {
                let next = characters.next().ok_or("it ends in a backslash")?;
                word.get_or_insert_default().push(next);
            }
            (Some(end), other) => {
                if other == end {
                    end_of_quote = None;
                }
                word.get_or_insert_default().push(other);
            }
            (None, '\'' | '"') => {
                end_of_quote = Some(character);
                word.get_or_insert_default();
            }
            (None, '`') => {
                end_of_quote = Some('`');
                word.get_or_insert_default().push('`');
            }
            (None, '(') => match &mut word {
                Some(word) if word.ends_with('$') => {
                    end_of_quote = Some(')');
                    word.push('(');
                }
                _ => return Err("a parenthesis stands outside of quotes"),
            },
            (None, ' ' | '\t' | '\r' | '\n') => words.extend(word.take()),
            (None, ';' | '&' | '|' | '<' | '>') => break,
            (None, other) => word.get_or_insert_default().push(other),
        }
    }
    if end_of_quote.is_some() {
        return Err("a quote is never closed");
    }
    words.extend(word);
    Ok(words)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{format_duration, parse_bytes, parse_duration, split_words};

    #[test]
    fn durations_are_read_and_written() {
        let cases = [
            ("10s", 10_000_000_000, "10s"),
            ("90s", 90_000_000_000, "1m30s"),
            ("1m30s", 90_000_000_000, "1m30s"),
            ("1h", 3_600_000_000_000, "1h0m0s"),
            ("1.5s", 1_500_000_000, "1.5s"),
            ("500ms", 500_000_000, "500ms"),
            ("1500us", 1_500_000, "1.5ms"),
            ("2h45m", 9_900_000_000_000, "2h45m0s"),
            ("0", 0, "0s"),
            ("1ns", 1, "1ns"),
        ];
        for (text, nanoseconds, written) in cases {
            let duration = parse_duration(text);
            assert_eq!(duration, Some(Duration::from_nanos(nanoseconds)), "{text}");
            assert_eq!(duration.map(format_duration).as_deref(), Some(written), "{text}");
        }
        for text in ["", "10", "s", "1x", "-1s", "1.2.3s", ".s", "99999999999h"] {
            assert_eq!(parse_duration(text), None, "{text}");
        }
    }

    #[test]
    fn sizes_are_powers_of_1024() {
        let cases =
            [("64m", 67_108_864), ("1.5gb", 1_610_612_736), ("512 KiB", 524_288), ("1024", 1024), ("1b", 1)];
        for (text, bytes) in cases {
            assert_eq!(parse_bytes(text), Some(bytes), "{text}");
        }
        for text in ["", "m", "1x", "-1", "1 2m", "99999999p"] {
            assert_eq!(parse_bytes(text), None, "{text}");
        }
    }

    #[test]
    fn words() {
        let cases: [(&str, &[&str]); 7] = [
            ("flask run  --host 0.0.0.0", &["flask", "run", "--host", "0.0.0.0"]),
            ("sh -c 'echo \"a b\"' x", &["sh", "-c", "echo \"a b\"", "x"]),
            (r#"a "b \"c" d\ e ''"#, &["a", "b \"c", "d e", ""]),
            ("", &[]),
            ("  a\n b ", &["a", "b"]),
            ("echo $HOME", &["echo", "$HOME"]),
            ("one'two'\"three\"", &["onetwothree"]),
        ];
        for (text, words) in cases {
            assert_eq!(split_words(text).expect("words"), words, "{text:?}");
        }
        assert_eq!(split_words("a $(b c) && d").expect("words"), ["a", "$(b c)"]);
        assert!(split_words("(a)").is_err());
        assert!(split_words("a 'b").is_err());
        assert!(split_words("a \\").is_err());
    }
}
