//! How files are copied in a place: as quickly as its file system can.

use std::fmt;
use std::fs;
use std::path::Path;

/// How files are copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// The copy shares the blocks of its source, until one of them is written to.
    Sharing,
    /// Its bytes are copied.
    Bytes,
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sharing => "copies share blocks (reflink)",
            Self::Bytes => {
                "copies are of all bytes, as the file system shares no blocks (btrfs, XFS and APFS do)"
            }
        })
    }
}

/// Finds out how files are copied in `dir`, by copying one; nothing if none can be made there.
pub fn way_of_copying(dir: &Path) -> Option<Way> {
    let [one, other] = ["", "-copy"].map(|end| dir.join(format!("probe-copy-{}{end}", std::process::id())));
    fs::write(&one, "probe").ok()?;
    let way = if reflink_copy::reflink(&one, &other).is_ok() { Way::Sharing } else { Way::Bytes };
    let _ = fs::remove_file(&one);
    let _ = fs::remove_file(&other);
    Some(way)
}

#[cfg(test)]
mod tests {
    use super::way_of_copying;

    #[test]
    fn nothing_is_left_of_finding_out() {
        let dir = tempfile::tempdir().unwrap();
        assert!(way_of_copying(dir.path()).is_some());
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
        assert_eq!(way_of_copying(&dir.path().join("nowhere")), None);
    }
}
