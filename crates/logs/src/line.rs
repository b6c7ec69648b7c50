//! A line, on disk and in memory; and times as people write them.

use std::time::{Duration, SystemTime};

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

/// A line that a service has printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// When.
    pub time: SystemTime,
    /// Its service.
    pub service: String,
    /// Its replica, `web-1`.
    pub replica: String,
    /// To which stream.
    pub stream: Stream,
    /// What; without the end of the line.
    pub text: String,
}

/// Where a line was printed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
}

impl Stream {
    fn as_str(self) -> &'static str {
        match self {
            Self::Out => "out",
            Self::Err => "err",
        }
    }
}

/// A time that is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is neither a time (2026-11-23, 2026-11-23T10:00:00, 2026-11-23T10:00:00Z) nor so long ago (30s, 10m, 1h30m, 2d)"
)]
pub struct SinceError {
    /// What was written.
    pub text: String,
}

/// The time in UTC, with microseconds: `2026-11-23T02:18:39.123456Z`.
pub fn format_time(time: SystemTime) -> String {
    let time = Timestamp::try_from(time).unwrap_or_default();
    format!("{time:.6}")
}

/// A time as programs write it: RFC 3339, nothing else.
pub fn parse_time(text: &str) -> Option<SystemTime> {
    const SHAPE: &[u8] = b"0000-00-00T00:00:00";
    let (fixed, rest) = text.as_bytes().split_at_checked(SHAPE.len())?;
    let fits = |(byte, shape): (&u8, &u8)| if *shape == b'0' { byte.is_ascii_digit() } else { byte == shape };
    let zone = rest.iter().position(|byte| !matches!(byte, b'.' | b'0'..=b'9'))?;
    let is_zone = matches!(rest[zone..], [b'Z'] | [b'+' | b'-', _, _, b':', _, _]);
    if !is_zone || !fixed.iter().zip(SHAPE).all(fits) {
        return None;
    }
    text.parse::<Timestamp>().ok().map(SystemTime::from)
}

/// `line` as it is written to a file, its end included.
pub(crate) fn write_line(time: SystemTime, replica: &str, stream: Stream, text: &str) -> String {
    format!("{} {replica} {} {text}\n", format_time(time), stream.as_str())
}

/// A line of a service's file.
pub(crate) fn parse_line(service: &str, line: &str) -> Option<LogLine> {
    let mut words = line.splitn(4, ' ');
    let time = parse_time(words.next()?)?;
    let replica = words.next()?.to_owned();
    let stream = match words.next()? {
        "out" => Stream::Out,
        "err" => Stream::Err,
        _ => return None,
    };
    let text = words.next().unwrap_or_default().to_owned();
    Some(LogLine { time, service: service.to_owned(), replica, stream, text })
}

/// The time at the beginning of a line of Postgres' log: `2026-11-23 02:18:39.123 UTC [4711] LOG:  …`.
pub(crate) fn parse_postgres_time(line: &str) -> Option<SystemTime> {
    let mut words = line.splitn(4, ' ');
    let (date, time, zone) = (words.next()?, words.next()?, words.next()?);
    let time: DateTime = format!("{date}T{time}").parse().ok()?;
    let zone = match zone {
        "UTC" | "GMT" => TimeZone::UTC,
        _ => TimeZone::try_system().ok()?,
    };
    Some(time.to_zoned(zone).ok()?.timestamp().into())
}

/// A point in time as people name it: how long before `now` (`10m`, `1h30m`), or a date and time; without a zone in that
/// of this machine.
///
/// # Errors
/// When it is neither.
pub fn parse_since(text: &str, now: SystemTime) -> Result<SystemTime, SinceError> {
    let refused = || SinceError { text: text.to_owned() };
    if let Some(ago) = parse_ago(text) {
        return now.checked_sub(ago).ok_or_else(refused);
    }
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(time.into());
    }
    let local = |time: DateTime| -> Option<Zoned> { time.to_zoned(TimeZone::system()).ok() };
    let date = || text.parse::<Date>().ok().map(|date| date.to_datetime(jiff::civil::Time::midnight()));
    let time = if text.contains(['T', ' ']) { text.parse().ok() } else { date() };
    time.and_then(local).map(|time| time.timestamp().into()).ok_or_else(refused)
}

