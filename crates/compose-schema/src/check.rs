//! Holds a model against the types that Compose knows.

use std::collections::HashSet;

use backlot_near::nearest;
use backlot_yaml::{Entry, Error, Node, Problem, Value};

use crate::path::Path;
use crate::tables::MODEL;
use crate::types::{Shape, Table};
use crate::units::parse_duration;

/// When an image is pulled, but for `every_` and a time.
const PULL_POLICIES: [&str; 8] =
    ["always", "never", "if_not_present", "build", "missing", "refresh", "daily", "weekly"];

fn is_pull_policy(text: &str) -> bool {
    let is_time = |time: &str| {
        let digits = time.trim_end_matches(|c: char| "wdhms".contains(c));
        digits != time
            && !digits.is_empty()
            && time.chars().all(|c| c.is_ascii_digit() || "wdhms".contains(c))
    };
    PULL_POLICIES.contains(&text) || text.strip_prefix("every_").is_some_and(is_time)
}

/// Checks a model, as it is written or in long form.
pub fn check(model: &Node) -> Result<(), Error> {
    check_value(model, &Shape::Table(&MODEL), &Path::Root)
}

fn check_value(node: &Node, shape: &Shape, path: &Path<'_>) -> Result<(), Error> {
    if !has_kind(&node.value, shape) {
        let error = node.wrong_type(path.to_string(), describe(shape));
        let quoted =
            matches!(node.value, Value::Bool(_) | Value::Int(_) | Value::Float(_)) && takes_text(shape);
        return Err(if quoted { error.with_hint("put the value in quotes") } else { error });
    }
    match (shape, &node.value) {
        (Shape::Either(shapes), value) => match shapes.iter().find(|shape| has_kind(value, shape)) {
            Some(shape) => check_value(node, shape, path),
            None => Ok(()),
        },
        (Shape::Word(words), Value::String(text)) if !words.contains(&text.as_str()) => {
            let hint = format!("write one of {}", words.join(", "));
            Err(node.not_allowed(path.to_string(), words).with_hint(hint))
        }
        (Shape::PullPolicy, Value::String(text)) if !is_pull_policy(text) => {
            let hint = format!("write one of {}, or every_12h", PULL_POLICIES.join(", "));
            Err(node.not_allowed(path.to_string(), &PULL_POLICIES).with_hint(hint))
        }
        (Shape::Period, Value::String(text)) if parse_duration(text).is_none() => {
            let hint = "write a duration with units, such as 500ms, 10s or 1m30s";
            Err(node.not_allowed(path.to_string(), &[]).with_hint(hint))
        }
        (Shape::Table(table), Value::Map(map)) => check_table(node, &map.entries, table, path),
        (Shape::Names(shape), Value::Map(map)) => check_names(&map.entries, shape, path),
        (Shape::Keys(shape), Value::Map(map)) => check_entries(&map.entries, shape, path),
        (Shape::List(shape), Value::List(items)) => check_items(items, shape, path),
        (Shape::Set(shape), Value::List(items)) => {
            check_items(items, shape, path)?;
            check_repeats(items, path)
        }
        // The kind is right, and these have nothing more to check.
        (
            Shape::Any
            | Shape::Null
            | Shape::Text
            | Shape::Flag
            | Shape::Whole
            | Shape::Number
            | Shape::Word(_)
            | Shape::PullPolicy
            | Shape::Period
            | Shape::Table(_)
            | Shape::Names(_)
            | Shape::Keys(_)
            | Shape::List(_)
            | Shape::Set(_),
            _,
        ) => Ok(()),
    }
}

