//! Where a project is, and what it is called.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::variables::{env_files, env_values};
use super::{ComposeFiles, Layout, Lookup, Project};
use crate::error::{Problem, ProjectError};
use crate::name::EnvironmentName;
use backlot_compose::{
    self as compose, Missed, PROJECT_NAME_HINT, Variables, is_project_name, services_if_whole, top_level_name,
};
use backlot_files::litter::is_made;
use backlot_yaml::Problem as YamlProblem;

/// Compose's own names for its file, in its order.
const COMPOSE_FILES: [&str; 4] = ["compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml"];
const OVERRIDE_FILES: [&str; 4] = [
    "compose.override.yml",
    "compose.override.yaml",
    "docker-compose.override.yml",
    "docker-compose.override.yaml",
];

/// So many that may be meant are named.
const MOST_MEANT: usize = 6;
/// So many folders of a folder are looked into.
const MOST_FOLDERS: usize = 200;
/// Where editors keep a project's containers: the one hidden folder in which one may be.
const OF_EDITORS: &str = ".devcontainer";

impl Project {
    /// Finds the project of `lookup.start_dir`, walking up; the first layout that fits wins.
    pub fn find(lookup: Lookup) -> Result<Self, ProjectError> {
        let unreadable = |source| {
            let path = lookup.start_dir.clone();
            ProjectError::new(YamlProblem::Unreadable { path, source })
        };
        let start = lookup.start_dir.canonicalize().map_err(unreadable)?;
        let (root, layout, compose) = locate(&start, &lookup)?;
        let name = project_name(&root, layout, &compose, &lookup)?;
        Ok(Self { root, name, layout, lookup, compose })
    }

    /// The name that its directory gives it where nothing else does.
    pub fn directory_name(&self) -> String {
        let name = self.root.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
        normalised(&name)
    }
}

fn locate(start: &Path, lookup: &Lookup) -> Result<(PathBuf, Layout, ComposeFiles), ProjectError> {
    if !lookup.compose_files.is_empty() {
        let files = named_files(start, &lookup.compose_files)?;
        let compose = ComposeFiles { base: files, override_file: None, explicit: true };
        if let Some(root) = start.ancestors().find(|dir| is_seed(dir)) {
            return Ok((root.to_owned(), Layout::Seed, compose));
        }
        let root = compose.base.first().and_then(|file| file.parent()).unwrap_or(start).to_owned();
        return Ok((root, Layout::Compose, compose));
    }
    for dir in start.ancestors() {
        if is_seed(dir) {
            return Ok((dir.to_owned(), Layout::Seed, ComposeFiles::default()));
        }
        if let Some(compose) = compose_files(dir, start, lookup)? {
            return Ok((dir.to_owned(), Layout::Compose, compose));
        }
    }
    let mut hint = "a project has compose.yaml, or config/<env>.json and docker/<env>.yml; name its directory with -C, or make one of this directory: backlot init".to_owned();
    let meant = meant(start);
    if !meant.is_empty() {
        hint = format!("what may be meant: `backlot {}`; {hint}", meant.join("`, `backlot "));
    }
    Err(ProjectError::new(Problem::NoProject { start: start.to_owned() }).with_hint(hint))
}

/// The options that name what is a project of another name, or in a folder of this one; else what is in a folder of such a folder.
fn meant(start: &Path) -> Vec<String> {
    let here = listed(start);
    let of = |path: &PathBuf| option(path, start);
    let found: Vec<String> = here.iter().filter_map(of).take(MOST_MEANT).collect();
    if !found.is_empty() {
        return found;
    }
    here.iter().flat_map(|folder| listed(folder)).filter_map(|path| of(&path)).take(MOST_MEANT).collect()
}

/// What is in a folder and not hidden, in order.
fn listed(folder: &Path) -> Vec<PathBuf> {
    let is_seen = |path: &PathBuf| path.ends_with(OF_EDITORS) || !is_made(path);
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut all: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(is_seen).collect();
    all.sort();
    all.truncate(MOST_FOLDERS);
    all
}

/// The option that names a file or folder below `start` as a project, if it is one.
fn option(path: &Path, start: &Path) -> Option<String> {
    let name = path.strip_prefix(start).ok()?.to_str()?;
    let is_yaml = path.extension().is_some_and(|end| end == "yml" || end == "yaml");
    if is_yaml && services_if_whole(path).is_some() {
        return Some(format!("-f {name}"));
    }
    COMPOSE_FILES.iter().any(|file| path.join(file).is_file()).then(|| format!("-C {name}"))
}

fn named_files(dir: &Path, names: &[PathBuf]) -> Result<Vec<PathBuf>, ProjectError> {
    let canonical = |name: &PathBuf| {
        let path = dir.join(name);
        path.canonicalize().map_err(|_| ProjectError::new(compose::Problem::FileMissing { path }))
    };
    names.iter().map(canonical).collect()
}

