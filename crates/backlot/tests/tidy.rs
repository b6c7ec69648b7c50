//! What the documents say of the code is true.

#![expect(clippy::unwrap_used, reason = "a test that cannot set itself up has to fail loudly")]

use std::fs;
use std::path::{Path, PathBuf};

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// All Rust files under `dir`.
fn rust_files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() && entry.file_name() != "target" {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    found
}

/// The parts of the text between backticks that look like paths of the repository.
fn paths_in(text: &str) -> Vec<String> {
    let quoted = text.split('`').skip(1).step_by(2);
    let tops = ["crates/", "docs/", "examples/", "fuzz", "bench", "scripts/", "src/native", "src/"];
    quoted
        .filter(|word| tops.iter().any(|top| word.starts_with(top)) && !word.contains([' ', '<', '*']))
        .map(str::to_owned)
        .collect()
}

#[test]
fn the_paths_that_the_documents_name_exist() {
    let root = repository();
    for document in ["ARCHITECTURE.md", "CONTRIBUTING.md", "README.md", "docs/supervisor.md"] {
        let text = fs::read_to_string(root.join(document)).unwrap();
        let paths = paths_in(&text);
        assert!(!paths.is_empty(), "{document} names no path");
        for path in paths {
            let places = ["", "crates/engine", "crates/backlot", "crates/plan", "crates/gateway"];
            let exists = places.iter().any(|place| root.join(place).join(&path).exists());
            assert!(exists, "{document} names {path}, which does not exist");
        }
    }
}

#[test]
fn the_map_names_every_crate() {
    let map = fs::read_to_string(repository().join("ARCHITECTURE.md")).unwrap();
    for entry in fs::read_dir(repository().join("crates")).unwrap().flatten() {
        let name = format!("`crates/{}`", entry.file_name().to_string_lossy());
        assert!(map.contains(&name), "ARCHITECTURE.md does not name {name}");
    }
}

/// The part of a source file before its tests.
fn without_tests(text: &str) -> &str {
    text.split("\n#[cfg(test)]\nmod tests").next().unwrap_or(text)
}

/// Each absence that ARCHITECTURE.md states and that words can show: where it holds, and the words that break it.
#[test]
fn the_absences_hold() {
    let absences: [(&str, &[&str], &[&str]); 6] = [
        (
            "crates/plan/src",
            &["std::fs", "std::time::Instant", "SystemTime", "std::env", "std::process"],
            &[],
        ),
        ("crates/compose/src", &["println!", "eprintln!", "env::var", "std::process"], &[]),
        ("crates/project/src", &["println!", "eprintln!", "env::var", "std::process"], &[]),
        ("crates/postgres/src", &["println!", "eprintln!", "env::var"], &[]),
        ("crates/engine/src", &["println!", "eprintln!", "env::var("], &[]),
        (
            "crates/backlot/src",
            &["println!", "print!(", "io::stdout", "env::var"],
            &["render/mod.rs", "caller.rs"],
        ),
    ];
    for (place, words, excepted) in absences {
        let files = rust_files(&repository().join(place));
        assert!(!files.is_empty(), "{place} has no files");
        for file in files.iter().filter(|file| !excepted.iter().any(|except| file.ends_with(except))) {
            let text = fs::read_to_string(file).unwrap();
            for word in words {
                assert!(!without_tests(&text).contains(word), "{} contains {word}", file.display());
            }
        }
    }
}
