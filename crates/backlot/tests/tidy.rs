//! What the documents say of the code is true.

#![expect(clippy::unwrap_used, reason = "a test that cannot set itself up has to fail loudly")]

use std::fs;
use std::path::{Path, PathBuf};

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// All files under `dir` whose names end in `extension`.
fn files(dir: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() && entry.file_name() != "target" {
                folders.push(path);
            } else if path.extension().is_some_and(|found| found == extension) {
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
    let mut documents: Vec<PathBuf> =
        ["ARCHITECTURE.md", "CONTRIBUTING.md", "README.md"].map(|name| root.join(name)).into();
    documents.extend(files(&root.join("docs"), "md"));
    let mut named = 0;
    for document in documents {
        let text = fs::read_to_string(&document).unwrap();
        for path in paths_in(&text) {
            let places = ["", "crates/engine", "crates/backlot", "crates/plan", "crates/gateway"];
            let exists = places.iter().any(|place| root.join(place).join(&path).exists());
            assert!(exists, "{} names {path}, which does not exist", document.display());
            named += 1;
        }
    }
    assert!(named > 50, "only {named} paths were found in the documents");
}

/// The records are numbered without a gap, and say when, why, what, and what comes of it.
#[test]
fn the_decisions_are_records() {
    let mut records = files(&repository().join("docs/decisions"), "md");
    records.sort();
    for (number, record) in (1..).zip(&records) {
        let name = record.file_name().unwrap().to_string_lossy();
        assert!(name.starts_with(&format!("{number:04}-")), "{name} is not number {number}");
        let text = fs::read_to_string(record).unwrap();
        for part in ["# ", "Decided 20", "**Context.** ", "**Decision.** ", "**Consequence.** "] {
            assert!(text.lines().any(|line| line.starts_with(part)), "{name} has no {part:?}");
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
    let absences: [(&str, &[&str], &[&str]); 9] = [
        (
            "crates/plan/src",
            &["std::fs", "std::time::Instant", "SystemTime", "std::env", "std::process"],
            &[],
        ),
        ("crates/yaml/src", &["println!", "eprintln!", "env::var", "std::process"], &[]),
        ("crates/compose-schema/src", &["println!", "std::fs", "env::var", "std::process"], &[]),
        ("crates/compose/src", &["println!", "eprintln!", "env::var", "std::process"], &[]),
        ("crates/project/src", &["println!", "eprintln!", "env::var", "std::process"], &[]),
        ("crates/postgres/src", &["println!", "eprintln!", "env::var"], &[]),
        ("crates/templates/src", &["println!", "eprintln!", "env::var"], &[]),
        ("crates/engine/src", &["println!", "eprintln!", "env::var("], &[]),
        (
            "crates/backlot/src",
            &["println!", "print!(", "io::stdout", "env::var"],
            &["render/mod.rs", "caller.rs", "waiting.rs"],
        ),
    ];
    for (place, words, excepted) in absences {
        let sources = files(&repository().join(place), "rs");
        assert!(!sources.is_empty(), "{place} has no files");
        for file in sources.iter().filter(|file| !excepted.iter().any(|except| file.ends_with(except))) {
            let text = fs::read_to_string(file).unwrap();
            for word in words {
                assert!(!without_tests(&text).contains(word), "{} contains {word}", file.display());
            }
        }
    }
}

/// A newcomer reads a file in one sitting. (How long functions are is clippy's to look at.)
#[test]
fn no_file_is_long() {
    let sources = files(&repository().join("crates"), "rs").into_iter();
    let long = sources.filter(|file| fs::read_to_string(file).unwrap().lines().count() > 400);
    assert_eq!(long.collect::<Vec<_>>(), Vec::<PathBuf>::new(), "they have more than 400 lines");
}

/// What a path leads to may be a named pipe, a device without an end or a file of gigabytes. Only what the kernel makes up
/// (`/proc`) is read in another way.
#[test]
fn whole_files_are_read_in_one_way() {
    let root = repository().join("crates");
    let of_the_kernel = ["process/src", "sockets/src/peer.rs"].map(|path| root.join(path));
    let ours = |path: &PathBuf| {
        let is_source = path.components().any(|part| part.as_os_str() == "src");
        let is_exempt = ["files", "testkit"].iter().any(|name| path.starts_with(root.join(name)));
        is_source && !is_exempt && !of_the_kernel.iter().any(|exempt| path.starts_with(exempt))
    };
    let mut found = Vec::new();
    for path in files(&root, "rs").into_iter().filter(ours) {
        let text = fs::read_to_string(&path).unwrap();
        let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        let reads = |line: &&str| ["fs::read(", "fs::read_to_string("].iter().any(|call| line.contains(call));
        let lines = code.lines().filter(reads).filter(|line| !line.contains("/proc/"));
        if !path.ends_with("tests.rs") {
            found.extend(lines.map(|line| format!("{}: {}", path.display(), line.trim())));
        }
    }
    assert!(found.is_empty(), "read by crates/files instead:\n{}", found.join("\n"));
}
