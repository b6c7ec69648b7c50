//! What runs a project's tests.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use backlot_process::Program;
use backlot_state::EngineError;
use backlot_state::tools::{on_path, python, virtual_environment_of};

/// How long Python may take to say what is installed.
const LIMIT: Duration = Duration::from_secs(20);
/// Prints those of pytest and pytest-cov that are installed.
const INSTALLED: &str = "\
import importlib.util
print(*(name for name in ('pytest', 'pytest_cov') if importlib.util.find_spec(name)))
";
/// What runs the tests of a Django project that has no pytest.
const MANAGE: &str = "manage.py";
/// Runners of tests that Node projects have among their packages, each with what has it run once, and end when the tests do.
const NODE_RUNNERS: [&[&str]; 4] =
    [&["vitest", "run"], &["jest", "--forceExit"], &["mocha", "--exit"], &["ava"]];
/// The package whose coverage is measured, by the seed layout's convention.
const APPLICATION: &str = "application";

/// What is known to run tests.
enum Runner {
    Given(Vec<OsString>),
    Pytest,
    Manage,
    Cargo,
    Npm,
    /// One of a Node project's packages.
    Node(&'static [&'static str]),
}

/// What runs the tests: `replacement` when there is one, else what the project configured, else what it has.
fn runner(
    root: &Path,
    configured: Option<Vec<String>>,
    replacement: &[OsString],
) -> Result<Runner, EngineError> {
    Ok(if !replacement.is_empty() {
        Runner::Given(replacement.to_vec())
    } else if let Some(command) = configured.filter(|command| !command.is_empty()) {
        Runner::Given(command.into_iter().map(OsString::from).collect())
    } else if is_django(root) {
        if says_pytest(root) { Runner::Pytest } else { Runner::Manage }
    } else if has_python_tests(root) {
        Runner::Pytest
    } else if root.join("Cargo.toml").exists() {
        Runner::Cargo
    } else if has_npm_tests(root) {
        Runner::Npm
    } else if let Some(words) = node_runner(root) {
        Runner::Node(words)
    } else {
        return Err(EngineError::NoRunner { root: root.to_owned() });
    })
}

/// The command that runs the tests on this machine: `replacement` when there is one, else what the project configured, else what
/// it has. `arguments` go to the runner.
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
    let program = match runner(root, configured, replacement)? {
        Runner::Given(command) => {
            let mut words = command.into_iter();
            let name = words.next().unwrap_or_default();
            Program::new(find(&name, root, variables)?).args(words)
        }
        Runner::Pytest => pytest(root, variables, arguments)?,
        Runner::Manage => {
            let python =
                python(variables).ok_or_else(|| EngineError::NoTestProgram { program: "python3".into() })?;
            Program::new(python).args([MANAGE, "test"])
        }
        Runner::Cargo => cargo(root, variables)?,
        Runner::Npm => npm(Program::new(find(&"npm".into(), root, variables)?), arguments),
        Runner::Node(words) => {
            Program::new(find(&words[0].into(), root, variables)?).args(words[1..].iter().copied())
        }
    };
    Ok(program.args(arguments.iter().cloned()))
}

/// The same in a container, whose image has what is needed.
///
/// # Errors
/// When no runner fits.
pub fn test_command_inside(
    root: &Path,
    configured: Option<Vec<String>>,
    replacement: &[OsString],
    arguments: &[OsString],
) -> Result<Program, EngineError> {
    let program = match runner(root, configured, replacement)? {
        Runner::Given(command) => {
            let mut words = command.into_iter();
            Program::new(words.next().unwrap_or_default()).args(words)
        }
        Runner::Pytest => Program::new("python").args(["-m", "pytest"]),
        Runner::Manage => Program::new("python").args([MANAGE, "test"]),
        Runner::Cargo => Program::new("cargo").arg("test"),
        Runner::Npm => npm(Program::new("npm"), arguments),
        Runner::Node(words) => Program::new("npx").args(["--no-install", "--"]).args(words.iter().copied()),
    };
    Ok(program.args(arguments.iter().cloned()))
}

/// Whether a directory has tests of a kind that is known.
pub fn has_tests(dir: &Path) -> bool {
    runner(dir, None, &[]).is_ok()
}

/// Whether this machine is known to have the packages that the tests in a directory need; cargo gets them itself.
pub fn has_packages(dir: &Path, root: &Path, caller: &BTreeMap<String, String>) -> bool {
    match runner(dir, None, &[]) {
        Ok(Runner::Pytest | Runner::Manage) => {
            virtual_environment_of(&[dir.to_owned()], root, caller).is_some()
        }
        Ok(Runner::Npm | Runner::Node(_)) => dir.join("node_modules").is_dir(),
        Ok(Runner::Cargo) => true,
        Ok(Runner::Given(_)) | Err(_) => false,
    }
}

