//! Writing.

use std::collections::{BTreeMap, VecDeque};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use crate::line::{Stream, write_line};
use crate::pump::{Pump, Pumps};

/// Lines of a replica that are remembered, to be shown when it fails.
const REMEMBERED: usize = 20;

/// How much is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cap {
    /// The bytes of one file.
    pub bytes: u64,
    /// The files of one service, the newest included.
    pub files: u32,
}

impl Default for Cap {
    /// Three files of ten mebibytes.
    fn default() -> Self {
        Self { bytes: 10 * 1024 * 1024, files: 3 }
    }
}

/// The logs of a stack. Cheap to clone.
#[derive(Debug, Clone)]
pub struct LogSet {
    dir: PathBuf,
    cap: Cap,
    files: Arc<Mutex<BTreeMap<String, Arc<Mutex<LogFile>>>>>,
    pumps: Arc<Mutex<Option<Pumps>>>,
}

/// The last lines that were printed.
pub type Tail = Arc<Mutex<VecDeque<String>>>;

impl LogSet {
    /// Logs in the directory `dir`, which is there.
    pub fn new(dir: &Path, cap: Cap) -> Self {
        Self { dir: dir.to_owned(), cap, files: Arc::default(), pumps: Arc::default() }
    }

    fn file(&self, service: &str) -> Arc<Mutex<LogFile>> {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        let path = || self.dir.join(format!("{service}.log"));
        let file = files
            .entry(service.to_owned())
            .or_insert_with(|| Arc::new(Mutex::new(LogFile::new(path(), self.cap))));
        Arc::clone(file)
    }

    /// Writes a line. That it cannot be written stops nobody: how many were lost is told when it works again.
    pub fn line(&self, service: &str, replica: &str, stream: Stream, text: &str) {
        let file = self.file(service);
        let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
        file.write(replica, stream, text);
    }

    /// Copies what comes from `stream` to its end, line by line, on a thread for all of them; the last lines are left in `tail`.
    pub fn pump(
        &self,
        service: &str,
        replica: String,
        stream: Stream,
        from: impl Into<OwnedFd>,
        tail: Tail,
    ) -> io::Result<Pump> {
        let file = self.file(service);
        let sink = move |line: &[u8]| {
            let text = String::from_utf8_lossy(line);
            let mut tail = tail.lock().unwrap_or_else(PoisonError::into_inner);
            if tail.len() == REMEMBERED {
                tail.pop_front();
            }
            tail.push_back(text.clone().into_owned());
            drop(tail);
            file.lock().unwrap_or_else(PoisonError::into_inner).write(&replica, stream, &text);
        };
        let mut pumps = self.pumps.lock().unwrap_or_else(PoisonError::into_inner);
        let pumps = match &mut *pumps {
            Some(pumps) => pumps,
            none => none.insert(Pumps::start()?),
        };
        pumps.add(from.into(), Box::new(sink))
    }
}

/// The newest file of a service.
#[derive(Debug)]
struct LogFile {
    path: PathBuf,
    cap: Cap,
    open: Option<(File, u64)>,
    lost: u64,
}

impl LogFile {
    fn new(path: PathBuf, cap: Cap) -> Self {
        Self { path, cap, open: None, lost: 0 }
    }

    fn write(&mut self, replica: &str, stream: Stream, text: &str) {
        let now = SystemTime::now();
        let mut lines = String::new();
        if self.lost > 0 {
            let told = format!("(backlot: {} lines could not be written)", self.lost);
            lines = write_line(now, replica, Stream::Err, &told);
        }
        lines += &write_line(now, replica, stream, text);
        if self.append(lines.as_bytes()).is_ok() {
            self.lost = 0;
        } else {
            self.lost += 1;
            self.open = None;
        }
    }

    /// Writes whole lines in one call, so that a reader never sees a part of one but on a full disk.
    fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        let length = u64::try_from(lines.len()).unwrap_or(u64::MAX);
        if self.open.as_ref().is_some_and(|(_, size)| *size > 0 && size + length > self.cap.bytes) {
            self.open = None;
            rotate(&self.path, self.cap.files)?;
        }
        let (file, size) = match &mut self.open {
            Some(open) => open,
            closed => {
                let file = OpenOptions::new().append(true).create(true).mode(0o600).open(&self.path)?;
                let size = file.metadata()?.len();
                closed.insert((file, size))
            }
        };
        file.write_all(lines)?;
        *size += length;
        Ok(())
    }
}

