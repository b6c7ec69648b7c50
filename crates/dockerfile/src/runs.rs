//! What a command of a container runs, where that is a line for a shell or a script of the project's own.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::options::quoted;
use crate::shell::{Start, commands};

/// A command that runs for certain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// Its words.
    pub words: Vec<String>,
    /// Where it works.
    pub directory: PathBuf,
}

/// What the words of a command run that begins in `directory`, in their order; `place` tells where the project's files are on this
/// machine. What may or may not run is left out.
pub fn runs(
    words: &[String],
    directory: &Path,
    variables: &BTreeMap<String, String>,
    place: &dyn Fn(&Path) -> Option<PathBuf>,
) -> Vec<Run> {
    let line: Vec<String> = words.iter().map(|word| quoted(word)).collect();
    let all = commands(&line.join(" "), Start { directory, variables, place });
    let certain = all.into_iter().filter(|command| command.certain);
    certain.map(|command| Run { words: command.words, directory: command.directory }).collect()
}
