//! What verbs print with `--json` is as docs/json.schema.json says, and nothing else is on that stream.

use backlot_testkit::{Stage, free_port, repository};
use serde_json::Value;

use crate::BACKLOT;

/// The faults of a value against a schema, as far as ours has words: `$ref`, `anyOf`, `enum`, `type`, `items`, `properties`, `required`,
/// `additionalProperties`.
fn faults(schema: &Value, value: &Value, root: &Value, at: &str) -> Vec<String> {
    if let Some(name) = schema["$ref"].as_str() {
        let target =
            root.pointer(name.trim_start_matches('#')).unwrap_or_else(|| panic!("{name} is not there"));
        return faults(target, value, root, at);
    }
    if let Some(all) = schema["anyOf"].as_array() {
        let tried: Vec<_> = all.iter().map(|one| faults(one, value, root, at)).collect();
        return if tried.iter().any(Vec::is_empty) { Vec::new() } else { tried.concat() };
    }
    if let Some(all) = schema["enum"].as_array() {
        return if all.contains(value) { Vec::new() } else { vec![format!("{at} is {value}")] };
    }
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let is_allowed = match &schema["type"] {
        Value::String(only) => only == kind,
        Value::Array(all) => all.iter().any(|one| one == kind),
        _ => panic!("{at} has no type in the schema"),
    };
    if !is_allowed {
        return vec![format!("{at} is of type {kind}")];
    }
    let mut found = Vec::new();
    for (number, item) in value.as_array().into_iter().flatten().enumerate() {
        found.extend(faults(&schema["items"], item, root, &format!("{at}[{number}]")));
    }
    for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if value.get(name).is_none() {
            found.push(format!("{at}.{name} is missing"));
        }
    }
    for (name, member) in value.as_object().into_iter().flatten() {
        let at = format!("{at}.{name}");
        match (schema["properties"].get(name), &schema["additionalProperties"]) {
            (Some(known), _) => found.extend(faults(known, member, root, &at)),
            (None, Value::Bool(false)) => found.push(format!("{at} is not in the schema")),
            (None, other @ Value::Object(_)) => found.extend(faults(other, member, root, &at)),
            (None, _) => {}
        }
    }
    found
}

pub(crate) struct Schema(Value);

impl Schema {
    pub(crate) fn read() -> Self {
        let text = std::fs::read_to_string(repository().join("docs/json.schema.json")).unwrap();
        Self(serde_json::from_str(&text).unwrap())
    }

    pub(crate) fn check(&self, name: &str, text: &str) {
        let schema = &self.0["$defs"][name];
        assert!(!schema.is_null(), "{name} is not in the schema");
        let value: Value =
            serde_json::from_str(text).unwrap_or_else(|error| panic!("{name}: {error}\n{text}"));
        assert_eq!(faults(schema, &value, &self.0, name), Vec::<String>::new(), "{text}");
    }
}

fn project() -> Stage {
    let stage = Stage::empty(BACKLOT).with("BROWSER", "true");
    stage.file(
        "compose.yaml",
        format!(
            "services:\n  db: {{image: postgres, environment: {{POSTGRES_PASSWORD: x}}, ports: ['{}:5432']}}\n  web:\n    image: x\n    \
             ports: ['8000']\n    command: sh -c 'echo began; exec python3 -m http.server --bind 127.0.0.1 $$PORT'\n  \
             job: {{image: x, command: sh -c 'exit 3'}}\n",
            free_port()
        ),
    );
    stage.file("dump.sql", "CREATE TABLE item ();\n");
    stage.file("scenarios/users.sql", crate::USERS_SQL);
    stage
}

/// What is said one after another of what is up.
const WORDS: &[&[&str]] = &[
    &["wait"],
    &["ps"],
    &[],
    &["ls"],
    &["logs", "web"],
    &["top"],
    &["endpoints"],
    &["url"],
    &["open", "web"],
    &["restart", "web"],
    &["restart", "--rolling", "web"],
    &["scale", "web=2"],
    &["stop", "web"],
    &["start", "web"],
    &["env"],
    &["db", "url"],
    &["db", "create"],
    &["create-initial-db"],
    &["config"],
    &["doctor"],
    &["install"],
    &["volume", "ls"],
    &["postgres", "ls"],
    &["snapshot", "save", "monday"],
    &["snapshot", "load", "dumped", "dump.sql"],
    &["snapshot", "ls"],
    &["prune", "--dry-run"],
    &["prune", "--yes"],
    &["snapshot", "rm", "dumped", "--yes"],
    &["snapshot", "rm", "monday", "--yes"],
    &["scenario", "up", "users", "--only", "web", "--wait"],
    &["scenario", "ls"],
    &["scenario", "url", "users"],
    &["scenario", "env", "users"],
    &["scenario", "reset", "users"],
    &["scenario", "down", "users"],
    &["stop"],
    &["down"],
    &["down"],
];

#[test]
fn every_verb_prints_what_the_schema_says() {
    let (stage, schema) = (project(), Schema::read());
    let says = |code: u8, words: &[&str]| {
        let outcome = stage.backlot(&[words, &["--json"]].concat()).output().assert_code(code);
        let verb = words.iter().take_while(|word| word.starts_with(char::is_alphabetic));
        let verb: Vec<&str> = verb.copied().collect();
        let groups = ["db", "scenario", "volume", "postgres", "snapshot"];
        let length = if groups.contains(verb.first().unwrap_or(&"")) { 2 } else { 1 };
        let name = if verb.is_empty() { "glance".into() } else { verb[..length].join("-") };
        if name == "logs" {
            assert!(outcome.stdout.lines().count() > 0, "{outcome}");
            outcome.stdout.lines().for_each(|line| schema.check("verb-logs", line));
        } else {
            schema.check(&format!("verb-{name}"), &outcome.stdout);
        }
    };
    says(0, &["up", "-d", "db", "web"]);
    for words in WORDS {
        says(0, words);
    }
    says(0, &["up", "-d", "web", "job"]);
    says(3, &["wait", "--for", "stopped", "job"]);
    says(0, &["down"]);
    for words in
        [&["up"][..], &["down"], &["restart"], &["scenario", "up", "users"], &["stop"], &["db", "create"]]
    {
        let outcome = stage.backlot(&[words, &["--json", "--dry-run"]].concat()).output().assert_code(0);
        schema.check("steps", &outcome.stdout);
    }
    for words in [&["exec", "web", "true"][..], &["up", "nothing"], &["lgos"], &["scenario", "up", "usres"]] {
        let outcome = stage.backlot(&[&["--json"], words].concat()).output();
        assert!(outcome.code != 0 && outcome.stdout.is_empty(), "{outcome}");
        schema.check("error", &outcome.stderr);
    }
    stage.assert_nothing_left();
}
