//! The files that fill scenarios.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::{Project, ScenarioSource};
use backlot_yaml::Problem as YamlProblem;

use crate::error::{Problem, ProjectError};
use crate::name::ScenarioName;

const FOLDER: &str = "scenarios";
/// Languages in which programs are written that say themselves who runs them, by a first line such as `#!/usr/bin/env node`.
const LANGUAGES: [&str; 12] =
    ["bash", "cjs", "exs", "js", "lua", "mjs", "mts", "php", "pl", "rb", "ts", "zsh"];

impl Project {
    /// Finds what fills a scenario's database.
    pub fn scenario_source(&self, name: &ScenarioName) -> Result<ScenarioSource, ProjectError> {
        source(&self.root, name)
    }

    /// The scenarios that have a file, in name order.
    pub fn scenarios(&self) -> Result<Vec<ScenarioName>, ProjectError> {
        list(&self.root)
    }
}

/// Finds what fills a scenario's database.
fn source(root: &Path, name: &ScenarioName) -> Result<ScenarioSource, ProjectError> {
    let folder = root.join(FOLDER);
    let name = name.as_str();
    let plain = folder.join(name);
    let mut found: Vec<ScenarioSource> = Vec::new();
    let file = |extension: &str| -> Result<Option<PathBuf>, ProjectError> {
        let path = folder.join(format!("{name}.{extension}"));
        let Some(there) = look_at(&path)? else { return Ok(None) };
        readable(&path, &there)?;
        Ok(Some(path))
    };
    found.extend(file("py")?.map(|file| ScenarioSource::Python { file, module: format!("{FOLDER}.{name}") }));
    found.extend(file("sql")?.map(|file| ScenarioSource::Sql { file }));
    found.extend(file("rs")?.map(|file| ScenarioSource::CargoExample { file, name: name.to_owned() }));
    found.extend(file("sh")?.map(|file| ScenarioSource::Executable { file }));
    for path in if folder.is_dir() { entries(&folder)? } else { Vec::new() } {
        if path.file_stem().is_some_and(|stem| stem == name) && is_program(&path) {
            found.push(ScenarioSource::Executable { file: path });
        }
    }
    let there = look_at(&plain)?;
    if there.as_ref().is_some_and(fs::Metadata::is_dir) {
        let files = data_files(&plain)?;
        // A folder without data is something else's, such as a module of helpers.
        if !files.is_empty() {
            found.push(ScenarioSource::Folder { dir: plain, files });
        }
    } else if let Some(there) = there {
        readable(&plain, &there)?;
        found.push(ScenarioSource::Executable { file: plain });
    }
    let mut found = found.into_iter();
    let Some(source) = found.next() else { return Ok(ScenarioSource::Empty) };
    if let Some(other) = found.next() {
        let (first, second) = (main_path(&source).to_owned(), main_path(&other).to_owned());
        let problem = Problem::ScenarioAmbiguous { name: name.to_owned(), first, second };
        return Err(ProjectError::new(problem).with_hint("keep one of the two, or rename one"));
    }
    check(root, &folder, &source)?;
    Ok(source)
}

/// The scenarios that have a file.
fn list(root: &Path) -> Result<Vec<ScenarioName>, ProjectError> {
    let folder = root.join(FOLDER);
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let mut names = BTreeSet::new();
    for path in entries(&folder)? {
        let is_scenario = match path.extension().and_then(|extension| extension.to_str()) {
            Some("py" | "sql" | "rs" | "sh") => path.exists(),
            Some(_) => is_program(&path),
            None if path.is_dir() => !data_files(&path)?.is_empty(),
            None => is_executable(&path),
        };
        let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        names.extend(ScenarioName::parse(stem).ok().filter(|_| is_scenario));
    }
    Ok(names.into_iter().collect())
}

/// Whether a file with an ending that is none of a scenario's is a program all the same.
fn is_program(path: &Path) -> bool {
    match path.extension().and_then(|extension| extension.to_str()) {
        None | Some("py" | "sql" | "rs" | "sh") => false,
        Some(extension) => LANGUAGES.contains(&extension) && path.is_file() || is_executable(path),
    }
}

/// What is at `path`. Nothing is nothing, but a link that leads nowhere and a folder that nobody may look into are errors:
/// an empty database is not what was meant.
fn look_at(path: &Path) -> Result<Option<fs::Metadata>, ProjectError> {
    let unreadable = |source| ProjectError::new(YamlProblem::Unreadable { path: path.to_owned(), source });
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) if error.kind() == std::io::ErrorKind::NotADirectory => Ok(None),
        Err(source) => Err(unreadable(source)),
        Ok(_) => fs::metadata(path).map(Some).map_err(unreadable),
    }
}

/// Refuses what would not be read to an end, or not at all: a named pipe, a device, a folder.
fn readable(path: &Path, there: &fs::Metadata) -> Result<(), ProjectError> {
    let unreadable = |source| ProjectError::new(YamlProblem::Unreadable { path: path.to_owned(), source });
    backlot_files::check(there.file_type()).map_err(unreadable)
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, ProjectError> {
    let unreadable = |source| ProjectError::new(YamlProblem::Unreadable { path: folder.to_owned(), source });
    let mut paths = fs::read_dir(folder)
        .and_then(|entries| {
            entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>()
        })
        .map_err(unreadable)?;
    paths.sort();
    Ok(paths)
}

/// The `.sql` and `.csv` files of a folder, in name order.
fn data_files(folder: &Path) -> Result<Vec<PathBuf>, ProjectError> {
    let mut files = entries(folder)?;
    files.retain(|path| {
        let extension = path.extension().and_then(|extension| extension.to_str());
        matches!(extension, Some("sql" | "csv")) && path.exists()
    });
    for file in &files {
        if let Some(there) = look_at(file)? {
            readable(file, &there)?;
        }
    }
    Ok(files)
}

fn main_path(source: &ScenarioSource) -> &Path {
    source.path().unwrap_or(Path::new(""))
}

/// Refuses links that lead out of the project, and a program that cannot be run.
fn check(root: &Path, folder: &Path, source: &ScenarioSource) -> Result<(), ProjectError> {
    let inside = stay_inside(folder, root)?;
    stay_inside(main_path(source), &inside)?;
    match source {
        ScenarioSource::Folder { files, .. } => {
            files.iter().try_for_each(|file| stay_inside(file, &inside).map(drop))
        }
        ScenarioSource::Executable { file } if !is_executable(file) => {
            let hint = format!(
                "make it so: chmod +x {}; its first line says who runs it, such as #!/usr/bin/env node",
                file.display()
            );
            Err(ProjectError::new(Problem::ScenarioNotExecutable { path: file.clone() }).with_hint(hint))
        }
        ScenarioSource::Executable { .. }
        | ScenarioSource::Python { .. }
        | ScenarioSource::Sql { .. }
        | ScenarioSource::CargoExample { .. }
        | ScenarioSource::Empty => Ok(()),
    }
}

fn stay_inside(path: &Path, folder: &Path) -> Result<PathBuf, ProjectError> {
    let unreadable = |source| ProjectError::new(YamlProblem::Unreadable { path: path.to_owned(), source });
    let leads_to = path.canonicalize().map_err(unreadable)?;
    if leads_to.starts_with(folder) {
        return Ok(leads_to);
    }
    let problem = Problem::ScenarioOutside { path: path.to_owned(), leads_to };
    Err(ProjectError::new(problem).with_hint("put the file itself there in place of a link"))
}

fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(path).is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
}
