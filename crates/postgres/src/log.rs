//! The log of one server start.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use crate::storage::StorageError;

/// As many of the last bytes are looked at.
const TAIL: u64 = 16 * 1024;
/// As many of the last lines go into an error.
const LINES: usize = 10;

/// A log file that is appended to, and where in it this start begins.
#[derive(Debug)]
pub(crate) struct Log {
    pub(crate) path: PathBuf,
    start: u64,
}

impl Log {
    /// Opens the log, and returns the file to write it to.
    pub(crate) fn open(path: PathBuf) -> Result<(Self, File), StorageError> {
        let opened = OpenOptions::new().create(true).append(true).mode(0o600).open(&path);
        let file = opened.map_err(StorageError::at("open", &path))?;
        let start = file.metadata().map_err(StorageError::at("look at", &path))?.len();
        Ok((Self { path, start }, file))
    }

    /// The last lines since this start; none if the log cannot be read, since an error is being reported already.
    pub(crate) fn last_lines(&self) -> Vec<String> {
        let text = self.tail().unwrap_or_default();
        let lines: Vec<&str> = text.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
        lines[lines.len().saturating_sub(LINES)..].iter().map(|&line| line.to_owned()).collect()
    }

    fn tail(&self) -> std::io::Result<String> {
        let mut file = File::open(&self.path)?;
        let end = file.metadata()?.len();
        file.seek(SeekFrom::Start(self.start.max(end.saturating_sub(TAIL))))?;
        let mut bytes = Vec::new();
        file.take(TAIL).read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

/// Whether Postgres or `initdb` says that the disk is full.
pub fn tells_full_disk(lines: &[String]) -> bool {
    // The last one is the hint that goes with "wrote only 4096 of 8192 bytes".
    const SIGNS: [&str; 3] = ["No space left on device", "Disk quota exceeded", "Check free disk space"];
    lines.iter().any(|line| SIGNS.iter().any(|sign| line.contains(sign)))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::{Log, tells_full_disk};

    #[test]
    fn a_write_that_was_cut_short_is_a_full_disk() {
        let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
        let short =
            "FATAL:  could not write block 66: wrote only 4096 of 8192 bytes\nHINT:  Check free disk space.";
        assert!(tells_full_disk(&lines(short)));
        assert!(tells_full_disk(&lines("PANIC:  could not write: No space left on device")));
        assert!(!tells_full_disk(&lines("FATAL:  could not write block 66: Input/output error")));
    }

    #[test]
    fn tells_the_last_lines_of_this_start_only() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        std::fs::write(&path, "of an earlier start\n").unwrap();
        let (log, mut file) = Log::open(path).unwrap();
        assert_eq!(log.last_lines(), [""; 0]);
        for number in 1..=12 {
            writeln!(file, "line {number}  \n").unwrap();
        }
        let expected: Vec<String> = (3..=12).map(|number| format!("line {number}")).collect();
        assert_eq!(log.last_lines(), expected);
        write!(file, "{}\nend", "x".repeat(100_000)).unwrap();
        assert_eq!(log.last_lines().last().map(String::as_str), Some("end"));
    }
}
