//! The interpreters of this machine, and its programs that install packages.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use backlot_process::{Program, caller_allow_list};

/// How long an interpreter may take to tell its version.
const LIMIT: Duration = Duration::from_secs(10);
/// No Python 3 is looked for beyond this one.
const NEWEST: u32 = 30;

/// A version, as far as it counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// `3`
    pub major: u32,
    /// `12`, where it counts.
    pub minor: Option<u32>,
}

impl Version {
    /// Whether one that asks for this one is served by `other`.
    pub fn is_met_by(self, other: Self) -> bool {
        self.major == other.major && (self.minor.is_none() || self.minor == other.minor)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.major)?;
        self.minor.map_or(Ok(()), |minor| write!(f, ".{minor}"))
    }
}

/// An interpreter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Interpreter {
    pub(crate) program: PathBuf,
    pub(crate) version: Version,
}

/// This machine, as its caller has it.
#[derive(Debug, Clone, Copy)]
pub struct Machine<'m> {
    /// The caller's variables.
    pub caller: &'m BTreeMap<String, String>,
}

/// What interpreters have told, which takes its time.
static TOLD: Mutex<BTreeMap<(PathBuf, PathBuf), Option<Interpreter>>> = Mutex::new(BTreeMap::new());

impl Machine<'_> {
    /// A program on the caller's PATH.
    pub(crate) fn on_path(self, name: &str) -> Option<PathBuf> {
        self.all_on_path(name).next()
    }

    fn all_on_path(self, name: &str) -> impl Iterator<Item = PathBuf> + use<> {
        let path = self.caller.get("PATH").cloned().unwrap_or_default();
        let name = name.to_owned();
        std::env::split_paths(&path)
            .map(move |dir| dir.join(&name))
            .filter(|file| is_executable(file))
            .collect::<Vec<_>>()
            .into_iter()
    }

    /// A folder of the caller's: a variable's, else one below the home directory.
    fn folder(self, variable: &str, usual: &str) -> Option<PathBuf> {
        let named = self.caller.get(variable).filter(|path| !path.is_empty()).map(PathBuf::from);
        named.or_else(|| self.caller.get("HOME").map(|home| Path::new(home).join(usual)))
    }

    /// The Python that is wanted, where there is one; else the nearest that is `allowed`, the one on PATH if that is as near.
    pub(crate) fn python(
        self,
        wanted: Option<Version>,
        directory: &Path,
        allowed: &dyn Fn(Version) -> bool,
    ) -> Result<Interpreter, Vec<Version>> {
        let wanted = wanted.and_then(|wanted| wanted.minor.map(|_| wanted));
        let all = self.pythons();
        if let Some(exact) = all.iter().find(|found| Some(found.version) == wanted) {
            return Ok(exact.clone());
        }
        let usual = self.usual_python(directory);
        let is_usual_enough = |usual: &Interpreter| wanted.is_none() && allowed(usual.version);
        if let Some(usual) = usual.clone().filter(is_usual_enough) {
            return Ok(usual);
        }
        let distance = |found: &Interpreter| {
            let minor = found.version.minor.unwrap_or_default();
            minor.abs_diff(wanted.and_then(|wanted| wanted.minor).unwrap_or(NEWEST))
        };
        let all: Vec<Interpreter> = usual.into_iter().chain(all).collect();
        let nearest = all.iter().filter(|found| allowed(found.version)).min_by_key(|found| distance(found));
        nearest.cloned().ok_or_else(|| all.iter().map(|found| found.version).collect())
    }

    /// The Python of a command that has no environment, where an image has `wanted`: its folder, if that is not on PATH, and its
    /// version.
    pub fn plain_python(self, wanted: Version, directory: &Path) -> Option<(Option<PathBuf>, Version)> {
        let usual = self.usual_python(directory);
        if usual.as_ref().is_some_and(|usual| wanted.is_met_by(usual.version)) {
            return Some((None, wanted));
        }
        let mut kept = self.pythons().into_iter().filter(|found| wanted.is_met_by(found.version));
        let kept = kept.find_map(|found| self.off_path(&found.program));
        kept.map(|folder| (Some(folder), wanted)).or_else(|| Some((None, usual?.version)))
    }

    /// The same of Node.
    pub fn plain_node(self, wanted: Version) -> Option<(Option<PathBuf>, Version)> {
        let found = self.node(Some(wanted))?;
        Some((self.off_path(&found.program), found.version))
    }

    /// The folder of a program that is not on PATH.
    fn off_path(self, program: &Path) -> Option<PathBuf> {
        let path = self.caller.get("PATH").map(String::as_str).unwrap_or_default();
        let folder = program.parent()?;
        std::env::split_paths(path).all(|other| other != folder).then(|| folder.to_owned())
    }

    fn usual_python(self, directory: &Path) -> Option<Interpreter> {
        let all = ["python3", "python"].into_iter().filter_map(|name| self.on_path(name));
        let mut all = all.filter_map(|program| match version_of_name(&program) {
            Some(_) if is_script(&program) => tell_python(&program, directory, self.caller),
            Some(version) => Some(Interpreter { program, version }),
            None => tell_python(&program, directory, self.caller),
        });
        all.find(|found| found.version.major >= 3)
    }

    /// All of Python 3 that can be told without asking them, on PATH and where what manages them keeps them.
    fn pythons(self) -> Vec<Interpreter> {
        let with_minor = (0..=NEWEST).rev().map(|minor| format!("python3.{minor}"));
        let names = ["python3", "python"].map(str::to_owned).into_iter().chain(with_minor);
        let on_path = names.flat_map(|name| self.all_on_path(&name));
        // What chooses among several by a file of the project's is passed over: those are looked at themselves.
        let on_path = on_path
            .filter(|file| !is_script(file))
            .filter_map(|program| version_of_name(&program).map(|version| Interpreter { program, version }));
        let folders = [
            (self.folder("PYENV_ROOT", ".pyenv").map(|dir| dir.join("versions")), ""),
            (self.folder("UV_PYTHON_INSTALL_DIR", ".local/share/uv/python"), "cpython-"),
            (self.folder("MISE_DATA_DIR", ".local/share/mise").map(|dir| dir.join("installs/python")), ""),
            (self.folder("ASDF_DATA_DIR", ".asdf").map(|dir| dir.join("installs/python")), ""),
        ];
        let kept = folders.into_iter().filter_map(|(dir, prefix)| Some(versions(&dir?, prefix))).flatten();
        let kept = kept.map(|(_, version, dir)| Interpreter {
            program: dir.join(format!("bin/python{version}")),
            version,
        });
        let all = on_path.chain(kept.filter(|found| is_executable(&found.program)));
        all.filter(|found| found.version.major == 3).collect()
    }

    /// The Node that is wanted, where there is one; else the one on PATH.
    pub(crate) fn node(self, wanted: Option<Version>) -> Option<Interpreter> {
        let usual = self.on_path("node").and_then(|program| tell_node(&program, self.caller));
        let Some(wanted) = wanted else { return usual };
        if let Some(usual) = usual.as_ref().filter(|usual| wanted.is_met_by(usual.version)) {
            return Some(usual.clone());
        }
        let folders = [
            (self.folder("NVM_DIR", ".nvm").map(|dir| dir.join("versions/node")), "v", "bin/node"),
            (
                self.folder("MISE_DATA_DIR", ".local/share/mise").map(|dir| dir.join("installs/node")),
                "",
                "bin/node",
            ),
            (self.folder("ASDF_DATA_DIR", ".asdf").map(|dir| dir.join("installs/nodejs")), "", "bin/node"),
            (
                self.folder("FNM_DIR", ".local/share/fnm").map(|dir| dir.join("node-versions")),
                "v",
                "installation/bin/node",
            ),
            (self.folder("VOLTA_HOME", ".volta").map(|dir| dir.join("tools/image/node")), "", "bin/node"),
        ];
        let all = folders.into_iter().filter_map(|(dir, prefix, file)| newest(&dir?, prefix, wanted, file));
        let found = all.into_iter().next().map(|program| Interpreter { program, version: wanted });
        found.or(usual)
    }
}

