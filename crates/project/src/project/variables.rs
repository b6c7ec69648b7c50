//! The variables of an environment's files, and what interpolation sees.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::{Path, PathBuf};

use super::Lookup;
use super::faults::way_out;
use crate::config::read_config;
use crate::error::ProjectError;
use crate::variables::{Origin, Variables};
use backlot_compose::{self as compose, Missed, read_env_file};
use backlot_yaml::Source;

/// The env files of a directory: those that the caller names, else `.env`, overlaid by `.env.<overlay>`.
pub(super) fn env_files(
    dir: &Path,
    lookup: &Lookup,
    overlay: Option<&str>,
) -> Result<Vec<PathBuf>, ProjectError> {
    let mut named = lookup.env_files.clone();
    if named.is_empty() {
        let listed = lookup.process_env.get("COMPOSE_ENV_FILES").map(String::as_str).unwrap_or_default();
        named = listed.split(',').filter(|name| !name.is_empty()).map(PathBuf::from).collect();
    }
    if !named.is_empty() {
        let existing = |name: &PathBuf| {
            let path = lookup.start_dir.join(name);
            if path.exists() {
                return Ok(path);
            }
            let hint = way_out(&path);
            let hint = hint.unwrap_or_else(|| "create it, or name another one".to_owned());
            Err(ProjectError::new(compose::Problem::EnvFileMissing { path }).with_hint(hint))
        };
        return named.iter().map(existing).collect();
    }
    let is_off = lookup.process_env.get("COMPOSE_DISABLE_ENV_FILE");
    if is_off.is_some_and(|off| matches!(off.to_ascii_lowercase().as_str(), "1" | "t" | "true")) {
        return Ok(Vec::new());
    }
    let mut files = vec![dir.join(".env")];
    files.extend(overlay.map(|overlay| dir.join(format!(".env.{overlay}"))));
    // A folder of that name is a virtual environment, which Compose passes over, too.
    files.retain(|file| file.exists() && !file.is_dir());
    Ok(files)
}

/// Each variable with its value and the file that gave it, later files winning, in order.
pub(super) type FromFiles = Vec<(String, String, PathBuf)>;

/// Reads env files; the values alone, and the variables with their files. What nobody sets is added to `missed`.
pub(super) fn env_values(
    files: &[PathBuf],
    lookup: &Lookup,
    missed: &mut Missed,
) -> Result<(compose::Variables, FromFiles), ProjectError> {
    let mut values = compose::Variables::new();
    let mut from_files = FromFiles::new();
    let mut places = BTreeMap::new();
    for file in files {
        let source = Source::read(file)?;
        let seen = values.clone();
        let outer = |name: &str| lookup.process_env.get(name).or_else(|| seen.get(name)).cloned();
        let read = read_env_file(&source, &outer)?;
        missed.extend(read.missed);
        for (name, value) in read.variables {
            values.insert(name.clone(), value.clone());
            match places.entry(name.clone()) {
                Entry::Occupied(place) => from_files[*place.get()] = (name, value, file.clone()),
                Entry::Vacant(place) => {
                    place.insert(from_files.len());
                    from_files.push((name, value, file.clone()));
                }
            }
        }
    }
    Ok((values, from_files))
}

/// The variables of one file in the form of `.env`, in order; `outer` is what its references (`$NAME`) mean outside of it.
///
/// # Errors
/// When it cannot be read.
pub fn variables_in(
    file: &Path,
    outer: &BTreeMap<String, String>,
) -> Result<Vec<(String, String)>, ProjectError> {
    let read = read_env_file(&Source::read(file)?, &|name: &str| outer.get(name).cloned())?;
    Ok(read.variables)
}

/// The variables of env files, the caller's values in the place of theirs.
pub(super) fn from_env_files(from_files: FromFiles, lookup: &Lookup) -> Variables {
    let mut variables = Variables::default();
    for (name, value, file) in from_files {
        set(&mut variables, lookup, &name, value, Origin::DotEnv(file));
    }
    variables
}

/// The variables of a config file, the caller's values in the place of its.
pub(super) fn from_config(path: &Path, lookup: &Lookup) -> Result<Variables, ProjectError> {
    let source = Source::read(path)?;
    let mut variables = Variables::default();
    for variable in read_config(&source)? {
        set(&mut variables, lookup, &variable.name, variable.value, Origin::ConfigFile(path.to_owned()));
    }
    Ok(variables)
}

fn set(variables: &mut Variables, lookup: &Lookup, name: &str, value: String, origin: Origin) {
    match lookup.process_env.get(name) {
        Some(value) => variables.set(name, value.clone(), Origin::Process),
        None => variables.set(name, value, origin),
    }
}

/// What interpolation sees: the environment's variables over the caller's, with `PWD` as the working directory. `below` is
/// what both win over.
pub(super) fn for_interpolation(
    pwd: &Path,
    lookup: &Lookup,
    variables: &Variables,
    below: compose::Variables,
) -> compose::Variables {
    let mut all = below;
    all.extend(lookup.process_env.clone());
    all.extend(variables.iter().map(|(name, variable)| (name.to_owned(), variable.value.clone())));
    all.insert("PWD".to_owned(), pwd.display().to_string());
    all
}
