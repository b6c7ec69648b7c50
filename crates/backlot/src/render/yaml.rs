//! Values as YAML: what reads YAML 1.1 and what reads 1.2 understands the same by it.

use std::fmt::Write;

use serde_json::Value;

/// A value as a document.
pub fn yaml(value: &Value) -> String {
    let mut text = String::new();
    match value {
        Value::Object(all) if !all.is_empty() => block(&mut text, value, 0),
        Value::Array(all) if !all.is_empty() => block(&mut text, value, 0),
        other => {
            text.push_str(&scalar(other));
            text.push('\n');
        }
    }
    text
}

/// What has parts, each on lines of its own, `depth` steps in.
fn block(text: &mut String, value: &Value, depth: usize) {
    let indent = "  ".repeat(depth);
    // Writing into a text cannot fail.
    if let Value::Object(all) = value {
        for (name, value) in all {
            let _ = write!(text, "{indent}{}:", plain_or_quoted(name));
            part(text, value, depth);
        }
    }
    if let Value::Array(all) = value {
        for value in all {
            let _ = write!(text, "{indent}-");
            part(text, value, depth);
        }
    }
}

fn part(text: &mut String, value: &Value, depth: usize) {
    let has_parts = match value {
        Value::Object(all) => !all.is_empty(),
        Value::Array(all) => !all.is_empty(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    };
    if has_parts {
        text.push('\n');
        block(text, value, depth + 1);
    } else {
        let _ = writeln!(text, " {}", scalar(value));
    }
}

fn scalar(value: &Value) -> String {
    match value {
        Value::String(text) => plain_or_quoted(text),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            value.to_string()
        }
    }
}

/// A text as it is, where nothing could be read into it; else in quotes, as JSON has it.
fn plain_or_quoted(text: &str) -> String {
    let begins_well = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/');
    let is_simple = text.chars().all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c));
    let is_a_word = matches!(
        text.to_ascii_lowercase().as_str(),
        "y" | "n" | "yes" | "no" | "on" | "off" | "true" | "false" | "null"
    );
    if begins_well && is_simple && !is_a_word { text.to_owned() } else { Value::from(text).to_string() }
}

#[cfg(test)]
mod tests {
    use backlot_yaml::{Node, Source, Value as Read, documents};
    use serde_json::{Value, json};

    use super::yaml;

    fn in_json(node: &Node) -> Value {
        match &node.value {
            Read::Map(map) => {
                let entries = map.entries.iter();
                entries.map(|entry| (entry.key.clone(), in_json(&entry.value))).collect()
            }
            Read::List(list) => list.iter().map(in_json).collect(),
            Read::String(text) => text.as_str().into(),
            Read::Int(number) => i64::try_from(*number).unwrap().into(),
            Read::Bool(is) => (*is).into(),
            Read::Null => Value::Null,
            Read::Float(number) => (*number).into(),
        }
    }

    #[test]
    fn texts_are_quoted_where_something_could_be_read_into_them() {
        let value = json!({
            "name": "shop",
            "services": {
                "web": {
                    "command": ["sh", "-c", "echo \"a: b\" # no\n"],
                    "environment": { "A": "", "B": "yes", "C": "12", "D": "0x1f", "E": null, "F": "é" },
                    "ports": [{ "target": 80, "published": "8080" }],
                    "healthcheck": {},
                    "on": true,
                },
            },
        });
        let expected = r#"name: shop
services:
  web:
    command:
      - sh
      - "-c"
      - "echo \"a: b\" # no\n"
    environment:
      A: ""
      B: "yes"
      C: "12"
      D: "0x1f"
      E: null
      F: "é"
    ports:
      -
        target: 80
        published: "8080"
    healthcheck: {}
    "on": true
"#;
        assert_eq!(yaml(&value), expected);
        let source = Source::new("it.yaml", yaml(&value));
        assert_eq!(in_json(&documents(&source).unwrap()[0]), value);
        assert_eq!(yaml(&json!({})), "{}\n");
    }
}