/// The newest version in a folder of versions that is the wanted one.
fn newest(dir: &Path, prefix: &str, wanted: Version, program: &str) -> Option<PathBuf> {
    let all = versions(dir, prefix).into_iter().filter(|(_, version, _)| wanted.is_met_by(*version));
    let mut programs = all.map(|(_, _, dir)| dir.join(program));
    programs.find(|file| is_executable(file))
}

/// What is in a folder of versions (`3.12.1`), newest first.
fn versions(dir: &Path, prefix: &str) -> Vec<(Vec<u32>, Version, PathBuf)> {
    let names = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let all = names.filter_map(|entry| {
        let name = entry.file_name().into_string().ok()?;
        let numbers = name.strip_prefix(prefix)?.split('-').next()?.split('.').map(str::parse::<u32>);
        let numbers: Vec<u32> = numbers.collect::<Result<_, _>>().ok()?;
        let version = Version { major: *numbers.first()?, minor: numbers.get(1).copied() };
        Some((numbers, version, entry.path()))
    });
    let mut all: Vec<_> = all.collect();
    all.sort_by(|one, other| other.0.cmp(&one.0));
    all
}

/// The version in the name of what a program leads to: `python3.11`.
fn version_of_name(program: &Path) -> Option<Version> {
    let file = program.canonicalize().ok()?;
    let name = file.file_name()?.to_str()?.strip_prefix("python")?.to_owned();
    let (major, minor) = name.split_once('.')?;
    Some(Version { major: major.parse().ok()?, minor: Some(minor.parse().ok()?) })
}

