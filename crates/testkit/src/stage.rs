//! A directory with a project and a home of its own.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::Duration;

use backlot_process::{ProcessId, Signal};
use tempfile::TempDir;

use crate::leaks;
use crate::project::{copy_tree, write_seed};
use crate::run::Run;

/// Names a directory of templates that all stages share; each makes its own otherwise.
const SHARED_TEMPLATES: &str = "BACKLOT_TEST_TEMPLATES";
/// Names the virtual environment with what `examples/flask` needs.
const VENV: &str = "BACKLOT_TEST_VENV";

/// Names a directory for what cargo builds of `examples/axum`, which outlives a test.
const AXUM_TARGET: &str = "BACKLOT_TEST_AXUM_TARGET";

/// Names a folder with what the examples that are made for Docker need: what was installed for them, and npm's cache.
const PACKAGES: &str = "BACKLOT_TEST_PACKAGES";

/// Names a folder of servers that were fetched once for all tests.
const FETCHED: &str = "BACKLOT_TEST_FETCHED";
/// Says that there has to be one.
const REQUIRE_FETCHED: &str = "BACKLOT_REQUIRE_FETCHED";

/// Names another Backlot than the one that was built with the tests: a copy that another user can run.
const BINARY: &str = "BACKLOT_TEST_BINARY";
/// Names another place of the repository, likewise.
const REPOSITORY: &str = "BACKLOT_TEST_REPOSITORY";

/// A throw-away project, and a home for what Backlot makes of it.
#[derive(Debug)]
pub struct Stage {
    dir: TempDir,
    binary: PathBuf,
    variables: BTreeMap<String, String>,
    shown: BTreeMap<String, String>,
}

/// Says how much of a view services are to have.
const VIEW: &str = "BACKLOT_VIEW";

impl Stage {
    /// An empty project directory. `binary` is the Backlot to run: `env!("CARGO_BIN_EXE_backlot")`.
    pub fn empty(binary: &str) -> Self {
        let binary = std::env::var(BINARY).unwrap_or_else(|_| binary.to_owned());
        let dir = tempfile::Builder::new().prefix("backlot-test-").tempdir().unwrap();
        // As root, Postgres runs as another user, who has to get through.
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let path = std::env::var("PATH").unwrap();
        let variables = [
            ("PATH", path),
            ("HOME", dir.path().join("user").display().to_string()),
            ("BACKLOT_HOME", dir.path().join("home").display().to_string()),
            ("LANG", "C.UTF-8".into()),
            ("TMPDIR", dir.path().join("tmp").display().to_string()),
            // A story that fetches something says so.
            ("BACKLOT_OFFLINE", "1".into()),
            // What a story tells must not depend on whether a daemon runs on the machine.
            ("DOCKER_HOST", "unix:///nowhere/docker.sock".into()),
            ("BACKLOT_CONTAINERS", "docker".into()),
            // All stages at once would want the same port. A story about the front door gives it one.
            ("BACKLOT_DOOR", "off".into()),
        ];
        let mut variables: BTreeMap<String, String> =
            variables.map(|(name, value)| (name.to_owned(), value)).into();
        // The stories hold on every rung of views.
        variables.extend(std::env::var(VIEW).map(|rung| (VIEW.to_owned(), rung)));
        let stage = Self { binary: binary.into(), variables, shown: BTreeMap::new(), dir };
        for folder in ["project", "user", "tmp", "home"] {
            fs::create_dir(stage.dir.path().join(folder)).unwrap();
        }
        fs::set_permissions(stage.home(), fs::Permissions::from_mode(0o711)).unwrap();
        if let Some(shared) = std::env::var_os(SHARED_TEMPLATES) {
            symlink(shared, stage.home().join("templates")).unwrap();
        }
        stage
    }

    /// A small project in the seed layout: a database in all four environments, no scenarios, nothing to run.
    pub fn seed(binary: &str) -> Self {
        let stage = Self::empty(binary);
        write_seed(&stage.project());
        stage
    }