/// Makes `web.log.1` of `web.log`, `web.log.2` of that, and drops the oldest.
fn rotate(path: &Path, files: u32) -> io::Result<()> {
    if files <= 1 {
        return fs::remove_file(path);
    }
    for number in (1..files).rev() {
        let from = if number == 1 { path.to_owned() } else { numbered(path, number - 1) };
        match fs::rename(from, numbered(path, number)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
    }
    Ok(())
}

/// The `number`th older file of a log.
pub(crate) fn numbered(path: &Path, number: u32) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{number}"));
    name.into()
}

#[cfg(test)]
mod tests {
    use super::{Cap, LogSet, Tail};
    use crate::{LogQuery, Stream, read_logs};
    use std::io::Write;
    use std::time::{Duration, Instant};

    fn texts(dir: &std::path::Path) -> Vec<String> {
        read_logs(&LogQuery::new(dir.to_owned())).unwrap().into_iter().map(|line| line.text).collect()
    }

    fn pump(logs: &LogSet, text: impl Into<Vec<u8>>, tail: &Tail) {
        let (from, mut to) = std::io::pipe().unwrap();
        let text = text.into();
        let write = std::thread::spawn(move || to.write_all(&text).unwrap());
        let pump = logs.pump("web", "web-1".into(), Stream::Out, from, tail.clone()).unwrap();
        let start = Instant::now();
        while !pump.is_done() {
            assert!(start.elapsed() < Duration::from_secs(20));
            std::thread::sleep(Duration::from_millis(1));
        }
        write.join().unwrap();
    }

    #[test]
    fn what_was_printed_is_read_the_last_line_without_an_end_included() {
        let dir = tempfile::tempdir().unwrap();
        let (logs, tail) = (LogSet::new(dir.path(), Cap::default()), Tail::default());
        pump(&logs, &b"one\r\n\ntwo \xff\nlast"[..], &tail);
        assert_eq!(texts(dir.path()), ["one", "", "two \u{fffd}", "last"]);
        assert_eq!(*tail.lock().unwrap(), ["one", "", "two \u{fffd}", "last"]);
        pump(&logs, vec![b'x'; 150_000], &tail);
        let lengths: Vec<usize> = texts(dir.path())[4..].iter().map(String::len).collect();
        assert_eq!(lengths, [65_536, 65_536, 150_000 - 2 * 65_536]);
    }

    #[test]
    fn no_more_is_kept_than_the_cap_and_what_is_kept_is_the_newest() {
        let dir = tempfile::tempdir().unwrap();
        let cap = Cap { bytes: 1000, files: 3 };
        let logs = LogSet::new(dir.path(), cap);
        for number in 0..200 {
            logs.line("web", "web-1", Stream::Out, &format!("line {number}"));
        }
        let sizes: u64 = std::fs::read_dir(dir.path())
            .unwrap()
            .map(|entry| entry.unwrap().metadata().unwrap().len())
            .sum();
        assert!(sizes <= 3000, "{sizes}");
        let kept = texts(dir.path());
        let first = 200 - kept.len();
        assert!(kept.len() > 40, "{}", kept.len());
        assert_eq!(kept, (first..200).map(|number| format!("line {number}")).collect::<Vec<_>>());
    }

    #[test]
    fn lines_that_cannot_be_written_are_counted() {
        let dir = tempfile::tempdir().unwrap();
        let logs = LogSet::new(&dir.path().join("not there yet"), Cap::default());
        logs.line("web", "web-1", Stream::Out, "lost");
        std::fs::create_dir(dir.path().join("not there yet")).unwrap();
        logs.line("web", "web-1", Stream::Out, "kept");
        let kept = texts(&dir.path().join("not there yet"));
        assert_eq!(kept, ["(backlot: 1 lines could not be written)", "kept"]);
    }
}