/// Whether a program is a script, which may lead anywhere.
fn is_script(file: &Path) -> bool {
    use std::io::Read;
    let mut start = [0; 2];
    backlot_files::open(file).is_ok_and(|mut file| file.read_exact(&mut start).is_ok()) && start == *b"#!"
}

pub(crate) fn is_executable(file: &Path) -> bool {
    file.is_file() && nix::unistd::access(file, nix::unistd::AccessFlags::X_OK).is_ok()
}

/// What a Python is: the file behind a shim of pyenv's, and its version.
fn tell_python(program: &Path, directory: &Path, caller: &BTreeMap<String, String>) -> Option<Interpreter> {
    let ask = ["-c", "import sys; print(sys.executable, *sys.version_info[:2], sep='\\n')"];
    told(program, &ask, directory, caller, |lines| {
        let [program, major, minor] = lines else { return None };
        let version = Version { major: major.parse().ok()?, minor: minor.parse().ok() };
        Some(Interpreter { program: PathBuf::from(program), version })
    })
}

fn tell_node(program: &Path, caller: &BTreeMap<String, String>) -> Option<Interpreter> {
    told(program, &["--version"], Path::new("/"), caller, |lines| {
        let major = lines.first()?.strip_prefix('v')?.split('.').next()?.parse().ok()?;
        Some(Interpreter { program: program.to_owned(), version: Version { major, minor: None } })
    })
}

fn told(
    program: &Path,
    ask: &[&str],
    directory: &Path,
    caller: &BTreeMap<String, String>,
    read: impl FnOnce(&[&str]) -> Option<Interpreter>,
) -> Option<Interpreter> {
    let key = (program.to_owned(), directory.to_owned());
    if let Some(known) = TOLD.lock().ok().and_then(|told| told.get(&key).cloned()) {
        return known;
    }
    let directory = if directory.is_dir() { directory } else { Path::new("/") };
    let asked = Program::new(program)
        .args(ask.iter().copied())
        .envs(caller_allow_list(caller))
        .current_dir(directory)
        .output(LIMIT);
    let output = asked.ok().filter(|output| output.status.success());
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    let found = read(&text.lines().collect::<Vec<_>>());
    if let Ok(mut told) = TOLD.lock() {
        told.insert(key, found.clone());
    }
    found
}

#[cfg(test)]
mod tests;
