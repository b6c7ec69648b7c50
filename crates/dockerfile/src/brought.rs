//! What a Dockerfile brings into its image that this machine has of its own, or that is fetched when it is needed: tools that
//! install packages, and languages.

use std::path::Path;

use backlot_project::stack::Image;

/// Where the scripts are that install such a tool.
const SCRIPTS: [&str; 6] = [
    "//astral.sh/uv/",
    "//install.python-poetry.org",
    "/python-poetry/poetry/",
    "//get.pnpm.io/",
    "//bootstrap.pypa.io/get-pip",
    "//yarnpkg.com/install.sh",
];
/// Programs that run a script.
const INTERPRETERS: [&str; 5] = ["sh", "bash", "ash", "python", "python3"];
/// Images of languages.
const LANGUAGES: [&str; 4] = ["node", "python", "ruby", "golang"];
/// Where those have their programs.
const PLACES: [&str; 5] = ["/usr/local", "/usr/lib", "/usr/bin", "/usr/include", "/opt/yarn"];

/// Whether a word leads to a script that installs a tool for packages.
pub(crate) fn is_script(word: &str) -> bool {
    SCRIPTS.iter().any(|script| word.contains(script))
}

/// Whether a command does nothing but run what it is handed: `sh`, `python3 -`, `sh -s -- --yes`.
pub(crate) fn runs_what_it_is_handed(words: &[String]) -> bool {
    let Some((program, rest)) = words.split_first() else { return false };
    let name = program.rsplit('/').next().unwrap_or_default();
    INTERPRETERS.contains(&name) && rest.first().is_none_or(|word| word.starts_with('-') && word != "-c")
}

/// The file that a command has an interpreter run.
pub(crate) fn script_of(words: &[String]) -> Option<&str> {
    let (program, rest) = words.split_first()?;
    let name = program.rsplit('/').next().unwrap_or_default();
    rest.first().filter(|_| INTERPRETERS.contains(&name)).map(String::as_str)
}

/// Whether `path` of an image is a language's, as its official image has it.
pub(crate) fn is_of_language(image: &Image, path: &str) -> bool {
    let name = image.repository.rsplit('/').next().unwrap_or_default();
    LANGUAGES.contains(&name) && PLACES.iter().any(|place| Path::new(path).starts_with(place))
}
