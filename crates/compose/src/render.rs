//! Writes a model as `docker compose config --format json` prints it.

use serde_json::{Map as JsonMap, Number, Value as Json};

use backlot_compose_schema::{Form, MODEL, Table, format_duration, parse_bytes, parse_duration, split_words};
use backlot_yaml::{Entry, Map, Node, Problem as YamlProblem, Value};

use crate::error::{Error, Problem};
use crate::expand::truth;

/// The resolved model as JSON. Dollar signs are doubled, so that Compose can read it back.
pub fn render(model: &Node) -> Result<Json, Error> {
    let Some(map) = model.as_map() else { return Ok(Json::Null) };
    let mut object = table(map, &MODEL)?;
    for Entry { key, value, .. } in &map.entries {
        if key.starts_with("x-") {
            object.insert(key.clone(), raw(value));
        }
    }
    object.entry("services").or_insert_with(|| Json::Object(JsonMap::new()));
    Ok(escape(Json::Object(object)))
}

fn table(map: &Map, table: &Table) -> Result<JsonMap<String, Json>, Error> {
    let mut object = JsonMap::new();
    for field in table.fields {
        let value = match map.get(field.key) {
            Some(node) => form(node, field.form)?,
            None if matches!(field.form, Form::Words) => Some(Json::Null),
            None if table.always.contains(&field.key) => Some(empty(field.form)?),
            None => None,
        };
        if let Some(value) = value {
            object.insert(field.written.to_owned(), value);
        }
    }
    Ok(object)
}

/// What an embedded mapping is written as when it is missing.
fn empty(form: Form) -> Result<Json, Error> {
    let Form::Table(inner) = form else { return Ok(Json::Object(JsonMap::new())) };
    Ok(Json::Object(table(&Map::default(), inner)?))
}

/// One value; `None` leaves it out.
fn form(node: &Node, form: Form) -> Result<Option<Json>, Error> {
    if node.is_null() && !matches!(form, Form::Words) {
        return Ok(None);
    }
    Ok(match form {
        Form::Omit => None,
        Form::Text => text(node).filter(|text| !text.is_empty()).map(Json::String),
        Form::Flag => flag(node)?.then_some(Json::Bool(true)),
        Form::SetFlag => Some(Json::Bool(flag(node)?)),
        Form::Whole => Some(whole(node)?).filter(|number| *number != 0).map(Json::from),
        Form::SetWhole => Some(Json::from(whole(node)?)),
        Form::Number => number(node)?,
        Form::Bytes => {
            Some(bytes(node)?).filter(|bytes| *bytes != 0).map(|bytes| Json::String(bytes.to_string()))
        }
        Form::Period => Some(period(node)?).filter(|text| text != "0s").map(Json::String),
        Form::SetPeriod => Some(Json::String(period(node)?)),
        Form::DeviceCount => match node.as_str() {
            Some(text) if text.eq_ignore_ascii_case("all") => Some(Json::from(-1)),
            _ => Some(whole(node)?).filter(|number| *number != 0).map(Json::from),
        },
        Form::Texts => filled_list(texts(node)),
        Form::Pairs => filled_object(pairs(node, false)),
        Form::OpenPairs => filled_object(pairs(node, true)),
        Form::TextLists => {
            let entries = node.entries().iter();
            filled_object(entries.map(|e| (e.key.clone(), Json::from(texts(&e.value)))).collect())
        }
        Form::Hosts => filled_list(hosts(node)),
        Form::Words => Some(words(node)?),
        Form::Test => match node.as_str() {
            Some(line) => Some(Json::from(vec!["CMD-SHELL", line])),
            None => filled_list(texts(node)),
        },
        Form::Table(inner) => node.as_map().map(|map| table(map, inner)).transpose()?.map(Json::Object),
        Form::Tables(inner) => {
            let items =
                node.items().iter().filter_map(Node::as_map).map(|map| Ok(Json::Object(table(map, inner)?)));
            Some(items.collect::<Result<Vec<_>, Error>>()?).filter(|items| !items.is_empty()).map(Json::Array)
        }
        Form::TableMap(inner) => filled_object(table_map(node, inner)?),
        Form::Ulimits => filled_object(ulimits(node)?),
        Form::Ssh => filled_list(ssh(node)),
    })
}

