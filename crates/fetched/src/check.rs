//! Whether what was fetched is still what it was.

use std::fs;
use std::path::Path;

use crate::error::FetchError;
use crate::record::{FileRecord, Record, stamp, sum};

/// How closely it is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Look {
    /// Lengths and times; the content where they are different. Some two milliseconds.
    Quick,
    /// The content of every file.
    Close,
}

/// Compares the files in `root` with their record.
pub(crate) fn check(root: &Path, record: &Record, look: Look) -> Result<(), FetchError> {
    for (name, file) in &record.files {
        let path = root.join(name);
        if let Some(what) = difference(&path, file, look) {
            return Err(FetchError::Damaged { path, what, again: record.postgres.clone() });
        }
    }
    Ok(())
}

fn difference(path: &Path, file: &FileRecord, look: Look) -> Option<&'static str> {
    let Ok(metadata) = fs::symlink_metadata(path) else { return Some("it is gone") };
    let (size, modified) = stamp(&metadata);
    if size != file.size {
        return Some("its length is another");
    }
    // A home that was copied has other times.
    if look == Look::Quick && modified == file.modified {
        return None;
    }
    match sum(path) {
        Ok(sum) if sum == file.sha256 => None,
        Ok(_) => Some("its content is another"),
        Err(_) => Some("it cannot be read"),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::path::PathBuf;

    use super::{Look, check};
    use crate::record::{Record, sums};

    #[test]
    fn what_has_changed_is_seen() {
        let make = || {
            let dir = tempfile::tempdir().unwrap();
            fs::create_dir(dir.path().join("bin")).unwrap();
            fs::write(dir.path().join("bin/postgres"), "elf").unwrap();
            symlink("postgres", dir.path().join("bin/link")).unwrap();
            dir
        };
        let dir = make();
        let record = |root: &std::path::Path| {
            let (files, sha256) = sums(root).unwrap();
            let (package, postgres, bin) = ("p@1".to_owned(), "16.4".to_owned(), PathBuf::new());
            Record {
                version: 1,
                package,
                postgres,
                bin,
                fetched: 0,
                archive_sha256: String::new(),
                sha256,
                files,
            }
        };
        let first = record(dir.path());
        assert_eq!(first.files.keys().collect::<Vec<_>>(), ["bin/link", "bin/postgres"]);
        assert_eq!(first.sha256, record(make().path()).sha256);

        let (postgres, link) = (dir.path().join("bin/postgres"), dir.path().join("bin/link"));
        let seen = |look| check(dir.path(), &first, look).err().map(|error| error.to_string());
        assert_eq!((seen(Look::Quick), seen(Look::Close)), (None, None));
        // The same again, later: its content tells.
        fs::write(&postgres, "elf").unwrap();
        assert_eq!((seen(Look::Quick), seen(Look::Close)), (None, None));
        fs::write(&postgres, "ELF").unwrap();
        assert!(
            seen(Look::Quick)
                .unwrap()
                .ends_with("bin/postgres is not as it was fetched: its content is another")
        );
        fs::write(&postgres, "elf ").unwrap();
        assert!(seen(Look::Quick).unwrap().ends_with("its length is another"));
        fs::write(&postgres, "elf").unwrap();
        fs::remove_file(&link).unwrap();
        assert!(seen(Look::Quick).unwrap().ends_with("bin/link is not as it was fetched: it is gone"));
        symlink("initdb", &link).unwrap();
        assert!(seen(Look::Close).is_some());
    }
}