/// `1h30m`, `45s`, `2d`.
fn parse_ago(text: &str) -> Option<Duration> {
    let mut total = Duration::ZERO;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let count: u64 = rest[..digits].parse().ok()?;
        let unit = rest[digits..].chars().next()?;
        let seconds = match unit {
            's' => 1,
            'm' => 60,
            'h' => 3_600,
            'd' => 86_400,
            _ => return None,
        };
        total = total.checked_add(Duration::from_secs(count.checked_mul(seconds)?))?;
        rest = &rest[digits + 1..];
    }
    (!text.is_empty()).then_some(total)
}

#[cfg(test)]
mod tests {
    use super::{LogLine, Stream, parse_line, parse_postgres_time, parse_since, parse_time, write_line};
    use proptest::prelude::*;
    use std::time::{Duration, SystemTime};

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            micros in 0u64..4_000_000_000_000_000,
            text in "[^\n\r]{0,80}",
            err: bool,
        ) {
            let stream = if err { Stream::Err } else { Stream::Out };
            let time = SystemTime::UNIX_EPOCH + Duration::from_micros(micros);
            let line = write_line(time, "web-1", stream, &text);
            let read = parse_line("web", line.strip_suffix('\n').unwrap());
            let (service, replica) = ("web".to_owned(), "web-1".to_owned());
            prop_assert_eq!(read, Some(LogLine { time, service, replica, stream, text }));
        }

        #[test]
        fn no_text_is_too_strange(text in any::<String>()) {
            let _ = (parse_line("web", &text), parse_postgres_time(&text), parse_since(&text, at(0)), parse_time(&text));
        }
    }

    #[test]
    fn programs_write_times_in_one_way() {
        for (text, time) in [
            ("1970-01-02T00:00:00Z", at(86_400)),
            ("1970-01-01T00:00:01.5Z", at(1) + Duration::from_millis(500)),
            ("1970-01-01T00:00:00.000000042Z", at(0) + Duration::from_nanos(42)),
            ("1970-01-01T02:00:00+02:00", at(0)),
        ] {
            assert_eq!(parse_time(text), Some(time), "{text}");
        }
        for text in [
            "",
            "10m",
            "2026-11-23",
            "2026-11-23T10:00",
            "2026-11-23T10:00:00",
            "2026-11-23 10:00:00Z",
            "2026-11-23T10:00:00,5Z",
            "20261123T100000Z",
            "2026-11-23T10Z",
            "2026-13-23T10:00:00Z",
            "2026-11-23T10:00:00+02",
            "2026-11-23T10:00:00Z[UTC]",
        ] {
            assert_eq!(parse_time(text), None, "{text}");
        }
    }

    #[test]
    fn times_are_written_in_many_ways() {
        let now = at(1_795_400_000);
        assert_eq!(parse_since("10m", now), Ok(now - Duration::from_mins(10)));
        assert_eq!(parse_since("1h30m5s", now), Ok(now - Duration::from_secs(5405)));
        assert_eq!(parse_since("1970-01-02T00:00:00Z", now), Ok(at(86_400)));
        assert_eq!(parse_since("1970-01-01T01:00:00+01:00", now), Ok(at(0)));
        for text in ["", "10", "m", "ten minutes", "2026-13-01", "99999999999999999999s"] {
            assert!(parse_since(text, now).unwrap_err().to_string().contains("10m"), "{text}");
        }
        for text in ["2026-11-23", "2026-11-23T10:00:00", "2026-11-23 10:00"] {
            assert!(parse_since(text, now).is_ok(), "{text}");
        }
    }

    #[test]
    fn postgres_tells_its_own_time() {
        let line = "1970-01-02 00:00:01.500 UTC [4711] LOG:  database system is ready";
        assert_eq!(parse_postgres_time(line), Some(at(86_401) + Duration::from_millis(500)));
        assert_eq!(parse_postgres_time("\tcontinued"), None);
    }
}
