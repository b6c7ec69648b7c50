//! `x-backlot`: what Compose cannot say.

use std::path::PathBuf;

use super::parts::words;
use super::{ServiceExtension, StackExtension};
use backlot_compose::{Base, Error};
use backlot_plan::PostgresWish;
use backlot_yaml::{Entry, Node, Problem, Value};

/// What a key's value looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A command: a line, or its words.
    Command,
    /// The path of a folder.
    Folder,
    /// A version of PostgreSQL.
    Version,
    /// Yes or no.
    Flag,
}

/// A key of `x-backlot`.
#[derive(Debug, Clone, Copy)]
pub struct ExtensionKey {
    /// Its name.
    pub name: &'static str,
    /// What its value looks like.
    pub form: Form,
    /// What it says, for people.
    pub about: &'static str,
}

const fn key(name: &'static str, form: Form, about: &'static str) -> ExtensionKey {
    ExtensionKey { name, form, about }
}

/// Those that it may have at the top level.
pub const STACK_KEYS: &[ExtensionKey] = &[
    key("test", Form::Command, "what runs the project's tests (`backlot test`)"),
    key("migrate", Form::Command, "what brings the database's schema up to date"),
    key("bin", Form::Folder, "a folder of PostgreSQL's programs to take natively"),
    key("postgres", Form::Version, "the version of PostgreSQL to take, whatever the image says"),
    key(
        "snapshot",
        Form::Flag,
        "whether a scenario that nothing has changed is taken as it was filled before",
    ),
];

/// Those that it may have in a service.
pub const SERVICE_KEYS: &[ExtensionKey] = &[
    key("command", Form::Command, "what is run natively in the place of the service's own command"),
    key("test", Form::Command, "what runs the service's tests (`backlot test`)"),
    key("migrate", Form::Command, "what brings the schema of the database up to date, run as the service"),
    key("bin", Form::Folder, "a folder of the programs to take natively"),
    key("postgres", Form::Version, "the version of PostgreSQL to take, whatever the image says"),
    key("optional", Form::Flag, "whether others do without the service where it cannot run"),
];

/// `command, test and bin`
fn names(keys: &[ExtensionKey]) -> String {
    let names: Vec<&str> = keys.iter().map(|key| key.name).collect();
    let (last, others) = names.split_last().unwrap_or((&"", &[]));
    format!("{} and {last}", others.join(", "))
}

/// `x-backlot` at the top level.
pub(super) fn of_stack(node: &Node, base: Base<'_>) -> Result<StackExtension, Error> {
    let mut extension = StackExtension::default();
    for Entry { key, key_span, value } in checked(node)? {
        match key.as_str() {
            "test" => extension.test = words(value)?,
            "migrate" => extension.migrate = words(value)?,
            "bin" => extension.bin = Some(path(value, base)?),
            "postgres" => extension.postgres = Some(postgres(value)?),
            "snapshot" => extension.always_fills = !flag(value, "x-backlot.snapshot")?,
            _ => {
                let hint = format!("at the top level it may have {}", names(STACK_KEYS));
                return Err(key_span.error(unknown(key)).with_hint(hint));
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
            "optional" => extension.optional = flag(value, "x-backlot.optional")?,
            _ => {
                let hint = format!("in a service it may have {}", names(SERVICE_KEYS));
                return Err(key_span.error(unknown(key)).with_hint(hint));
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

fn flag(node: &Node, what: &'static str) -> Result<bool, Error> {
    match node.value {
        Value::Bool(flag) => Ok(flag),
        Value::Null | Value::Int(_) | Value::Float(_) | Value::String(_) | Value::List(_) | Value::Map(_) => {
            Err(node.wrong_type(what, "true or false"))
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