fn check_table(node: &Node, entries: &[Entry], table: &Table, path: &Path<'_>) -> Result<(), Error> {
    for Entry { key, key_span, value } in entries {
        match table.fields.iter().find(|field| field.key == key) {
            Some(field) => check_value(value, &field.shape, &path.key(key))?,
            None if table.extensible && key.starts_with("x-") => {}
            None => {
                let error = key_span.error(Problem::UnknownKey { at: path.to_string(), key: key.clone() });
                let known = table.fields.iter().map(|field| field.key);
                return Err(match nearest(key, known) {
                    Some(near) => error.with_hint(format!("did you mean {near}?")),
                    None if table.extensible => error.with_hint("keys of your own begin with x-"),
                    None => error,
                });
            }
        }
    }
    match table.required.iter().find(|key| !entries.iter().any(|entry| entry.key == **key)) {
        Some(key) => Err(node.span.error(Problem::KeyMissing { at: path.to_string(), key })),
        None => Ok(()),
    }
}

fn check_names(entries: &[Entry], shape: &Shape, path: &Path<'_>) -> Result<(), Error> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    for entry in entries {
        if entry.key.is_empty() || !entry.key.chars().all(fits) {
            let problem = Problem::UnknownKey { at: path.to_string(), key: entry.key.clone() };
            return Err(entry
                .key_span
                .error(problem)
                .with_hint("a name is made of letters, digits, ., _ and -"));
        }
    }
    check_entries(entries, shape, path)
}

fn check_entries(entries: &[Entry], shape: &Shape, path: &Path<'_>) -> Result<(), Error> {
    entries.iter().try_for_each(|entry| check_value(&entry.value, shape, &path.key(&entry.key)))
}

fn check_items(items: &[Node], shape: &Shape, path: &Path<'_>) -> Result<(), Error> {
    items.iter().enumerate().try_for_each(|(index, item)| check_value(item, shape, &path.index(index)))
}

fn check_repeats(items: &[Node], path: &Path<'_>) -> Result<(), Error> {
    let mut texts = HashSet::new();
    let repeated = items.iter().find(|item| match item.value.scalar_text() {
        Some(text) => !texts.insert((item.value.kind(), text)),
        None => false,
    });
    match repeated {
        Some(item) => {
            let value = item.value.scalar_text().unwrap_or_default();
            let problem = Problem::NotUnique { at: path.to_string(), value };
            Err(item.span.error(problem).with_hint("remove one of the two"))
        }
        None => Ok(()),
    }
}

fn has_kind(value: &Value, shape: &Shape) -> bool {
    match shape {
        Shape::Any => true,
        Shape::Null => matches!(value, Value::Null),
        Shape::Text | Shape::Word(_) | Shape::PullPolicy | Shape::Period => {
            matches!(value, Value::String(_))
        }
        Shape::Flag => matches!(value, Value::Bool(_)),
        Shape::Whole => match value {
            Value::Int(_) => true,
            Value::Float(number) => number.fract() == 0.0,
            Value::Null | Value::Bool(_) | Value::String(_) | Value::List(_) | Value::Map(_) => false,
        },
        Shape::Number => matches!(value, Value::Int(_) | Value::Float(_)),
        Shape::Table(_) | Shape::Names(_) | Shape::Keys(_) => matches!(value, Value::Map(_)),
        Shape::List(_) | Shape::Set(_) => matches!(value, Value::List(_)),
        Shape::Either(shapes) => shapes.iter().any(|shape| has_kind(value, shape)),
    }
}

fn takes_text(shape: &Shape) -> bool {
    has_kind(&Value::String(String::new()), shape)
}

fn describe(shape: &Shape) -> String {
    let kind = match shape {
        Shape::Any => "anything",
        Shape::Null => "nothing",
        Shape::Text | Shape::Word(_) | Shape::PullPolicy | Shape::Period => "a string",
        Shape::Flag => "a boolean",
        Shape::Whole => "an integer",
        Shape::Number => "a number",
        Shape::Table(_) | Shape::Names(_) | Shape::Keys(_) => "a mapping",
        Shape::List(_) | Shape::Set(_) => "a list",
        Shape::Either(shapes) => {
            let kinds: Vec<String> = shapes.iter().map(describe).collect();
            return match kinds.split_last() {
                Some((last, [])) => last.clone(),
                Some((last, others)) => format!("{} or {last}", others.join(", ")),
                None => String::new(),
            };
        }
    };
    kind.to_owned()
}
