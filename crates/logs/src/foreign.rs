//! Logs that a service writes itself.

use std::fs::{self, OpenOptions};
use std::io;
use std::path::Path;

use crate::write::{Cap, numbered};

/// Moves what is in a log that somebody else has open to `<path>.1`, once it is longer than the cap. It is copied and cut
/// off: the writer appends, so it goes on at the new end. What it writes between the two is lost.
pub fn cap_foreign(path: &Path, cap: Cap) -> io::Result<()> {
    match fs::metadata(path) {
        Ok(file) if file.len() > cap.bytes => {}
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(_) | Err(_) => return Ok(()),
    }
    fs::copy(path, numbered(path, 1))?;
    OpenOptions::new().write(true).open(path)?.set_len(0)
}

#[cfg(test)]
mod tests {
    use super::cap_foreign;
    use crate::Cap;
    use std::io::Write;

    #[test]
    fn a_log_that_somebody_appends_to_is_cut() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("db.log");
        let cap = Cap { bytes: 10, files: 3 };
        cap_foreign(&path, cap).unwrap();
        let mut writer = std::fs::OpenOptions::new().append(true).create(true).open(&path).unwrap();
        writer.write_all(b"a long line\n").unwrap();
        cap_foreign(&path, cap).unwrap();
        writer.write_all(b"next\n").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"next\n");
        assert_eq!(std::fs::read(dir.path().join("db.log.1")).unwrap(), b"a long line\n");
    }
}
