//! Every text that a verb can print is in one catalogue, `messages.txt`, where it can be read aloud. It is made of the source, so that none is
//! forgotten: what errors say (`#[error("…")]`), and all other sentences, with values in the place of what is filled in.
//!
//! `BACKLOT_WRITE_DOCS=1 cargo test -p backlot --test messages` writes it anew.

#![expect(clippy::unwrap_used, reason = "a test that cannot set itself up has to fail loudly")]

mod catalogue;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;

use backlot_testkit::sources;
use catalogue::{Kind, Text, texts};

fn all() -> BTreeMap<String, Vec<Text>> {
    let read = |(path, code): (std::path::PathBuf, String)| {
        let file = syn::parse_file(&code).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        (path.display().to_string(), texts(&file))
    };
    // Examples of the command line are in docs/verbs.md.
    let sources = sources().into_iter().filter(|(path, _)| !path.ends_with("help/examples.rs"));
    sources.map(read).filter(|(_, texts)| !texts.is_empty()).collect()
}

#[test]
fn the_catalogue_is_of_the_source() {
    let mut text = String::from(
        "What Backlot can say, file by file: errors, and whatever else is a sentence. Made by a test of the source; what is filled in is a sample.\n",
    );
    for (path, texts) in all() {
        let _ = write!(text, "\n{path}\n");
        for Text { kind, rendered, .. } in texts {
            let word = match kind {
                Kind::Error => "error",
                Kind::Said => "",
            };
            let _ = writeln!(text, "{word:<7} {}", rendered.replace('\n', "\n        "));
        }
    }
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    let text = lines.join("\n") + "\n";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/messages.txt");
    if std::env::var("BACKLOT_WRITE_DOCS").is_ok_and(|value| value == "1") {
        fs::write(&path, &text).unwrap();
    }
    let written = fs::read_to_string(path).unwrap_or_default();
    let differs = text.lines().zip(written.lines()).find(|(now, then)| now != then);
    assert!(
        text == written,
        "messages.txt is stale at {differs:?}: write it with BACKLOT_WRITE_DOCS=1 cargo test -p backlot --test messages, and read what is new aloud"
    );
}

/// Words of the code that are none of the user's (docs/glossary.md), and words that excuse or shout.
const NOT_SAID: &[&str] = &[
    "runbook",
    "janitor",
    "outbox",
    "translation",
    "further database",
    "upstream",
    "rendezvous",
    "please",
    "sorry",
    "oops",
    "illegal",
    "fatal",
    "unexpected error",
    "something went wrong",
];

/// Names that begin a text as they are written.
fn is_name(word: &str) -> bool {
    let letters: String = word.chars().filter(|c| c.is_alphabetic()).collect();
    let capitals = letters.chars().filter(|c| c.is_uppercase()).count();
    capitals > 1
        || letters.chars().count() == 1
        || [
            "Docker",
            "Compose",
            "Dockerfile",
            "Dockerfiles",
            "Postgres",
            "Postgres'",
            "Podman",
            "Python",
            "Node",
            "Redis",
            "Valkey",
            "Ctrl-C",
            "Backlot",
            "Django",
        ]
        .contains(&word.trim_end_matches([',', ':']))
}

#[test]
fn errors_are_fragments() {
    let mut wrong = Vec::new();
    for (path, texts) in all() {
        for Text { rendered, .. } in texts.iter().filter(|text| matches!(text.kind, Kind::Error)) {
            let first = rendered.split_whitespace().next().unwrap_or_default();
            let shouts = first.starts_with(char::is_uppercase) && !is_name(first);
            if shouts || rendered.ends_with(['.', '!']) && !rendered.ends_with("…") {
                wrong.push(format!("{path}: {rendered}"));
            }
        }
    }
    assert!(wrong.is_empty(), "they begin with a capital, or end like a sentence:\n{}", wrong.join("\n"));
}

#[test]
fn nothing_is_said_in_words_of_the_code() {
    let mut wrong = Vec::new();
    for (path, texts) in all() {
        for Text { rendered, .. } in texts {
            let lower = rendered.to_lowercase();
            let words = NOT_SAID.iter().filter(|word| lower.contains(**word));
            wrong.extend(words.map(|word| format!("{path}: {word}: {rendered}")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
