//! What is wrong with the files of an environment, told with the way out.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::{Environment, Layout, Project};
use crate::error::{Problem, ProjectError};
use crate::git::Git;
use backlot_compose::{self as compose, Missed};

/// What is said of a variable of libpq that is the caller's.
const NOT_USED: &str = "is not taken from your shell, where it is about some other Postgres: set it in .env or the environment's config file, or use another name";

/// What is wrong with files and keeps nobody from reading on.
pub(super) type Faults = Vec<compose::Error>;

/// An environment of whose files nothing is wrong.
pub(super) fn whole(
    project: &Project,
    read: impl FnOnce(&mut Faults) -> Result<Environment, ProjectError>,
) -> Result<Environment, ProjectError> {
    let mut faults = Faults::new();
    let environment = read(&mut faults)?;
    none_of(project, faults)?;
    Ok(environment)
}

pub(super) fn none_of(project: &Project, faults: Faults) -> Result<(), ProjectError> {
    let in_worktree = |fault: compose::Error| match fault.problem() {
        compose::Problem::EnvFileMissing { path } => match way_out_in_worktree(path) {
            Some(way_out) => fault.with_hint(way_out),
            None => fault,
        },
        _ => fault,
    };
    let faults = faults.into_iter().map(in_worktree).collect();
    compose::Error::none_of(faults).map_err(|error| explain(error.into(), project, &env_dir(project)))
}

/// Where relative paths of the Compose files lead.
pub(super) fn working_dir(project: &Project) -> PathBuf {
    project.compose.base.first().and_then(|file| file.parent()).unwrap_or(&project.root).to_owned()
}

/// Where the env files are that Compose itself would read.
pub(super) fn env_dir(project: &Project) -> PathBuf {
    match project.layout {
        Layout::Seed => working_dir(project),
        Layout::Compose => project.root.clone(),
    }
}

/// Where files refer to variables that the caller has and that are not used.
pub(super) fn told(missed: &Missed, withheld: &BTreeSet<String>) -> Vec<String> {
    let found = missed.0.iter().filter(|(name, _)| withheld.contains(*name));
    found.map(|(name, at)| format!("{}: {name} {NOT_USED}", at.location())).collect()
}

/// The same for one that has to be set; and how there is a `.env`, where a line with a variable is wrong and there is none.
pub(super) fn explain(error: ProjectError, project: &Project, env_dir: &Path) -> ProjectError {
    if let Problem::Compose(compose::Problem::VariableRequired { variable, .. }) = error.problem()
        && project.lookup.withheld.contains(variable)
    {
        let hint = format!("{variable} {NOT_USED}");
        return error.with_hint(hint);
    }
    let error = match error.problem() {
        Problem::Compose(compose::Problem::VariableRequired { variable, .. })
            if project.layout == Layout::Compose =>
        {
            let hint = to_be_set(variable, &env_dir.join(".env"));
            error.with_hint(hint)
        }
        _ => error,
    };
    let line = error.place().and_then(|place| place.text.lines().nth(place.location.line.saturating_sub(1)));
    let has_variable = line.is_some_and(|line| line.contains('$'));
    let Some(way_out) = Some(()).filter(|()| has_variable).and_then(|()| missing_env(project, env_dir))
    else {
        return error;
    };
    let hint = error.hint().map_or(way_out.clone(), |hint| format!("{hint}; or {way_out}"));
    error.with_hint(hint)
}

/// Where a variable is to be set that has to be; and where it is, without a value.
fn to_be_set(variable: &str, file: &Path) -> String {
    let text = backlot_files::text(file).unwrap_or_default();
    let names = |line: &str| {
        let line = line.trim().strip_prefix("export ").unwrap_or(line.trim());
        line.split_once('=').is_some_and(|(name, _)| name.trim() == variable)
    };
    let at = text.lines().position(names);
    let empty = at.map(|at| format!(": it is empty there ({}:{})", file.display(), at + 1));
    format!("set {variable} in .env or in the environment{}", empty.unwrap_or_default())
}

/// How a `.env` is made that is not there, where the project has an example of it.
pub(super) fn missing_env(project: &Project, dir: &Path) -> Option<String> {
    let named = &project.lookup.process_env;
    let is_named = !project.lookup.env_files.is_empty()
        || named.contains_key("COMPOSE_ENV_FILES")
        || named.contains_key("COMPOSE_DISABLE_ENV_FILE");
    let file = dir.join(".env");
    if is_named || file.exists() { None } else { way_out(&file) }
}

/// How a file of variables is made that is missing.
pub(super) fn way_out(missing: &Path) -> Option<String> {
    way_out_in_worktree(missing).or_else(|| compose::way_out_by_example(missing))
}

/// The same in a linked worktree, to which git brings nothing that it does not know.
fn way_out_in_worktree(missing: &Path) -> Option<String> {
    let there = Git::of(missing.parent()?)?.in_main(missing).filter(|there| there.is_file())?;
    let name = missing.file_name()?.to_string_lossy();
    let (there, here) = (compose::quoted(&there), compose::quoted(missing));
    Some(format!("take {name} from the main checkout, as git does not bring it here: `cp {there} {here}`"))
}
