//! `/proc/<pid>/stat`, see proc(5). Of the processes of a whole machine it is read at once, so only what counts is taken. Where there is no
//! `/proc`, nothing is told.

use std::time::Duration;

/// Clock ticks in a second, in all that the kernel tells programs.
const TICKS: u64 = 100;

/// A process as the kernel tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stat {
    pub(crate) pid: i32,
    /// The program's name.
    pub(crate) name: String,
    /// Whether it runs: a dead one may be there that nobody has waited for.
    pub(crate) alive: bool,
    /// Whether it was halted by a signal.
    pub(crate) halted: bool,
    /// Its parent's number.
    pub(crate) parent: i32,
    /// The processor time that it has had.
    pub(crate) time: Duration,
    /// That of its children which have ended.
    pub(crate) of_ended: Duration,
    /// When it was started, in ticks since the boot.
    pub(crate) started: u64,
}

impl Stat {
    /// The process of this number, if there is one.
    pub(crate) fn of(pid: i32) -> Option<Self> {
        Self::parse(&std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
    }

    /// All processes.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        let numbers = std::fs::read_dir("/proc").into_iter().flatten().flatten();
        let numbers = numbers.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        numbers.filter_map(Self::of)
    }

    /// The name is in brackets and may hold any character.
    fn parse(stat: &str) -> Option<Self> {
        let (pid, rest) = stat.split_once(" (")?;
        let (name, rest) = rest.rsplit_once(") ")?;
        let mut fields = rest.split_ascii_whitespace();
        let state = fields.next()?;
        let (alive, halted) = (!matches!(state, "Z" | "X" | "x"), matches!(state, "T" | "t"));
        let parent = fields.next()?.parse().ok()?;
        let mut ticks = fields.skip(9);
        // In programs, and in the kernel for them.
        let mut both = || -> Option<Duration> {
            let count: u64 = ticks.next()?.parse::<u64>().ok()? + ticks.next()?.parse::<u64>().ok()?;
            Some(Duration::from_millis(count * 1000 / TICKS))
        };
        let (time, of_ended) = (both()?, both()?);
        let started = ticks.nth(4)?.parse().ok()?;
        let (pid, name) = (pid.parse().ok()?, name.to_owned());
        Some(Self { pid, name, alive, halted, parent, time, of_ended, started })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Stat;

    #[test]
    fn a_name_may_hold_anything() {
        let text = "12 (a) S b) (c) S 7 12 12 0 -1 4194304 1 2 3 4 150 50 30 70 20 0 1 0 4711 5 6";
        let stat = Stat::parse(text).unwrap();
        let name = "a) S b) (c".to_owned();
        let (time, of_ended) = (Duration::from_secs(2), Duration::from_secs(1));
        let (alive, halted) = (true, false);
        assert_eq!(stat, Stat { pid: 12, name, alive, halted, parent: 7, time, of_ended, started: 4711 });
        assert!(!Stat::parse(&text.replace(") S 7", ") Z 7")).unwrap().alive);
        for cut in 0..text.len() {
            let _ = Stat::parse(&text[..cut]);
        }
        assert_eq!(Stat::parse("12 (sh) S 1"), None);
    }
}