fn filled_list(items: Vec<String>) -> Option<Json> {
    (!items.is_empty()).then(|| Json::from(items))
}

fn filled_object(object: JsonMap<String, Json>) -> Option<Json> {
    (!object.is_empty()).then_some(Json::Object(object))
}

fn flag(node: &Node) -> Result<bool, Error> {
    match &node.value {
        Value::Bool(value) => Ok(*value),
        Value::String(text) => truth(text).ok_or_else(|| invalid(node, "true or false")),
        Value::Null | Value::Int(_) | Value::Float(_) | Value::List(_) | Value::Map(_) => {
            Err(invalid(node, "true or false"))
        }
    }
}

fn text(node: &Node) -> Option<String> {
    node.value.scalar_text()
}

fn invalid(node: &Node, expected: &'static str) -> Error {
    let (at, value) = ("this value".to_owned(), text(node).unwrap_or_else(|| node.value.kind().to_owned()));
    node.span.error(YamlProblem::Cast { at, expected, value })
}

#[expect(clippy::cast_possible_truncation, reason = "a fraction is refused, and what is too large saturates")]
fn whole(node: &Node) -> Result<i64, Error> {
    match &node.value {
        Value::Int(number) => i64::try_from(*number).map_err(|_| invalid(node, "a smaller integer")),
        Value::Float(number) if number.fract() == 0.0 => Ok(*number as i64),
        Value::String(text) => text.parse().map_err(|_| invalid(node, "an integer")),
        Value::Null | Value::Bool(_) | Value::Float(_) | Value::List(_) | Value::Map(_) => {
            Err(invalid(node, "an integer"))
        }
    }
}

/// Compose keeps such numbers in 32 bits, which shows: 0.1 stays 0.1 only when it is written as a 32-bit number.
#[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "Compose rounds as well")]
fn number(node: &Node) -> Result<Option<Json>, Error> {
    let number = match &node.value {
        Value::Int(number) => *number as f32,
        Value::Float(number) => *number as f32,
        Value::String(text) => text.parse().map_err(|_| invalid(node, "a number"))?,
        Value::Null | Value::Bool(_) | Value::List(_) | Value::Map(_) => {
            return Err(invalid(node, "a number"));
        }
    };
    if number == 0.0 {
        return Ok(None);
    }
    if number.fract() == 0.0 && number.abs() < 1e15 {
        return Ok(Some(Json::from(number as i64)));
    }
    let shortest: f64 = number.to_string().parse().unwrap_or_default();
    Ok(Number::from_f64(shortest).map(Json::Number))
}

fn bytes(node: &Node) -> Result<i64, Error> {
    match &node.value {
        // Compose takes a negative size for "no limit" as it is.
        Value::String(text) => match text.strip_prefix('-') {
            Some(size) => parse_bytes(size).map(|bytes| -bytes),
            None => parse_bytes(text),
        }
        .ok_or_else(|| invalid(node, "a size such as 512m or 1.5gb")),
        Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::List(_) | Value::Map(_) => {
            whole(node)
        }
    }
}

fn period(node: &Node) -> Result<String, Error> {
    let duration = node.as_str().and_then(parse_duration);
    duration.map(format_duration).ok_or_else(|| invalid(node, "a duration such as 1m30s"))
}

fn texts(node: &Node) -> Vec<String> {
    match node.as_list() {
        Some(items) => items.iter().filter_map(text).collect(),
        None => text(node).into_iter().collect(),
    }
}

fn pairs(node: &Node, open: bool) -> JsonMap<String, Json> {
    let mut object = JsonMap::new();
    let absent = if open { Json::Null } else { Json::String(String::new()) };
    match &node.value {
        Value::Map(map) => {
            for Entry { key, value, .. } in &map.entries {
                object.insert(key.clone(), text(value).map_or_else(|| absent.clone(), Json::String));
            }
        }
        Value::List(items) => {
            for item in items.iter().filter_map(text) {
                match item.split_once('=') {
                    Some((key, value)) => object.insert(key.to_owned(), Json::String(value.to_owned())),
                    None => object.insert(item, absent.clone()),
                };
            }
        }
        Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::String(_) => {}
    }
    object
}

