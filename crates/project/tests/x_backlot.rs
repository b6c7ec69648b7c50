//! The schema of `x-backlot` for editors is what the reader knows.
//!
//! `BACKLOT_WRITE_DOCS=1` writes `docs/x-backlot.schema.json` anew.

#![expect(clippy::unwrap_used, reason = "a test that cannot set itself up has to fail loudly")]

use std::path::Path;

use backlot_project::stack::{ExtensionKey, Form, SERVICE_KEYS, STACK_KEYS};
use backlot_project::{EnvironmentName, Lookup, Project};
use serde_json::{Map, Value, json};

fn of_keys(keys: &[ExtensionKey]) -> Value {
    let one = |key: &ExtensionKey| {
        let mut schema = match key.form {
            Form::Command => json!({ "type": ["string", "array"], "items": { "type": "string" } }),
            Form::Folder => json!({ "type": "string" }),
            Form::Version => json!({ "type": ["string", "number"] }),
            Form::Flag => json!({ "type": "boolean" }),
        };
        schema["description"] = key.about.into();
        (key.name.to_owned(), schema)
    };
    let properties: Map<String, Value> = keys.iter().map(one).collect();
    json!({ "type": ["object", "null"], "additionalProperties": false, "properties": properties })
}

#[test]
fn the_schema_is_the_table() {
    let schema = json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "x-backlot in Compose files",
        "type": "object",
        "properties": {
            "x-backlot": of_keys(STACK_KEYS),
            "services": {
                "type": ["object", "null"],
                "additionalProperties": { "type": ["object", "null"], "properties": { "x-backlot": of_keys(SERVICE_KEYS) } },
            },
        },
    });
    let text = format!("{schema:#}\n");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/x-backlot.schema.json");
    if std::env::var("BACKLOT_WRITE_DOCS").is_ok_and(|value| value == "1") {
        std::fs::write(&path, &text).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == text,
        "docs/x-backlot.schema.json is stale: write it with BACKLOT_WRITE_DOCS=1 cargo test -p backlot-project --test x_backlot"
    );
}

#[test]
fn the_page_has_every_key() {
    let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/x-backlot.md"));
    let page = page.unwrap();
    let row = |key: &ExtensionKey| format!("| `{}` | {} |", key.name, key.about);
    for keys in [STACK_KEYS, SERVICE_KEYS] {
        let rows: Vec<String> = keys.iter().map(row).collect();
        let table = format!("\n|---|---|\n{}\n\n", rows.join("\n"));
        assert!(page.contains(&table), "docs/x-backlot.md has not exactly these rows:{table}");
    }
}

/// The error of a Compose file, if it is one.
fn fault(compose: &str) -> Option<String> {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("compose.yaml"), compose).unwrap();
    let project = Project::find(Lookup { start_dir: dir.path().to_owned(), ..Lookup::default() });
    let name = EnvironmentName::parse("development").unwrap();
    let read = project.and_then(|project| project.environment(&name));
    read.err().map(|error| format!("{error}; {}", error.hint().unwrap_or_default()))
}

#[test]
fn the_table_is_what_the_reader_knows() {
    for (keys, before) in [(STACK_KEYS, ""), (SERVICE_KEYS, "    ")] {
        let file = |said: &str| format!("services:\n  web:\n    image: a\n{before}x-backlot: {said}\n");
        for key in keys {
            let (good, bad) = match key.form {
                Form::Command => (&["make it", "[make, it]"][..], "{a: b}"),
                Form::Folder => (&["bin"][..], "[a]"),
                Form::Version => (&["16", "'16.4'", "16.4"][..], "many"),
                Form::Flag => (&["true", "false"][..], "often"),
            };
            for value in good {
                assert_eq!(fault(&file(&format!("{{{}: {value}}}", key.name))), None, "{}", key.name);
            }
            assert!(fault(&file(&format!("{{{}: {bad}}}", key.name))).is_some(), "{}: {bad}", key.name);
        }
        let unknown = fault(&file("{nothing: 1}")).unwrap();
        assert!(keys.iter().all(|key| unknown.contains(key.name)), "{unknown}");
    }
}
