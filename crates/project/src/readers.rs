//! The readers on text alone, for tests that feed them anything: no file is found or named for them.
//!
//! A Compose file may still name other files, which are then read.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::compose::{Base, Request, load_text};
use crate::config::read_config;
use crate::dotenv::read_env_file;
use crate::error::ProjectError;
use crate::interpolate::interpolate as interpolate_text;
use crate::source::Source;
use crate::stack::{Stack, extract};

/// Reads the text of a config file: names and values, in order.
pub fn config(text: &str) -> Result<Vec<(String, String)>, ProjectError> {
    let variables = read_config(&Source::new("/project/config/test.json", text))?;
    Ok(variables.into_iter().map(|variable| (variable.name, variable.value)).collect())
}

/// Reads the text of an env file: names and values, in order.
pub fn env_file(
    text: &str,
    process_env: &BTreeMap<String, String>,
) -> Result<Vec<(String, String)>, ProjectError> {
    let outer = |name: &str| process_env.get(name).cloned();
    Ok(read_env_file(&Source::new("/project/.env", text), &outer)?.variables)
}

/// Puts variables into a text; `None` when it cannot be understood or a variable that must be set is not.
pub fn interpolate(text: &str, variables: &BTreeMap<String, String>) -> Option<String> {
    let lookup = |name: &str| variables.get(name).map(String::as_str);
    interpolate_text(text, &lookup, &mut BTreeSet::new()).ok()
}

/// Reads the text of a Compose file into the stack of a project called `test`.
pub fn compose(text: &str, variables: &BTreeMap<String, String>) -> Result<Stack, ProjectError> {
    let dir = Path::new("/project");
    let files = [dir.join("compose.yaml")];
    let request =
        Request { files: &files, working_dir: dir, name: "test", variables, profiles: &["*".to_owned()] };
    let loaded = load_text(&request, text)?;
    extract(&loaded.model, Base { dir, home: None })
}

/// Feeds a text to every reader; what they make of it does not matter, only that they come back.
pub fn feed(text: &str) {
    let variables: BTreeMap<String, String> =
        [("SET", "value"), ("EMPTY", "")].map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let _ = config(text);
    let _ = env_file(text, &variables);
    let _ = interpolate(text, &variables);
    if let Ok(stack) = compose(text, &variables) {
        let _ = stack.into_throwaway();
    }
}