fn hosts(node: &Node) -> Vec<String> {
    let mut hosts = Vec::new();
    let mut add = |host: &str, address: &str| {
        let bare = address.strip_prefix('[').and_then(|address| address.strip_suffix(']'));
        hosts.push(format!("{host}={}", bare.unwrap_or(address)));
    };
    match &node.value {
        Value::Map(map) => {
            map.entries.iter().for_each(|e| texts(&e.value).iter().for_each(|address| add(&e.key, address)));
        }
        Value::List(items) => {
            for item in items.iter().filter_map(text) {
                let (host, addresses) =
                    item.split_once('=').or_else(|| item.split_once(':')).unwrap_or((&item, ""));
                addresses.split(',').for_each(|address| add(host, address));
            }
        }
        Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::String(_) => {}
    }
    hosts.sort();
    hosts
}

fn words(node: &Node) -> Result<Json, Error> {
    match &node.value {
        Value::Null => Ok(Json::Null),
        Value::String(line) => match split_words(line) {
            Ok(words) => Ok(Json::from(words)),
            Err(reason) => Err(node
                .span
                .error(Problem::Command { value: line.clone(), reason })
                .with_hint("write the command as a list of words")),
        },
        Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::List(_) | Value::Map(_) => {
            Ok(Json::from(texts(node)))
        }
    }
}

fn table_map(node: &Node, inner: &Table) -> Result<JsonMap<String, Json>, Error> {
    let mut object = JsonMap::new();
    for Entry { key, value, .. } in node.entries() {
        let json = match value.as_map() {
            Some(map) => Json::Object(table(map, inner)?),
            None => Json::Null,
        };
        object.insert(key.clone(), json);
    }
    Ok(object)
}

fn ulimits(node: &Node) -> Result<JsonMap<String, Json>, Error> {
    let mut object = JsonMap::new();
    for Entry { key, value, .. } in node.entries() {
        let json = match value.as_map() {
            None => Json::from(whole(value)?),
            Some(limits) => {
                let mut both = JsonMap::new();
                for key in ["soft", "hard"] {
                    let limit = limits.get(key).map(whole).transpose()?.unwrap_or(0);
                    if limit != 0 {
                        both.insert(key.to_owned(), Json::from(limit));
                    }
                }
                Json::Object(both)
            }
        };
        object.insert(key.clone(), json);
    }
    Ok(object)
}

fn ssh(node: &Node) -> Vec<String> {
    let Some(map) = node.as_map() else { return texts(node) };
    let key = |entry: &Entry| match text(&entry.value) {
        Some(path) => format!("{}={path}", entry.key),
        None => entry.key.clone(),
    };
    map.entries.iter().map(key).collect()
}

fn raw(node: &Node) -> Json {
    match &node.value {
        Value::Null => Json::Null,
        Value::Bool(value) => Json::Bool(*value),
        Value::Int(value) => match (i64::try_from(*value), u64::try_from(*value)) {
            (Ok(value), _) => Json::from(value),
            (Err(_), Ok(value)) => Json::from(value),
            (Err(_), Err(_)) => Json::Null,
        },
        Value::Float(value) => Number::from_f64(*value).map_or(Json::Null, Json::Number),
        Value::String(text) => Json::String(text.clone()),
        Value::List(items) => Json::Array(items.iter().map(raw).collect()),
        Value::Map(map) => Json::Object(map.entries.iter().map(|e| (e.key.clone(), raw(&e.value))).collect()),
    }
}

fn escape(value: Json) -> Json {
    match value {
        Json::String(text) if text.contains('$') => Json::String(text.replace('$', "$$")),
        Json::Array(items) => Json::Array(items.into_iter().map(escape).collect()),
        Json::Object(object) => Json::Object(
            object.into_iter().map(|(key, value)| (key.replace('$', "$$"), escape(value))).collect(),
        ),
        other @ (Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_)) => other,
    }
}
