//! What a service runs that may be its image's own: what its shell does (`sh -c "./app migrate && ./app"`), and what is packed for a
//! machine of its language (`java -jar app.jar`).

use std::path::Path;

use backlot_dockerfile::{normal, runs};
use backlot_facts::container::Container;

use crate::error::StackError;
use crate::translation::Translation;

const SHELLS: [&str; 5] = ["sh", "bash", "ash", "dash", "zsh"];
/// Words of a shell's own, which are no files.
const OF_SHELLS: [&str; 21] = [
    ":", ".", "source", "set", "exit", "trap", "ulimit", "umask", "wait", "eval", "shift", "return", "read",
    "alias", "unset", "shopt", "command", "type", "hash", "break", "continue",
];
/// Programs of all systems that bring no other one.
const OF_SYSTEMS: [&str; 24] = [
    "[", "cat", "cd", "chgrp", "chmod", "chown", "date", "echo", "env", "export", "false", "grep",
    "hostname", "id", "ls", "mkdir", "printf", "pwd", "rm", "rmdir", "sleep", "test", "touch", "true",
];

impl Translation<'_> {
    /// Whether what is run for certain is here: what a line names by a path that is none of the project's, what it begins with, and
    /// what is packed. Later ones may be made or installed by those before.
    pub(crate) fn check_line(&self, container: &Container<'_>, command: &[String]) -> Result<(), StackError> {
        let service = container.service;
        if service.extension.command.is_some() {
            return Ok(());
        }
        // What a script is handed is run by it.
        if let Some(file) = command.iter().skip(1).find(|word| self.is_left_unbuilt(container, word)) {
            return Err(self.not_here(container, file));
        }
        let place = |path: &Path| container.outside(path).filter(|place| place.exists());
        let directory = Path::new(container.working_dir().unwrap_or("/"));
        let is_images = service.build.is_none() && is_line(command);
        let mut may_install = false;
        for (at, run) in runs(command, directory, &container.environment(), &place).iter().enumerate() {
            let words = run.words.strip_prefix(&["exec".to_owned()]).unwrap_or(&run.words);
            let Some(program) = words.first() else { continue };
            let inside = |file: &str| normal(&run.directory.join(file));
            let may_come = |file: &str| at > 0 && container.outside(&inside(file)).is_some();
            let is_path = program.contains('/');
            let is_own = is_path && container.outside(&inside(program)).is_some();
            let is_known = is_own || OF_SHELLS.contains(&program.as_str());
            if is_images && !is_known && (is_path || !may_install) {
                self.program(container, std::slice::from_ref(program), &self.surroundings(service))?;
            }
            may_install |= !is_known && !OF_SYSTEMS.contains(&program.as_str());
            let script = || script(words).filter(|_| container.is_its_image_alone());
            if let Some(file) = packed(words).or_else(script).filter(|file| !may_come(file))
                && container.own_program(&inside(file).display().to_string()).is_none()
                && !container.directory().join(file).exists()
                && !self.is_built(service, &inside(file))
            {
                return Err(self.not_here(container, &inside(file).display().to_string()));
            }
        }
        Ok(())
    }
}

impl Translation<'_> {
    /// Whether a word is the path of what only a build makes that is not done here.
    fn is_left_unbuilt(&self, container: &Container<'_>, word: &str) -> bool {
        let path = Path::new(word);
        let made = &container.dockerfile.made;
        path.is_absolute()
            && made
                .iter()
                .any(|made| made.to == path || (made.into && made.to.join(name_of(&made.from)) == path))
            && container.outside(path).is_none_or(|place| !place.exists())
            && !self.is_built(container.service, path)
    }
}

fn name_of(path: &Path) -> &Path {
    path.file_name().map_or(path, Path::new)
}

/// Whether a command is a line for a shell.
fn is_line(command: &[String]) -> bool {
    let [shell, option, _, ..] = command else { return false };
    let shell = shell.rsplit('/').next().unwrap_or_default();
    SHELLS.contains(&shell) && option.starts_with('-') && option.ends_with('c')
}

/// The file that an interpreter runs.
fn script(words: &[String]) -> Option<&str> {
    let (program, rest) = words.split_first()?;
    let name = program.rsplit('/').next()?;
    let is_interpreter = name.starts_with("python") || ["node", "php", "ruby"].contains(&name);
    let first = rest.first().filter(|word| is_interpreter && !word.starts_with('-'))?;
    Some(first)
}

/// The file that is run by a machine of its language.
fn packed(words: &[String]) -> Option<&str> {
    let (program, rest) = words.split_first()?;
    let file = match program.rsplit('/').next()? {
        "java" => rest.iter().skip_while(|word| *word != "-jar").nth(1),
        "dotnet" => rest.first().filter(|word| Path::new(word).extension().is_some_and(|end| end == "dll")),
        _ => None,
    };
    file.map(String::as_str)
}
