//! Virtual environments.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use backlot_dockerfile::{Argument, Install, Kind, Tool};

use crate::environment::Environment;
use crate::error::DependencyError;
use crate::folder::make_folder;
use crate::key::{leaves_project, locals};
use crate::project::{Requirements, is_package, live};
use crate::sources;
use crate::tools::Tools;

/// Where copies of the project are, in an environment.
const SOURCES: &str = "backlot-sources";

/// Makes the virtual environment, and installs what is to be in it.
pub(crate) fn fill(environment: &Environment, tools: &mut Tools<'_>) -> Result<(), DependencyError> {
    let folder = &environment.folder;
    let uv = tools.find("uv");
    let base = (tools.variables.clone(), Path::new("/"));
    let place = folder.display().to_string();
    let interpreter = environment.interpreter.display().to_string();
    if let Some(uv) = &uv {
        let words = ["venv", "--python", &interpreter, &place].map(str::to_owned);
        tools.run("uv venv", uv.clone(), words, base)?;
    } else {
        let words = ["-m", "venv", &place].map(str::to_owned);
        tools.run("python3 -m venv", environment.interpreter.clone(), words, base)?;
    }
    tools.path.insert(0, folder.join("bin"));
    tools.variables.insert("VIRTUAL_ENV".into(), place);
    let mut filling = Filling { folder, uv, tools, copies: Vec::new() };
    for install in &environment.installs {
        (filling.tools.say)(&format!("$ {}", install.said));
        match &install.kind {
            Kind::Pip { arguments, .. } => filling.pip(install, arguments)?,
            Kind::Sync { tool, arguments } => filling.sync(install, *tool, arguments)?,
            Kind::Export { .. } | Kind::Modules { .. } | Kind::Globals(_) | Kind::Gems { .. } => {}
        }
    }
    let mut roots: Vec<PathBuf> =
        environment.installs.iter().flat_map(locals).filter_map(|path| live(&path)).collect();
    roots.dedup();
    live_sources(folder, &roots)
}

struct Filling<'f, 't> {
    folder: &'f Path,
    uv: Option<PathBuf>,
    tools: &'f mut Tools<'t>,
    /// What has been copied, and where to.
    copies: Vec<(PathBuf, PathBuf)>,
}

impl Filling<'_, '_> {
    /// A copy of a folder of the project's, in which what builds it may write.
    fn copy(&mut self, from: &Path) -> Result<PathBuf, DependencyError> {
        if let Some((_, copy)) = self.copies.iter().find(|(known, _)| known == from) {
            return Ok(copy.clone());
        }
        let to = self.folder.join(SOURCES).join(self.copies.len().to_string());
        sources::copy(from, &to)?;
        self.copies.push((from.to_owned(), to.clone()));
        Ok(to)
    }

    fn pip(&mut self, install: &Install, arguments: &[Argument]) -> Result<(), DependencyError> {
        let (mut words, mut secret) = (Vec::new(), Vec::new());
        let mut variables = self.tools.variables_of(install);
        let mut directory = self.folder.to_owned();
        for argument in arguments {
            match argument {
                // One with an address may have a password in it, which is nothing for a command line.
                Argument::Package(name) if name.contains("://") => secret.push(name.clone()),
                Argument::Package(name) => words.push(name.clone()),
                Argument::Option(option @ ("--index-url" | "--extra-index-url"), value) => {
                    index(&mut variables, option, value.as_deref().unwrap_or_default());
                }
                Argument::Option("--pre", _) if self.uv.is_some() => words.push("--prerelease=allow".into()),
                Argument::Option(option, value) => {
                    words.push((*option).to_owned());
                    words.extend(value.clone());
                }
                Argument::Links(path) => words.extend(["-f".to_owned(), path.display().to_string()]),
                Argument::Local(path, extras) => {
                    let place = if path.is_dir() { self.copy(path)? } else { path.clone() };
                    words.push(format!("{}{extras}", place.display()));
                }
                Argument::File(option, file) => {
                    let mut file = file.clone();
                    // What it names of the project's own is found from where pip works.
                    if !Requirements::read(&file, &install.directory).locals.is_empty() {
                        directory = self.copy(&install.directory)?;
                        if let Ok(rest) = file.strip_prefix(&install.directory) {
                            file = directory.join(rest);
                        }
                    }
                    words.extend([(*option).to_owned(), file.display().to_string()]);
                }
            }
        }
        if !secret.is_empty() {
            let file = self.folder.join("backlot-requirements.txt");
            write_private(&file, &secret.join("\n")).map_err(DependencyError::io("write", &file))?;
            words.extend(["-r".to_owned(), file.display().to_string()]);
        }
        self.install(&install.said, words, (variables, &directory))
    }

