//! Programs that install packages, and what they are given.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use backlot_dockerfile::Install;
use backlot_process::{Printed, ProcessError, Program, caller_allow_list, describe_exit, is_offline};
use backlot_view::View;

use crate::error::DependencyError;

/// How long one of them may take.
const LIMIT: Duration = Duration::from_mins(30);
/// When it is first told how far it has come, and how often then.
const SIGN_AFTER: Duration = Duration::from_secs(5);
const SIGN_EVERY: Duration = Duration::from_secs(10);
/// So many of its last lines are told when it fails.
const LAST_LINES: usize = 15;

/// Beginnings of the caller's variables by which they are configured.
const OF_TOOLS: [&str; 12] = [
    "PIP_",
    "UV_",
    "POETRY_",
    "PIPENV_",
    "npm_config_",
    "NPM_CONFIG_",
    "NPM_TOKEN",
    "YARN_",
    "BUNDLE_",
    "COREPACK_",
    "XDG_",
    "SSH_AUTH_SOCK",
];
/// Those that would have them install elsewhere.
const ELSEWHERE: [&str; 24] = [
    "PIP_TARGET",
    "PIP_PREFIX",
    "PIP_ROOT",
    "PIP_USER",
    "PIP_REQUIRE_VIRTUALENV",
    "PIP_PYTHON",
    "UV_PROJECT_ENVIRONMENT",
    "UV_PROJECT",
    "UV_WORKING_DIRECTORY",
    "UV_PYTHON",
    "UV_SYSTEM_PYTHON",
    "UV_TARGET",
    "UV_PREFIX",
    "UV_NO_CACHE",
    "POETRY_VIRTUALENVS_CREATE",
    "POETRY_VIRTUALENVS_IN_PROJECT",
    "POETRY_VIRTUALENVS_PATH",
    "PIPENV_IGNORE_VIRTUALENVS",
    "PIPENV_PIPFILE",
    "npm_config_prefix",
    "NPM_CONFIG_PREFIX",
    "BUNDLE_PATH",
    "BUNDLE_GEMFILE",
    "BUNDLE_APP_CONFIG",
];
/// Variables of an image that are about its own files, or its size.
const OF_THE_IMAGE: [&str; 7] =
    ["PATH", "HOME", "VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME", "LD_LIBRARY_PATH", "PIP_NO_CACHE_DIR"];

/// Whether a variable of an image is about what only that has.
pub(crate) fn of_the_image(name: &str) -> bool {
    OF_THE_IMAGE.contains(&name)
}

/// What runs the tools.
pub(crate) struct Tools<'t> {
    /// The variables that all have.
    pub(crate) variables: BTreeMap<String, String>,
    /// Where they are looked for.
    pub(crate) path: Vec<PathBuf>,
    /// The world in which they run, if it is one of their own.
    pub(crate) view: Option<Arc<View>>,
    is_offline: bool,
    pub(crate) interrupted: &'t AtomicBool,
    pub(crate) say: &'t mut dyn FnMut(&str),
}

/// By what each tool is told to use what is on this machine alone.
const WITHOUT_NETWORK: [(&str, &str); 5] = [
    ("PIP_NO_INDEX", "1"),
    ("UV_OFFLINE", "1"),
    ("npm_config_offline", "true"),
    ("YARN_ENABLE_NETWORK", "0"),
    ("BUNDLE_LOCAL", "true"),
];

impl<'t> Tools<'t> {
    pub(crate) fn new(
        caller: &BTreeMap<String, String>,
        interrupted: &'t AtomicBool,
        say: &'t mut dyn FnMut(&str),
    ) -> Self {
        let mut variables = caller_allow_list(caller);
        let own = caller.iter().filter(|(name, _)| OF_TOOLS.iter().any(|start| name.starts_with(start)));
        variables.extend(own.map(|(name, value)| (name.clone(), value.clone())));
        variables.retain(|name, _| !ELSEWHERE.contains(&name.as_str()));
        let is_offline = is_offline(caller);
        if is_offline {
            variables.extend(WITHOUT_NETWORK.map(|(name, value)| (name.to_owned(), value.to_owned())));
        }
        let path = caller.get("PATH").map(|path| std::env::split_paths(path).collect()).unwrap_or_default();
        Self { variables, path, view: None, is_offline, interrupted, say }
    }

    /// The same for one line, with the variables that its Dockerfile gives it.
    pub(crate) fn variables_of(&self, install: &Install) -> BTreeMap<String, String> {
        let mut all = self.variables.clone();
        let own = install.variables.iter().filter(|(name, value)| {
            let is_elsewhere = ELSEWHERE.contains(&name.as_str()) || of_the_image(name);
            // A path is one of the image.
            !is_elsewhere && !value.starts_with('/')
        });
        all.extend(own.map(|(name, value)| (name.clone(), value.clone())));
        all
    }

    /// A program where they are looked for.
    pub(crate) fn find(&self, name: &str) -> Option<PathBuf> {
        self.path.iter().map(|dir| dir.join(name)).find(|file| crate::machine::is_executable(file))
    }

    /// Runs a program to its end; `said` is the line that it is about.
    pub(crate) fn run(
        &mut self,
        said: &str,
        program: PathBuf,
        arguments: impl IntoIterator<Item = String>,
        (variables, directory): (BTreeMap<String, String>, &Path),
    ) -> Result<(), DependencyError> {
        let path = std::env::join_paths(&self.path).unwrap_or_default();
        let mut program =
            Program::new(program).args(arguments).envs(variables).env("PATH", path).current_dir(directory);
        if let Some(view) = &self.view {
            program = program.within(Arc::clone(view));
        }
        let start = Instant::now();
        let mut next_sign = SIGN_AFTER;
        let (interrupted, say) = (self.interrupted, &mut self.say);
        let mut go_on = |printed: Printed<'_>| {
            if start.elapsed() > next_sign {
                next_sign += SIGN_EVERY;
                if let Some(line) = last_line(printed.stdout).or_else(|| last_line(printed.stderr)) {
                    say(&line);
                }
            }
            !interrupted.load(Ordering::Relaxed)
        };
        let output = program.output_while(&[], LIMIT, &mut go_on).map_err(|source| match source {
            ProcessError::AskedToStop { .. } => DependencyError::Interrupted,
            source => DependencyError::Process { said: said.to_owned(), source },
        })?;
        if output.status.success() {
            return Ok(());
        }
        let last_lines = output.last_lines(LAST_LINES);
        let offline = if self.is_offline { "; offline, it has only what is on this machine" } else { "" };
        let how = format!("it ended with {}{offline}", describe_exit(output.status));
        Err(DependencyError::Failed {
            line: format!("`{said}`"),
            how,
            last_lines,
            system: Vec::new(),
            builds: false,
        })
    }
}

/// The last whole line that was printed.
fn last_line(printed: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(&printed[printed.len().saturating_sub(2000)..]).into_owned();
    let line = text.lines().rev().map(str::trim).find(|line| !line.is_empty())?;
    Some(line.chars().filter(|c| !c.is_control()).take(100).collect())
}
