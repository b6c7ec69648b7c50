//! What a service that is only an image has its shell run (`sh -c "./app migrate && ./app"`): that may be the image's own.

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

impl Translation<'_> {
    /// Whether what a line runs for certain is here: what it names by a path that is none of the project's, and what it begins with.
    /// Later ones may be made or installed by those before.
    pub(crate) fn check_line(&self, container: &Container<'_>, command: &[String]) -> Result<(), StackError> {
        let [shell, option, _, ..] = command else { return Ok(()) };
        let shell = shell.rsplit('/').next().unwrap_or_default();
        let is_line = SHELLS.contains(&shell) && option.starts_with('-') && option.ends_with('c');
        if !is_line || container.service.build.is_some() || container.service.extension.command.is_some() {
            return Ok(());
        }
        let place = |path: &Path| container.outside(path).filter(|place| place.exists());
        let directory = Path::new(container.working_dir().unwrap_or("/"));
        let surroundings = self.surroundings(container.service);
        let all = runs(command, directory, &container.environment(), &place);
        let programs = all.iter().filter_map(|run| {
            let first = run.words.iter().find(|word| *word != "exec")?;
            Some((first, normal(&run.directory.join(first))))
        });
        for (at, (program, path)) in programs.enumerate() {
            let is_own = program.contains('/') && container.outside(&path).is_some();
            let is_known = is_own || OF_SHELLS.contains(&program.as_str());
            if !is_known && (at == 0 || program.contains('/')) {
                self.program(container, std::slice::from_ref(program), &surroundings)?;
            }
        }
        Ok(())
    }
}
