//! Whether what was fetched is still what it was.

use std::fs;
use std::path::Path;

use crate::error::FetchError;
use crate::record::{FileRecord, Sums, stamp, sum};

/// How closely it is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Look {
    /// Lengths and times; the content where they are different. Some two milliseconds.
    Quick,
    /// The content of every file.
    Close,
}

/// Compares the files in `root` with what is known of them; `again` is what to ask for to have them anew. Returns whether times
/// were others, which are noted then.
pub(crate) fn check(root: &Path, sums: &mut Sums, again: &str, look: Look) -> Result<bool, FetchError> {
    let mut is_noted = false;
    for (name, file) in &mut sums.files {
        let path = root.join(name);
        match compare(&path, file, look) {
            Ok(modified) => {
                is_noted |= modified != file.modified;
                file.modified = modified;
            }
            Err(what) => return Err(FetchError::Damaged { path, what, again: again.to_owned() }),
        }
    }
    Ok(is_noted)
}

/// When a file was written, if it is as it is known; else what is another.
fn compare(path: &Path, file: &FileRecord, look: Look) -> Result<String, &'static str> {
    let metadata = fs::symlink_metadata(path).map_err(|_| "it is gone")?;
    let (size, modified) = stamp(&metadata);
    if size != file.size {
        return Err("its length is another");
    }
    // A home that was copied has other times.
    if look == Look::Quick && modified == file.modified {
        return Ok(modified);
    }
    match sum(path) {
        Ok(sum) if sum == file.sha256 => Ok(modified),
        Ok(_) => Err("its content is another"),
        Err(_) => Err("it cannot be read"),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::{Look, check};
    use crate::record::sums;

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
        let (mut first, whole) = sums(dir.path()).unwrap();
        assert_eq!(first.files.keys().collect::<Vec<_>>(), ["bin/link", "bin/postgres"]);
        assert_eq!(whole, sums(make().path()).unwrap().1);

        let (postgres, link) = (dir.path().join("bin/postgres"), dir.path().join("bin/link"));
        assert!(!check(dir.path(), &mut first, "16.4", Look::Close).unwrap());
        // The same again, later: its content tells, and is not read again.
        fs::write(&postgres, "elf").unwrap();
        assert!(check(dir.path(), &mut first, "16.4", Look::Quick).unwrap());
        assert!(!check(dir.path(), &mut first, "16.4", Look::Quick).unwrap());
        let mut seen =
            |look| check(dir.path(), &mut first, "16.4", look).err().map(|error| error.to_string());
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
