//! Making environments: one at a time, at the place where they stay, and with a mark that comes last.

use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use backlot_dockerfile::{Kind, Tool};
use backlot_process::end_all_with_variable;

use crate::environment::{Ecosystem, Environment};
use crate::error::DependencyError;
use crate::folder::{lock_of, make_folder, note_use, remove, write_mark};
use crate::machine::Machine;
use crate::system::missing;
use crate::tools::Tools;
use crate::{kept, lock, modules, python, sources};

/// By this variable what tools have started is known, should we be killed.
const INSTALLS: &str = "BACKLOT_INSTALLS";
/// How long what is left of a killed one may take to end.
const ENDING: Duration = Duration::from_secs(3);

/// With what environments are made.
#[derive(Debug, Clone, Copy)]
pub struct Making<'m> {
    /// The machine.
    pub machine: Machine<'m>,
    /// Set when the caller asks to stop.
    pub interrupted: &'m AtomicBool,
}

impl Environment {
    /// Makes it, unless it is there; `say` hears what is done. Returns whether it was made.
    ///
    /// # Errors
    /// When it cannot be made; nothing of it is left then.
    pub fn make(&self, making: &Making<'_>, say: &mut dyn FnMut(&str)) -> Result<bool, DependencyError> {
        if self.is_whole() {
            note_use(&self.folder);
            return Ok(false);
        }
        for tool in &self.tools {
            tool.make(making, say)?;
        }
        let home = self.folder.parent().unwrap_or(&self.folder);
        let made = fs::DirBuilder::new().recursive(true).mode(0o711).create(home);
        made.map_err(DependencyError::io("make", home))?;
        let _lock = lock::acquire(&lock_of(&self.folder), making.interrupted, say)?;
        // Somebody else has made it meanwhile.
        if self.is_whole() {
            return Ok(false);
        }
        clear_begun(&self.folder)?;
        kept::clear_begun(home, &clear_begun);
        let name = self.folder.display().to_string();
        let mut tools = Tools::new(making.machine.caller, making.interrupted, say);
        tools.variables.insert(INSTALLS.into(), name.clone());
        for programs in self.tools.iter().rev().map(Environment::programs) {
            tools.path.splice(..0, programs);
        }
        let outcome = self.fill(&mut tools);
        if outcome.is_err() {
            end_all_with_variable(INSTALLS, &name, ENDING);
            // What cannot be removed has no mark, and is removed by who comes next.
            let _ = remove(&self.folder);
        }
        if outcome.is_ok() && self.built.is_some() {
            kept::forget_earlier(&self.folder, making.interrupted);
        }
        outcome.map(|()| true).map_err(|error| match error {
            DependencyError::Failed { line, how, last_lines, .. } => DependencyError::Failed {
                line,
                how,
                last_lines,
                // What is here is not missing, whoever has brought it.
                system: missing(&self.system, true, making.machine.caller).names,
                builds: self.built.is_some(),
            },
            other @ (DependencyError::NoTool { .. }
            | DependencyError::NoPython { .. }
            | DependencyError::Process { .. }
            | DependencyError::TooMuch { .. }
            | DependencyError::View { .. }
            | DependencyError::Busy { .. }
            | DependencyError::Interrupted
            | DependencyError::Io { .. }) => other,
        })
    }

    fn fill(&self, tools: &mut Tools<'_>) -> Result<(), DependencyError> {
        let found = match (self.ecosystem, &self.built) {
            (Ecosystem::Python, _) => python::fill(self, tools).map(|()| Vec::new())?,
            (Ecosystem::Node, _) => {
                self.fill_modules(tools)?;
                modules::all_below(&self.folder)
            }
            (Ecosystem::Ruby, _) => self.fill_gems(tools).map(|()| Vec::new())?,
            (Ecosystem::Built, built) => {
                built.as_ref().map_or(Ok(Vec::new()), |built| built.fill(&self.folder, tools))?
            }
        };
        let lines: Vec<String> = found.iter().map(|path| path.display().to_string()).collect();
        write_mark(&self.folder, &lines.join("\n")).map_err(DependencyError::io("write into", &self.folder))
    }

    fn fill_modules(&self, tools: &mut Tools<'_>) -> Result<(), DependencyError> {
        if let Some(bin) = self.interpreter.parent().filter(|_| self.is_apart) {
            tools.path.insert(0, bin.to_owned());
        }
        for install in &self.installs {
            (tools.say)(&format!("$ {}", install.said));
            let mut variables = tools.variables_of(install);
            // Nobody can be asked.
            variables.entry("CI".into()).or_insert_with(|| "true".into());
            let (tool, arguments) = match &install.kind {
                Kind::Modules { tool, arguments } => {
                    sources::copy(&install.directory, &self.folder)?;
                    modules::keep_in(&self.folder)?;
                    (*tool, arguments.clone())
                }
                Kind::Globals(packages) => {
                    make_folder(&self.folder)?;
                    fs::write(self.folder.join("package.json"), "{\"private\": true}\n")
                        .map_err(DependencyError::io("write into", &self.folder))?;
                    let install = ["install".to_owned()].into_iter();
                    (Tool::Npm, install.chain(packages.iter().cloned()).collect())
                }
                Kind::Pip { .. } | Kind::Sync { .. } | Kind::Export { .. } | Kind::Gems { .. } => continue,
            };
            let quiet: &[&str] = if tool == Tool::Npm { &["--no-audit", "--no-fund"] } else { &[] };
            let arguments = arguments.into_iter().chain(quiet.iter().map(|word| (*word).to_owned()));
            let no_tool = || DependencyError::NoTool { program: tool.name(), said: install.said.clone() };
            let program = tools.find(tool.name()).ok_or_else(no_tool)?;
            tools.run(&install.said, program, arguments, (variables, &self.folder))?;
            let plays = !self.folder.join(modules::NAME).exists() && self.folder.join(".pnp.cjs").exists();
            if plays {
                return Err(DependencyError::Failed {
                    line: format!("`{}`", install.said),
                    how: "yarn's Plug'n'Play makes no node_modules, which is not known here (`nodeLinker: node-modules` in .yarnrc.yml)".into(),
                    last_lines: Vec::new(),
                    system: Vec::new(),
                    builds: false,
                });
            }
        }
        Ok(())
    }

    fn fill_gems(&self, tools: &mut Tools<'_>) -> Result<(), DependencyError> {
        for install in &self.installs {
            let Kind::Gems { arguments } = &install.kind else { continue };
            (tools.say)(&format!("$ {}", install.said));
            let copy = self.folder.join("project");
            sources::copy(&install.directory, &copy)?;
            let mut variables = tools.variables_of(install);
            variables.extend(self.variables().into_iter().map(|(name, value)| (name.to_owned(), value)));
            let words = ["install".to_owned()].into_iter().chain(arguments.iter().cloned());
            tools.run(&install.said, self.interpreter.clone(), words, (variables, &copy))?;
        }
        Ok(())
    }
}

/// Takes away what somebody has begun who was killed; what he ran may still be at work.
fn clear_begun(folder: &Path) -> Result<(), DependencyError> {
    end_all_with_variable(INSTALLS, &folder.display().to_string(), ENDING);
    remove(folder)
}
