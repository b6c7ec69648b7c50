//! Numbers as people read them.

use std::time::Duration;

/// A time that something took: `7 ms`, `1.2 s`, `3 min 5 s`.
pub fn took(duration: Duration) -> String {
    let millis = duration.as_millis();
    match millis {
        0..1_000 => format!("{millis} ms"),
        1_000..60_000 => format!("{:.1} s", duration.as_secs_f64()),
        _ => format!("{} min {} s", millis / 60_000, millis % 60_000 / 1_000),
    }
}

/// An age: `5s`, `12m`, `3h`, `8d`, as other tools' lists have it.
pub fn ago(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3_600 => format!("{}m", seconds / 60),
        3_600..86_400 => format!("{}h", seconds / 3_600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// A size in bytes, in binary units with one decimal: `7.4 MiB`.
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut unit = 0;
    let mut tenths = u128::from(bytes) * 10;
    while tenths >= 10_240 && unit + 1 < UNITS.len() {
        tenths /= 1024;
        unit += 1;
    }
    if unit == 0 { format!("{bytes} B") } else { format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit]) }
}

#[cfg(test)]
mod tests {
    use super::{ago, size, took};
    use std::time::Duration;

    #[test]
    fn numbers_are_short() {
        assert_eq!(took(Duration::from_micros(7_400)), "7 ms");
        assert_eq!(took(Duration::from_millis(1_234)), "1.2 s");
        assert_eq!(took(Duration::from_secs(185)), "3 min 5 s");
        assert_eq!(ago(59), "59s");
        assert_eq!(ago(3_599), "59m");
        assert_eq!(ago(86_400 * 8), "8d");
        assert_eq!(size(1023), "1023 B");
        assert_eq!(size(7_759_659), "7.4 MiB");
        assert_eq!(size(5 << 40), "5.0 TiB");
    }
}
