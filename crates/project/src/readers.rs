//! The readers on text alone, for tests that feed them anything: no file is found or named for them.
//!
//! A Compose file may still name other files, which are then read.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use backlot_compose::{Base, Request, interpolate, load_text, read_env_file};
use backlot_yaml::Source;

use crate::config::read_config;
use crate::error::ProjectError;
use crate::keys::{RunBy, Unhonoured};
use crate::stack::{Stack, extract};

/// Reads the text of a config file: names and values, in order.
pub fn config(text: &str) -> Result<Vec<(String, String)>, ProjectError> {
    let variables = read_config(&Source::new("/project/config/test.json", text))?;
    Ok(variables.into_iter().map(|variable| (variable.name, variable.value)).collect())
}

/// Reads the text of a Compose file into the stack of a project called `test`, with no variables set.
pub fn stack(text: &str) -> Result<Stack, ProjectError> {
    compose(text, &BTreeMap::new())
}

fn compose(text: &str, variables: &BTreeMap<String, String>) -> Result<Stack, ProjectError> {
    let dir = Path::new("/project");
    let files = [dir.join("compose.yaml")];
    let request = Request {
        files: &files,
        working_dir: dir,
        name: "test",
        variables,
        profiles: &["*".to_owned()],
        named: &[],
    };
    let loaded = load_text(&request, text)?;
    Ok(extract(&loaded.model, Base { dir, home: None })?)
}

/// The keys of a Compose file's text that are not honoured for programs, or for Postgres servers, each once.
pub fn unhonoured(text: &str, is_postgres: bool) -> Result<Vec<Unhonoured>, ProjectError> {
    let stack = stack(text)?;
    let services = stack.services.keys().cloned().collect();
    Ok(stack
        .unhonoured(&services, &|_| if is_postgres { RunBy::Server } else { RunBy::Program })
        .cloned()
        .collect())
}

/// Feeds a text to every reader; what they make of it does not matter, only that they come back.
pub fn feed(text: &str) {
    let variables: BTreeMap<String, String> =
        [("SET", "value"), ("EMPTY", "")].map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let _ = config(text);
    let known = |name: &str| variables.get(name).map(String::as_str);
    let _ = read_env_file(&Source::new("/project/.env", text), &|name| variables.get(name).cloned());
    let _ = interpolate(text, &known, &mut BTreeSet::new());
    if let Ok(stack) = compose(text, &variables) {
        let _ = stack.into_throwaway();
    }
}