    fn install(
        &mut self,
        said: &str,
        words: Vec<String>,
        how: (BTreeMap<String, String>, &Path),
    ) -> Result<(), DependencyError> {
        let python = self.folder.join("bin/python");
        let (program, first) = if let Some(uv) = &self.uv {
            let python = python.display().to_string();
            (uv.clone(), ["pip", "install", "--python", &python].map(str::to_owned).to_vec())
        } else {
            let words = ["-m", "pip", "install", "--disable-pip-version-check", "--no-input"];
            (python, words.map(str::to_owned).to_vec())
        };
        self.tools.run(said, program, first.into_iter().chain(words), how)
    }

    /// What a lock file says: the project itself is installed apart, from a copy.
    fn sync(&mut self, install: &Install, tool: Tool, arguments: &[String]) -> Result<(), DependencyError> {
        let copy = self.copy(&install.directory)?;
        let mut variables = self.tools.variables_of(install);
        let folder = self.folder.display().to_string();
        let leaves = leaves_project(tool, arguments);
        let mut words: Vec<String> = match tool {
            Tool::Uv => {
                variables.insert("UV_PROJECT_ENVIRONMENT".into(), folder.clone());
                variables.insert("UV_PYTHON".into(), format!("{folder}/bin/python"));
                vec!["sync".into()]
            }
            Tool::Poetry => {
                variables.insert("POETRY_VIRTUALENVS_CREATE".into(), "true".into());
                vec!["install".into(), "--no-interaction".into(), "--no-ansi".into()]
            }
            Tool::Pipenv => {
                variables.insert("PIPENV_VERBOSITY".into(), "-1".into());
                variables.insert("PIPENV_PIPFILE".into(), copy.join("Pipfile").display().to_string());
                Vec::new()
            }
            Tool::Npm | Tool::Pnpm | Tool::Yarn => return Ok(()),
        };
        words.extend(arguments.iter().cloned());
        match tool {
            Tool::Uv if !leaves => words.push("--no-install-project".into()),
            Tool::Poetry if !leaves => words.push("--no-root".into()),
            Tool::Uv | Tool::Poetry | Tool::Pipenv | Tool::Npm | Tool::Pnpm | Tool::Yarn => {}
        }
        let no_tool = || DependencyError::NoTool { program: tool.name(), said: install.said.clone() };
        let program = self.tools.find(tool.name()).ok_or_else(no_tool)?;
        self.tools.run(&install.said, program, words, (variables.clone(), &copy))?;
        if !leaves && is_package(&install.directory) {
            let words = vec!["--no-deps".to_owned(), copy.display().to_string()];
            self.install(&install.said, words, (variables, &copy))?;
        }
        Ok(())
    }
}

/// Where packages come from, which may have a password in it, as a variable: nobody else sees it there.
fn index(variables: &mut BTreeMap<String, String>, option: &str, value: &str) {
    let names = if option == "--index-url" {
        ["PIP_INDEX_URL", "UV_DEFAULT_INDEX"]
    } else {
        ["PIP_EXTRA_INDEX_URL", "UV_INDEX"]
    };
    for name in names {
        let all = variables.entry(name.to_owned()).or_default();
        if option == "--index-url" || all.is_empty() {
            value.clone_into(all);
        } else {
            all.push(' ');
            all.push_str(value);
        }
    }
}

fn write_private(file: &Path, text: &str) -> std::io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(file)?;
    file.write_all(text.as_bytes())
}

/// Has the project's own files stand for what is installed of them, so that a change of theirs counts at once: before other packages,
/// and after what comes with Python.
fn live_sources(folder: &Path, roots: &[PathBuf]) -> Result<(), DependencyError> {
    if roots.is_empty() {
        return Ok(());
    }
    let library = folder.join("lib");
    let entries = fs::read_dir(&library).map_err(DependencyError::io("read", &library))?;
    let paths: Vec<String> = roots.iter().map(|root| root.display().to_string()).collect();
    let paths = serde_json::to_string(&paths).unwrap_or_else(|_| "[]".into());
    let line = format!(
        "import sys; at = next((i for i, p in enumerate(sys.path) if p.endswith('site-packages')), len(sys.path)); \
         sys.path[at:at] = {paths}\n"
    );
    for entry in entries.flatten() {
        let packages = entry.path().join("site-packages");
        if packages.is_dir() {
            let file = packages.join("_backlot_live.pth");
            fs::write(&file, &line).map_err(DependencyError::io("write", &file))?;
        }
    }
    make_folder(folder)
}
