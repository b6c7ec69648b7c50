//! Following what is printed from now on.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use crate::logs::line::LogLine;
use crate::logs::read::{LogQuery, Source, parse};

/// The time between two looks at the files.
const STEP: Duration = Duration::from_millis(50);

/// Reads what is there, and then what comes. Files may be rotated meanwhile, and appear late.
#[derive(Debug)]
pub struct Follower {
    query: LogQuery,
    places: BTreeMap<PathBuf, Place>,
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
            let lines = self.begin();
            if !lines.is_empty() {
                return lines;
            }
        }
        let deadline = Instant::now() + limit;
        loop {
            let lines = self.look();
            let left = deadline.saturating_duration_since(Instant::now());
            if !lines.is_empty() || left.is_zero() {
                return lines;
            }
            thread::sleep(STEP.min(left));
        }
    }

    /// What is there. The newest files are read to where they are then followed from.
    fn begin(&mut self) -> Vec<LogLine> {
        let mut all = Vec::new();
        for source in self.query.sources().unwrap_or_default() {
            let mut lines = Vec::new();
            let Some((newest, older)) = source.files.split_last() else { continue };
            for path in older {
                let text = fs::read(path).unwrap_or_default();
                parse(&source, &String::from_utf8_lossy(&text), &mut lines);
            }
            self.read(&source, newest, &mut lines);
            all.extend(self.query.cut(lines));
        }
        all.sort_by_key(|line| line.time);
        all
    }

    fn look(&mut self) -> Vec<LogLine> {
        let mut lines = Vec::new();
        for source in self.query.sources().unwrap_or_default() {
            // Older files were the newest when they were read.
            if let Some(path) = source.files.last() {
                self.read(&source, path, &mut lines);
            }
        }
        lines.sort_by_key(|line| line.time);
        lines
    }

    /// Reads on in a file, and in the one that has taken its place.
    fn read(&mut self, source: &Source, path: &PathBuf, lines: &mut Vec<LogLine>) {
        let inode = fs::metadata(path).ok().map(|now| now.ino());
        if let Some(place) = self.places.get_mut(path) {
            place.read_on(source, lines);
            if Some(place.inode) == inode {
                return;
            }
            self.places.remove(path);
        }
        if let Some(mut place) = Place::open(path) {
            place.read_on(source, lines);
            self.places.insert(path.clone(), place);
        }
    }
}

impl Place {
    fn open(path: &PathBuf) -> Option<Self> {
        let file = File::open(path).ok()?;
        let inode = file.metadata().ok()?.ino();
        Some(Self { file, inode, read: 0, rest: Vec::new() })
    }

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
    use crate::logs::{Cap, LogQuery, LogSet, Stream};
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
        logs.line("late", "late-1", Stream::Out, "here");
        assert_eq!(texts(&mut follower), ["here"]);
        assert!(follower.next(Duration::from_millis(1)).is_empty());
    }
}
