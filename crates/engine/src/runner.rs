//! What runs a project's tests.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use backlot_process::Program;
use backlot_state::EngineError;
use backlot_state::tools::{on_path, python};

/// How long Python may take to say what is installed.
const LIMIT: Duration = Duration::from_secs(20);
/// Prints those of pytest and pytest-cov that are installed.
const INSTALLED: &str = "\
import importlib.util
print(*(name for name in ('pytest', 'pytest_cov') if importlib.util.find_spec(name)))
";
/// What runs the tests of a Django project that has no pytest.
const MANAGE: &str = "manage.py";
/// The package whose coverage is measured, by the seed layout's convention.
const APPLICATION: &str = "application";

/// The command that runs the tests: `replacement` when there is one, else what the project configured, else what it has.
/// `arguments` go to the runner.
///
/// # Errors
/// When no runner fits, or a program is missing.
pub fn test_command(
    root: &Path,
    variables: &BTreeMap<String, String>,
    configured: Option<Vec<String>>,
    replacement: &[OsString],
    arguments: &[OsString],
) -> Result<Program, EngineError> {
    let named = |command: Vec<OsString>| -> Result<Program, EngineError> {
        let mut words = command.into_iter();
        let name = words.next().unwrap_or_default();
        Ok(Program::new(find(&name, root, variables)?).args(words))
    };
    let program = if !replacement.is_empty() {
        named(replacement.to_vec())?
    } else if let Some(command) = configured.filter(|command| !command.is_empty()) {
        named(command.into_iter().map(OsString::from).collect())?
    } else if has_python_tests(root) {
        pytest(root, variables, arguments)?
    } else if root.join(MANAGE).exists() {
        let python =
            python(variables).ok_or_else(|| EngineError::NoTestProgram { program: "python3".into() })?;
        Program::new(python).args([MANAGE, "test"])
    } else if root.join("Cargo.toml").exists() {
        cargo(root, variables)?
    } else if has_npm_tests(root) {
        // What follows is the script's.
        let npm = Program::new(find(&"npm".into(), root, variables)?).args(["test"]);
        if arguments.is_empty() { npm } else { npm.arg("--") }
    } else {
        return Err(EngineError::NoRunner { root: root.to_owned() });
    };
    Ok(program.args(arguments.iter().cloned()))
}

/// Whether a directory has tests of a kind that is known.
pub fn has_tests(dir: &Path) -> bool {
    has_python_tests(dir)
        || dir.join(MANAGE).exists()
        || dir.join("Cargo.toml").exists()
        || has_npm_tests(dir)
}

/// Whether `npm test` does something.
fn has_npm_tests(dir: &Path) -> bool {
    let Ok(text) = backlot_files::text(&dir.join("package.json")) else { return false };
    let package: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
    // What `npm init` writes tests nothing.
    package["scripts"]["test"].as_str().is_some_and(|line| !line.contains("no test specified"))
}

fn find(name: &OsString, root: &Path, variables: &BTreeMap<String, String>) -> Result<PathBuf, EngineError> {
    let text = name.to_string_lossy();
    if text.contains('/') {
        return Ok(root.join(name));
    }
    on_path(&text, variables).ok_or_else(|| EngineError::NoTestProgram { program: text.into_owned() })
}

fn has_python_tests(root: &Path) -> bool {
    let marks = [
        "pytest.ini",
        "tox.ini",
        "setup.cfg",
        "pyproject.toml",
        "conftest.py",
        "tests/conftest.py",
        "wsgi.py",
    ];
    marks.iter().any(|mark| root.join(mark).exists()) || has_test_modules(&root.join("tests"))
}

fn has_test_modules(dir: &Path) -> bool {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().into_string().ok()).any(|name| {
        Path::new(&name).extension().is_some_and(|extension| extension == "py") && name.starts_with("test_")
    })
}

/// `python -m pytest` rather than `pytest`: the project's directory is then importable, however its tests are laid out.
fn pytest(
    root: &Path,
    variables: &BTreeMap<String, String>,
    arguments: &[OsString],
) -> Result<Program, EngineError> {
    let python = python(variables).ok_or_else(|| EngineError::NoTestProgram { program: "python3".into() })?;
    let ask = Program::new(&python).args(["-c", INSTALLED]).envs(variables).current_dir(root);
    let output = ask.output(LIMIT)?;
    let installed = String::from_utf8_lossy(&output.stdout);
    let has = |module: &str| installed.split_whitespace().any(|name| name == module);
    if !has("pytest") {
        return Err(EngineError::NoPytest { python });
    }
    let own_coverage = arguments.iter().any(|argument| {
        let argument = argument.to_string_lossy();
        argument.starts_with("--cov") || argument == "--no-cov"
    });
    let mut program = Program::new(python).args(["-m", "pytest"]);
    if has("pytest_cov") && root.join(APPLICATION).is_dir() && !own_coverage {
        program = program.arg(format!("--cov={APPLICATION}")).arg("--cov-report=term-missing");
    }
    Ok(program)
}

fn cargo(root: &Path, variables: &BTreeMap<String, String>) -> Result<Program, EngineError> {
    let cargo = find(&"cargo".into(), root, variables)?;
    let subcommand: &[&str] =
        if on_path("cargo-nextest", variables).is_some() { &["nextest", "run"] } else { &["test"] };
    Ok(Program::new(cargo).args(subcommand.iter().copied()))
}
