//! Following what is printed from now on.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::thread;
use std::time::{Duration, Instant};

use crate::line::LogLine;
use crate::read::{LogQuery, Source, parse};

/// The time between two looks at the files.
const STEP: Duration = Duration::from_millis(50);

/// Reads what is there, and then what comes. Files may be rotated meanwhile, and appear late.
#[derive(Debug)]
pub struct Follower {
    query: LogQuery,
    /// The newest file of each service that was read.
    places: BTreeMap<String, Place>,
    begun: bool,
}

/// How far a file was read.
#[derive(Debug)]
struct Place {
    file: File,
    inode: u64,
    read: u64,
    /// The beginning of a line whose end has not come yet.
    rest: Vec<u8>,
}

impl Follower {
    /// Follows what `query` asks for; its `tail` and `since` hold for what is there already.
    pub fn new(query: &LogQuery) -> Self {
        Self { query: query.clone(), places: BTreeMap::new(), begun: false }
    }

    /// The next lines, in the order of time; none when none come within `limit`.
    pub fn next(&mut self, limit: Duration) -> Vec<LogLine> {
        if !self.begun {
            self.begun = true;
            let lines = self.look(true);
            if !lines.is_empty() {
                return lines;
            }
        }
        let deadline = Instant::now() + limit;
        loop {
            let lines = self.look(false);
            let left = deadline.saturating_duration_since(Instant::now());
            if !lines.is_empty() || left.is_zero() {
                return lines;
            }
            thread::sleep(STEP.min(left));
        }
    }

    /// What was not read yet; of that, at the beginning, what the query asks for.
    fn look(&mut self, is_beginning: bool) -> Vec<LogLine> {
        let mut all = Vec::new();
        for source in self.query.sources().unwrap_or_default() {
            let mut lines = Vec::new();
            self.read(&source, &mut lines);
            all.extend(if is_beginning { self.query.cut(lines) } else { lines });
        }
        all.sort_by_key(|line| line.time);
        all
    }

    /// Reads on in the file that was the newest, and then in those that are newer.
    fn read(&mut self, source: &Source, lines: &mut Vec<LogLine>) {
        let place = self.places.get_mut(&source.service);
        let seen = place.as_ref().map(|place| place.inode);
        let newest = fs::metadata(&source.path).ok().map(|newest| newest.ino());
        if let Some(place) = place {
            place.read_on(source, lines);
            // Between two names it has none.
            if seen == newest || newest.is_none() {
                return;
            }
            // It was rotated after that look, perhaps, and something was written into it before.
            place.read_on(source, lines);
        }
        for (inode, file) in source.newer_than(seen).unwrap_or_default() {
            let mut place = Place { file, inode, read: 0, rest: Vec::new() };
            place.read_on(source, lines);
            self.places.insert(source.service.clone(), place);
        }
    }
}

impl Place {
    fn read_on(&mut self, source: &Source, lines: &mut Vec<LogLine>) {
        // One that was cut to nothing begins anew.
        if self.file.metadata().is_ok_and(|now| now.len() < self.read) {
            self.read = 0;
            let _ = self.file.seek(SeekFrom::Start(0));
        }
        let mut bytes = Vec::new();
        let read = self.file.read_to_end(&mut bytes).unwrap_or(0);
        self.read += u64::try_from(read).unwrap_or(0);
        self.rest.extend(bytes);
        let whole = self.rest.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let rest = self.rest.split_off(whole);
        parse(source, &String::from_utf8_lossy(&self.rest), lines);
        self.rest = rest;
    }
}

#[cfg(test)]
mod tests {
    use super::Follower;
    use crate::{Cap, LogQuery, LogSet, Stream};
    use std::time::Duration;

    fn texts(follower: &mut Follower) -> Vec<String> {
        follower.next(Duration::ZERO).into_iter().map(|line| line.text).collect()
    }

    #[test]
    fn nothing_is_missed_or_told_twice_through_rotations() {
        let dir = tempfile::tempdir().unwrap();
        let logs = LogSet::new(dir.path(), Cap { bytes: 500, files: 3 });
        let mut query = LogQuery::new(dir.path().to_owned());
        query.tail = Some(2);
        let print = |text: &str| logs.line("web", "web-1", Stream::Out, text);
        for text in ["one", "two", "three"] {
            print(text);
        }
        let mut follower = Follower::new(&query);
        assert_eq!(texts(&mut follower), ["two", "three"]);
        let mut read = Vec::new();
        for number in 0..100 {
            print(&format!("line {number}"));
            if number % 3 == 0 {
                read.extend(texts(&mut follower));
            }
        }
        assert_eq!(read, (0..100).map(|number| format!("line {number}")).collect::<Vec<_>>());
        // Several rotations between two looks.
        for number in 0..25 {
            print(&format!("more {number}"));
        }
        assert_eq!(texts(&mut follower), (0..25).map(|number| format!("more {number}")).collect::<Vec<_>>());
        logs.line("late", "late-1", Stream::Out, "here");
        assert_eq!(texts(&mut follower), ["here"]);
        assert!(follower.next(Duration::from_millis(1)).is_empty());
    }
}
