//! The programs that a project's environments run with: its Python, its psql.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use backlot_postgres::Installation;
use backlot_process::Program;

use crate::EngineError;

/// Folders in which projects keep their virtual environment.
pub(crate) const VENV_FOLDERS: [&str; 3] = [".venv", "venv", "env"];

/// The virtual environment of a service that has these `folders`, which may be above the project (`context: ..`): one in those,
/// else the project's: the one that the caller activated, or one in the project.
pub fn virtual_environment_of(
    folders: &[PathBuf],
    root: &Path,
    caller: &BTreeMap<String, String>,
) -> Option<PathBuf> {
    let active = caller.get("VIRTUAL_ENV").map(PathBuf::from);
    // What the caller has chosen goes before what is chosen for all.
    let nearer = folders.iter().filter(|folder| *folder != root);
    let in_folder = |folder: &Path| VENV_FOLDERS.map(|name| folder.join(name));
    let near = nearer.flat_map(|folder| in_folder(folder));
    near.chain(active).chain(in_folder(root)).find(|venv| venv.join("bin/python").exists())
}

/// The caller's variables with the project's virtual environment in front, as its `activate` would put it.
pub fn with_virtual_environment(
    root: &Path,
    variables: BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    activated(virtual_environment_of(&[], root, &variables), variables)
}

/// Variables with a virtual environment in front.
pub fn activated(venv: Option<PathBuf>, mut variables: BTreeMap<String, String>) -> BTreeMap<String, String> {
    let Some(venv) = venv else { return variables };
    let path = variables.get("PATH").cloned().unwrap_or_default();
    let bin = venv.join("bin");
    if std::env::split_paths(&path).next() != Some(bin.clone()) {
        variables.insert("PATH".into(), format!("{}:{path}", bin.display()));
    }
    variables.insert("VIRTUAL_ENV".into(), venv.display().to_string());
    variables
}

/// Finds a program as a shell with these variables would.
pub fn on_path(program: &str, variables: &BTreeMap<String, String>) -> Option<PathBuf> {
    let path = variables.get("PATH")?;
    std::env::split_paths(path).map(|dir| dir.join(program)).find(|file| is_executable(file))
}

/// The program on the path of these variables of which `word` is a misspelling, if it is none itself.
pub fn misspelt(word: &str, variables: &BTreeMap<String, String>) -> Option<String> {
    if word.contains('/') || on_path(word, variables).is_some() {
        return None;
    }
    let dirs = std::env::split_paths(variables.get("PATH")?).collect::<Vec<_>>();
    let entries = dirs.iter().filter_map(|dir| dir.read_dir().ok()).flatten().flatten();
    let names: Vec<String> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    let near = backlot_near::slip_of(word, names.iter().map(String::as_str))?;
    on_path(near, variables).is_some().then(|| near.to_owned())
}

/// The program of a command that is run in a project's directory with these variables.
///
/// # Errors
/// [`EngineError::NoMigrationProgram`].
pub fn migration(
    command: &[String],
    root: &Path,
    variables: &BTreeMap<String, String>,
) -> Result<Program, EngineError> {
    let name = command.first().map(String::as_str).unwrap_or_default();
    let file = if name.contains('/') { Some(root.join(name)) } else { on_path(name, variables) };
    let file = file.ok_or_else(|| EngineError::NoMigrationProgram { program: name.to_owned() })?;
    Ok(Program::new(file).args(command.iter().skip(1)).envs(variables).current_dir(root))
}

/// Whether `file` is a program that we may run.
pub fn is_executable(file: &Path) -> bool {
    file.is_file() && nix::unistd::access(file, nix::unistd::AccessFlags::X_OK).is_ok()
}

/// The psql of this installation, else the one on PATH: Debian's on PATH is a wrapper that takes 30 ms to start.
pub fn psql(installation: Option<&Installation>, variables: &BTreeMap<String, String>) -> Option<PathBuf> {
    installation.and_then(|installation| installation.client("psql")).or_else(|| on_path("psql", variables))
}

/// These variables with a psql on PATH: that of the installation comes last, where there is none of the machine's own.
pub fn with_psql(
    installation: Option<&Installation>,
    mut variables: BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    let own = on_path("psql", &variables);
    let psql = installation.filter(|_| own.is_none()).and_then(|installation| installation.client("psql"));
    if let Some(folder) = psql.as_deref().and_then(Path::parent) {
        let path = variables.get("PATH").map_or_else(String::new, |path| format!("{path}:"));
        variables.insert("PATH".into(), format!("{path}{}", folder.display()));
    }
    variables
}

/// The Python of these variables: `python3`, else `python`; a virtual environment has both.
pub fn python(variables: &BTreeMap<String, String>) -> Option<PathBuf> {
    on_path("python3", variables).or_else(|| on_path("python", variables))
}

/// What Python writes beside the sources, unless told otherwise.
const LITTER: [&str; 2] = ["__pycache__/x.pyc", ".coverage"];
/// How long git may take to tell what it ignores.
const GIT_LIMIT: Duration = Duration::from_secs(5);

/// Which of that git would see as new in a source tree. Where there is no repository, nobody looks for it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Litter {
    bytecode: bool,
    coverage: bool,
}

impl Litter {
    /// Asks git about the tree at `root`.
    pub fn of(root: &Path, variables: &BTreeMap<String, String>) -> Self {
        let Some(git) = on_path("git", variables) else { return Self::default() };
        let ask = Program::new(git).arg("check-ignore").args(LITTER).envs(variables).current_dir(root);
        let Ok(output) = ask.output(GIT_LIMIT) else { return Self::default() };
        // 0: some are ignored; 1: none is; anything else: no repository.
        if !matches!(output.status.code(), Some(0 | 1)) {
            return Self::default();
        }
        let ignored = String::from_utf8_lossy(&output.stdout);
        let is_seen = |path: &str| !ignored.lines().any(|line| line == path);
        let [bytecode, coverage] = LITTER;
        Self { bytecode: is_seen(bytecode), coverage: is_seen(coverage) }
    }

    /// Has a program with these variables not write what would be seen (bytecode), or write it to `scratch` (coverage data).
    pub fn keep_out(self, scratch: &Path, variables: &mut BTreeMap<String, String>) {
        if self.bytecode {
            variables.entry("PYTHONDONTWRITEBYTECODE".into()).or_insert_with(|| "1".into());
        }
        if self.coverage {
            let file = scratch.join(".coverage").display().to_string();
            variables.entry("COVERAGE_FILE".into()).or_insert(file);
        }
    }
}

/// Keeps the source tree at `root` as clean as git sees it.
pub fn keep_tree_clean(root: &Path, scratch: &Path, variables: &mut BTreeMap<String, String>) {
    Litter::of(root, variables).keep_out(scratch, variables);
}