fn npm(npm: Program, arguments: &[OsString]) -> Program {
    // What follows is the script's.
    let npm = npm.arg("test");
    if arguments.is_empty() { npm } else { npm.arg("--") }
}

fn package(dir: &Path) -> serde_json::Value {
    let text = backlot_files::text(&dir.join("package.json")).unwrap_or_default();
    serde_json::from_str(&text).unwrap_or_default()
}

/// Whether `npm test` does something.
fn has_npm_tests(dir: &Path) -> bool {
    // What `npm init` writes tests nothing.
    package(dir)["scripts"]["test"].as_str().is_some_and(|line| !line.contains("no test specified"))
}

/// What runs the tests of a project that has a runner among its packages, and no script for it.
fn node_runner(dir: &Path) -> Option<&'static [&'static str]> {
    let package = package(dir);
    let has = |name: &str| {
        ["dependencies", "devDependencies"].iter().any(|kind| package[*kind].get(name).is_some())
    };
    NODE_RUNNERS.iter().find(|words| has(words[0])).copied()
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

/// Whether the project's `manage.py` is Django's: others have scripts of that name, too.
fn is_django(root: &Path) -> bool {
    backlot_files::text(&root.join(MANAGE)).is_ok_and(|text| text.contains("django"))
}

/// Whether a Django project, whose own runner is `manage.py`, has pytest run its tests: one of its files says so.
fn says_pytest(root: &Path) -> bool {
    let of_pytest = ["pytest.ini", "conftest.py", "tests/conftest.py"];
    let entries = std::fs::read_dir(root).into_iter().flatten().flatten().map(|entry| entry.path());
    let may_name_it = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        ["tox.ini", "setup.cfg", "pyproject.toml", "Pipfile"].contains(&&*name)
            || (name.contains("requirements") && name.ends_with(".txt"))
    };
    of_pytest.iter().any(|file| root.join(file).exists())
        || entries
            .filter(may_name_it)
            .any(|file| backlot_files::text(&file).is_ok_and(|text| text.contains("pytest")))
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

#[cfg(test)]
mod tests {
    use super::{Runner, has_tests, node_runner, runner};

    #[test]
    fn django_tests_are_run_by_pytest_where_a_file_says_so() {
        for (files, by_pytest) in [
            (&[("pyproject.toml", "[tool.ruff]")][..], false),
            (&[("tests/test_a.py", "")], false),
            (&[("setup.cfg", "[flake8]"), ("requirements.txt", "django")], false),
            (&[("setup.cfg", "[tool:pytest]")], true),
            (&[("requirements-dev.txt", "pytest-django==4.8")], true),
            (&[("conftest.py", "")], true),
        ] {
            let dir = tempfile::tempdir().unwrap();
            std::fs::create_dir(dir.path().join("tests")).unwrap();
            for (file, text) in files.iter().chain(&[("manage.py", "from django.core import management")]) {
                std::fs::write(dir.path().join(file), text).unwrap();
            }
            let is_pytest = matches!(runner(dir.path(), None, &[]), Ok(Runner::Pytest));
            assert_eq!(is_pytest, by_pytest, "{files:?}");
        }
        // A script of that name is not Django's by itself.
        let dir = tempfile::tempdir().unwrap();
        for (file, text) in [("manage.py", "import click"), ("wsgi.py", "")] {
            std::fs::write(dir.path().join(file), text).unwrap();
        }
        assert!(matches!(runner(dir.path(), None, &[]), Ok(Runner::Pytest)));
    }

    #[test]
    fn a_runner_among_the_packages_runs_the_tests() {
        for (package, expected) in [
            ("{\"devDependencies\": {\"jest\": \"30\"}}", Some("jest --forceExit")),
            ("{\"dependencies\": {\"vitest\": \"1\", \"jest\": \"30\"}}", Some("vitest run")),
            ("{\"devDependencies\": {\"left-pad\": \"1\"}}", None),
            ("{", None),
        ] {
            let dir = tempfile::tempdir().unwrap();
            std::fs::write(dir.path().join("package.json"), package).unwrap();
            assert_eq!(
                node_runner(dir.path()).map(|words| words.join(" ")).as_deref(),
                expected,
                "{package}"
            );
            assert_eq!(has_tests(dir.path()), expected.is_some());
        }
    }
}