    /// A copy of one of the repository's examples, with the virtual environment that the tests have for it.
    pub fn example(binary: &str, name: &str) -> Self {
        let stage = Self::empty(binary);
        copy_tree(&repository().join("examples").join(name), &stage.project());
        match name {
            "flask" => symlink(venv(), stage.project().join(".venv")).unwrap(),
            "shelf" | "desk" => return stage.with_packages(),
            _ => {}
        }
        stage
    }

    /// With templates of its own, for a story that lists, counts or removes them: of those that all share, others take
    /// the spares and tidy up what is left.
    #[must_use]
    pub fn with_own_templates(self) -> Self {
        let templates = self.home().join("templates");
        if templates.is_symlink() {
            fs::remove_file(templates).unwrap();
        }
        self
    }

    /// The project's directory.
    pub fn project(&self) -> PathBuf {
        self.dir.path().join("project").canonicalize().unwrap()
    }

    /// The Backlot home.
    pub fn home(&self) -> PathBuf {
        self.dir.path().join("home")
    }

    /// The stage's own directory, above both.
    pub fn root(&self) -> &Path {
        self.dir.path()
    }

    /// Writes a file of the project.
    pub fn file(&self, path: &str, text: impl AsRef<[u8]>) -> &Self {
        let path = self.project().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        self
    }

    /// Writes a program of the project.
    pub fn program(&self, path: &str, text: &str) -> &Self {
        self.file(path, text);
        fs::set_permissions(self.project().join(path), fs::Permissions::from_mode(0o755)).unwrap();
        self
    }

