//! `x-backlot`: what Compose cannot say.

use std::path::PathBuf;

use super::parts::words;
use super::{ServiceExtension, StackExtension};
use backlot_compose::{Base, Error};
use backlot_plan::PostgresWish;
use backlot_yaml::{Entry, Node, Problem, Value};

/// `x-backlot` at the top level.
pub(super) fn of_stack(node: &Node, base: Base<'_>) -> Result<StackExtension, Error> {
    let mut extension = StackExtension::default();
    for Entry { key, key_span, value } in checked(node)? {
        match key.as_str() {
            "test" => extension.test = words(value)?,
            "migrate" => extension.migrate = words(value)?,
            "bin" => extension.bin = Some(path(value, base)?),
            "postgres" => extension.postgres = Some(postgres(value)?),
            _ => {
                return Err(key_span
                    .error(unknown(key))
                    .with_hint("at the top level it may have test, migrate, bin and postgres"));
            }
        }
    }
    Ok(extension)
}

/// `x-backlot` of a service.
pub(super) fn of_service(node: &Node, base: Base<'_>) -> Result<ServiceExtension, Error> {
    let mut extension = ServiceExtension::default();
    for Entry { key, key_span, value } in checked(node)? {
        match key.as_str() {
            "command" => extension.command = words(value)?,
            "test" => extension.test = words(value)?,
            "migrate" => extension.migrate = words(value)?,
            "bin" => extension.bin = Some(path(value, base)?),
            "postgres" => extension.postgres = Some(postgres(value)?),
            "optional" => extension.optional = flag(value)?,
            _ => {
                return Err(key_span.error(unknown(key)).with_hint(
                    "in a service it may have command, test, migrate, bin, postgres and optional",
                ));
            }
        }
    }
    Ok(extension)
}

fn checked(node: &Node) -> Result<&[Entry], Error> {
    match node.get("x-backlot") {
        Some(node) if node.as_map().is_none() && !node.is_null() => {
            Err(node.wrong_type("x-backlot", "a mapping"))
        }
        Some(_) | None => Ok(node.entries_of("x-backlot")),
    }
}

fn unknown(key: &str) -> Problem {
    Problem::UnknownKey { at: "x-backlot".to_owned(), key: key.to_owned() }
}

fn flag(node: &Node) -> Result<bool, Error> {
    match node.value {
        Value::Bool(flag) => Ok(flag),
        Value::Null | Value::Int(_) | Value::Float(_) | Value::String(_) | Value::List(_) | Value::Map(_) => {
            Err(node.wrong_type("x-backlot.optional", "true or false"))
        }
    }
}

fn path(node: &Node, base: Base<'_>) -> Result<PathBuf, Error> {
    if let Some(path) = node.as_str().filter(|path| !path.is_empty()) {
        Ok(PathBuf::from(base.absolute(path)))
    } else {
        Err(node.wrong_type("x-backlot.bin", "the path of a folder"))
    }
}

/// `15`, or `15.4`, which YAML takes for a number.
fn postgres(node: &Node) -> Result<PostgresWish, Error> {
    let text = node.value.scalar_text().unwrap_or_default();
    let error = || node.wrong_type("x-backlot.postgres", "a version of PostgreSQL, such as 16");
    PostgresWish::parse(&text).ok_or_else(error)
}