/// Whether the directory holds a config file and a Compose file of one environment.
fn is_seed(dir: &Path) -> bool {
    !seed_environments(dir).is_empty()
}

/// The names that have both `config/<name>.json` and `docker/<name>.yml`.
pub(super) fn seed_environments(dir: &Path) -> BTreeSet<String> {
    let stems = |folder: &str, extension: &str| -> BTreeSet<String> {
        let entries = std::fs::read_dir(dir.join(folder)).into_iter().flatten().flatten();
        entries
            .map(|entry| entry.path())
            .filter(|path| path.extension().is_some_and(|found| found == extension) && path.exists())
            .filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()))
            .filter(|stem| EnvironmentName::parse(stem).is_ok())
            .collect()
    };
    let configs = stems("config", "json");
    if configs.is_empty() {
        configs
    } else {
        configs.intersection(&stems("docker", "yml")).cloned().collect()
    }
}

fn compose_files(dir: &Path, start: &Path, lookup: &Lookup) -> Result<Option<ComposeFiles>, ProjectError> {
    let own = |names: &[&str]| names.iter().map(|name| dir.join(name)).find(|path| path.exists());
    let settings = settings(dir, lookup);
    // The caller's COMPOSE_FILE counts from where the caller is, the project's own from the project.
    let (from, names) = match lookup.process_env.get("COMPOSE_FILE") {
        Some(names) if dir == start => (start, Some(names)),
        Some(_) => (dir, None),
        None => (dir, settings.get("COMPOSE_FILE")),
    };
    if let Some(names) = names.filter(|names| !names.is_empty()) {
        let separator = settings.get("COMPOSE_PATH_SEPARATOR").map_or(":", String::as_str);
        let names: Vec<PathBuf> = names.split(separator).map(PathBuf::from).collect();
        let base = named_files(from, &names)?;
        return Ok(Some(ComposeFiles { base, override_file: None, explicit: false }));
    }
    let Some(base) = own(&COMPOSE_FILES) else { return Ok(None) };
    Ok(Some(ComposeFiles { base: vec![base], override_file: own(&OVERRIDE_FILES), explicit: false }))
}

/// The caller's environment, and below it what the `.env` of a directory says; a bad file says nothing here, its error
/// comes when an environment is read.
fn settings(dir: &Path, lookup: &Lookup) -> Variables {
    let files = env_files(dir, lookup, None).unwrap_or_default();
    let mut settings =
        env_values(&files, lookup, &mut Missed::default()).map(|(values, _)| values).unwrap_or_default();
    settings.extend(lookup.process_env.clone());
    settings
}

fn project_name(
    root: &Path,
    layout: Layout,
    compose: &ComposeFiles,
    lookup: &Lookup,
) -> Result<String, ProjectError> {
    let settings = match layout {
        Layout::Seed => lookup.process_env.clone(),
        Layout::Compose => settings(root, lookup),
    };
    let from_environment = settings.get("COMPOSE_PROJECT_NAME").filter(|name| !name.is_empty()).cloned();
    if let Some(name) = lookup.project_name.clone().or(from_environment) {
        if is_project_name(&name) {
            return Ok(name);
        }
        return Err(ProjectError::new(compose::Problem::ProjectName { name }).with_hint(PROJECT_NAME_HINT));
    }
    let files: Vec<PathBuf> = compose.base.iter().chain(&compose.override_file).cloned().collect();
    if let Some((name, span)) = top_level_name(&files, &settings) {
        let name = normalised(&name);
        return if name.is_empty() {
            let error: compose::Error = span.error(compose::Problem::ProjectName { name });
            Err(error.into())
        } else {
            Ok(name)
        };
    }
    let dir = root.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    match (normalised(&dir), layout) {
        // A seed project's stacks are called by their environments; the project's name is only for people.
        (name, Layout::Seed) if name.is_empty() => Ok("project".to_owned()),
        (name, Layout::Compose) if name.is_empty() => {
            Err(ProjectError::new(compose::Problem::ProjectName { name: dir }).with_hint(
                "the directory's name gives none; set a name with -p or `name:` in the Compose file",
            ))
        }
        (name, Layout::Seed | Layout::Compose) => Ok(name),
    }
}

/// A name made of what Compose takes.
pub(super) fn normalised(name: &str) -> String {
    let lower = name.to_lowercase();
    let kept: String = lower
        .chars()
        .filter(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '-'))
        .collect();
    kept.trim_start_matches(['_', '-']).to_owned()
}

#[cfg(test)]
mod tests {
    use super::normalised;

    #[test]
    fn directory_names_become_project_names() {
        for (dir, name) in [("My App", "myapp"), ("_x-1", "x-1"), ("Käse", "kse"), ("…", "")] {
            assert_eq!(normalised(dir), name);
        }
    }
}
