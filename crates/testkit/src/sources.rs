//! The code of the program, for tests that look at what is written there.

use std::fs;
use std::path::PathBuf;

use crate::stage::repository;

/// Each source file of all crates but this one, by its path in the repository, without the tests at its end.
pub fn sources() -> Vec<(PathBuf, String)> {
    let root = repository();
    let crates = fs::read_dir(root.join("crates")).unwrap().flatten().map(|entry| entry.path());
    let mut folders: Vec<PathBuf> =
        crates.filter(|path| !path.ends_with("testkit")).map(|path| path.join("src")).collect();
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "rs") && !path.ends_with("tests.rs") {
                let text = fs::read_to_string(&path).unwrap();
                let code = text.split("\n#[cfg(test)]\nmod tests {").next().unwrap_or_default().to_owned();
                found.push((path.strip_prefix(&root).unwrap().to_owned(), code));
            }
        }
    }
    found.sort();
    found
}