    /// Sets a variable for all runs on this stage.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.set(name, value);
        self
    }

    /// Sets a variable for all later runs on this stage.
    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        self.variables.insert(name.into(), value.into());
    }

    /// Takes a variable away from all later runs on this stage.
    pub fn unset(&mut self, name: &str) {
        self.variables.remove(name);
    }

    /// Has what runs print show `what` as `shown`.
    #[must_use]
    pub(crate) fn showing(mut self, what: &str, shown: &str) -> Self {
        self.shown.insert(what.into(), shown.into());
        self
    }

    pub(crate) fn shown(&self) -> impl Iterator<Item = (&String, &String)> {
        self.shown.iter()
    }

    /// The same stage with the machine's own cargo, and a directory to build the axum example in that outlives it.
    #[must_use]
    pub fn with_cargo(self) -> Self {
        let real_home = std::env::var("HOME").unwrap();
        let or_else = |name: &str, usual: String| std::env::var(name).unwrap_or(usual);
        let target = or_else(AXUM_TARGET, self.root().join("target").display().to_string());
        self.with("CARGO_TARGET_DIR", target)
            .with("CARGO_HOME", or_else("CARGO_HOME", format!("{real_home}/.cargo")))
            .with("RUSTUP_HOME", or_else("RUSTUP_HOME", format!("{real_home}/.rustup")))
    }

    /// The same stage with what was installed for the examples once for all tests, with the system's Python; of npm, its cache.
    fn with_packages(self) -> Self {
        let named = std::env::var_os(PACKAGES)
            .map_or_else(|| repository().join("target/test-packages"), PathBuf::from);
        let installed = named.join("dependencies");
        assert!(installed.exists(), "no packages in {}: run ./test, which installs them", named.display());
        let own = self.home().join("dependencies");
        fs::create_dir(&own).unwrap();
        for environment in environments(&installed) {
            symlink(&environment, own.join(environment.file_name().unwrap())).unwrap();
        }
        let path = format!("/usr/bin:/bin:{}", self.variable("PATH"));
        self.with("PATH", path).with("npm_config_cache", named.join("npm").display().to_string())
    }

    /// The same stage with the servers that were fetched for the tests, and runs that ask for this major version; none where
    /// there are none, and none are required.
    #[must_use]
    pub fn with_fetched(self, major: &str) -> Option<Self> {
        let Some(servers) = std::env::var_os(FETCHED) else {
            assert!(std::env::var_os(REQUIRE_FETCHED).is_none(), "no servers were fetched for the tests");
            return None;
        };
        symlink(servers, self.home().join("postgres")).unwrap();
        Some(self.with("BACKLOT_POSTGRES", major))
    }

    /// The value of a variable that all runs on this stage have.
    pub fn variable(&self, name: &str) -> &str {
        &self.variables[name]
    }

    /// The Backlot that is run.
    pub fn binary(&self) -> &str {
        self.binary.to_str().unwrap()
    }

    /// A run of Backlot in the project's directory; nothing happens before one of its last words.
    pub fn backlot(&self, arguments: &[&str]) -> Run<'_> {
        Run::new(self, &self.binary, arguments)
    }

    /// A run of any other program in the project's directory.
    pub fn run(&self, program: &str, arguments: &[&str]) -> Run<'_> {
        Run::new(self, Path::new(program), arguments)
    }

    pub(crate) fn variables(&self) -> &BTreeMap<String, String> {
        &self.variables
    }

    /// Makes a git repository of the project, so that `git status` can tell what was written into it.
    pub fn under_git(&self) -> &Self {
        for arguments in [
            &["init", "--quiet"][..],
            &["add", "--all"],
            &["-c", "user.name=t", "-c", "user.email=t@example.com", "commit", "--quiet", "-m", "all"],
        ] {
            self.run("git", arguments).output().assert_code(0);
        }
        self
    }

    /// Asserts that nothing was written into the project that git would show.
    pub fn assert_clean_tree(&self) {
        let status = self.run("git", &["status", "--porcelain"]).output();
        assert_eq!(status.stdout, "", "the source tree is not clean");
    }

    /// The leak check: no process, no socket and no file is left but templates. Also done when the stage goes.
    pub fn assert_nothing_left(&self) {
        leaks::assert_none(self.dir.path(), &self.home());
    }

    /// Kills a process by its number, as its owner would with `kill -9`, and waits until it is gone.
    pub fn kill(&self, pid: &str) {
        let process =
            ProcessId::of(pid.trim().parse().unwrap()).unwrap_or_else(|| panic!("no process {pid}"));
        assert!(process.signal(Signal::SIGKILL).unwrap(), "process {pid} is gone");
        assert!(process.wait_gone(Duration::from_secs(10)), "process {pid} outlives SIGKILL");
    }

    /// The number of the process of this stage in whose command line `words` are.
    pub fn find_process(&self, words: &str) -> String {
        let found = leaks::processes(self.dir.path());
        let process = found.iter().find(|(_, command)| command.contains(words));
        process.unwrap_or_else(|| panic!("no process {words} among {found:#?}")).0.pid.to_string()
    }

    /// All processes of this stage in whose command line `words` are.
    pub fn find_processes(&self, words: &str) -> Vec<ProcessId> {
        let found = leaks::processes(self.dir.path()).into_iter();
        found.filter(|(_, command)| command.contains(words)).map(|(process, _)| process).collect()
    }

    /// Kills every process of this stage at once, as a power cut would.
    pub fn kill_everything(&self) {
        leaks::end_processes(self.dir.path());
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        // A failing test may leave what it wants, but not on the machine.
        if std::thread::panicking() {
            leaks::end_processes(self.dir.path());
        } else {
            self.assert_nothing_left();
        }
    }
}

/// The repository's directory.
pub fn repository() -> PathBuf {
    if let Some(named) = std::env::var_os(REPOSITORY) {
        return named.into();
    }
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// The virtual environment with what `examples/flask` needs.
pub fn venv() -> PathBuf {
    let named = std::env::var_os(VENV).map_or_else(|| repository().join("target/test-venv"), PathBuf::from);
    assert!(
        named.join("bin/python").exists(),
        "no virtual environment in {}: run ./test, which makes it",
        named.display()
    );
    named
}

/// The environments of `dependencies` that do not depend on where a project is, by their places.
fn environments(dependencies: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dependencies).unwrap().flatten().map(|entry| entry.path());
    let is_python = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        name.starts_with("python-") && path.join(".backlot-whole").exists()
    };
    entries.filter(is_python).collect()
}
