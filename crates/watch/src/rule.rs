//! What is done for which service when files at a path change.

use std::path::{Path, PathBuf};

use backlot_files::litter::{is_litter, is_made};
use backlot_project::stack::{WatchAction, WatchRule};

use crate::git::GitIgnored;
use crate::patterns::{PatternError, Patterns};

/// What says which packages a service needs, and how it is built: another one of these takes more than a restart.
const DECIDING: [&str; 15] = [
    "Gemfile",
    "Gemfile.lock",
    "Pipfile",
    "Pipfile.lock",
    "npm-shrinkwrap.json",
    "package-lock.json",
    "package.json",
    "pdm.lock",
    "pnpm-lock.yaml",
    "poetry.lock",
    "pyproject.toml",
    "setup.cfg",
    "setup.py",
    "uv.lock",
    "yarn.lock",
];

/// One rule for one service.
#[derive(Debug, Clone)]
pub struct Rule {
    /// The service.
    pub service: String,
    /// The file or folder.
    pub path: PathBuf,
    /// Which of the service's own rules it is; none for its source.
    pub said: Option<usize>,
    action: WatchAction,
    ignored: Vec<Patterns>,
    included: Option<Patterns>,
    pub(crate) git: Option<GitIgnored>,
    /// Files that were read to know all this.
    read: Vec<PathBuf>,
}

impl Rule {
    /// A service's source in the folder `path`: what is neither ignored, nor litter, nor made of something else, nor one of the
    /// files of the project that were `read`.
    pub fn of_source(
        service: &str,
        path: &Path,
        (docker, git): (Option<Patterns>, GitIgnored),
        read: &[PathBuf],
    ) -> Self {
        Self {
            service: service.to_owned(),
            path: path.to_owned(),
            said: None,
            action: WatchAction::Restart,
            ignored: docker.into_iter().collect(),
            included: None,
            git: Some(git),
            read: read.to_vec(),
        }
    }

    /// The same, where something is built of that source.
    #[must_use]
    pub fn built(self) -> Self {
        Self { action: WatchAction::Rebuild, ..self }
    }

    /// The rule `number` of a service's `develop.watch`.
    ///
    /// # Errors
    /// When one of its patterns is none.
    pub fn said(
        service: &str,
        (number, rule): (usize, &WatchRule),
        docker: Option<Patterns>,
    ) -> Result<Self, PatternError> {
        let own = Patterns::new(&rule.path, rule.ignore.iter().map(String::as_str))?;
        let included = Patterns::new(&rule.path, rule.include.iter().map(String::as_str))?;
        Ok(Self {
            service: service.to_owned(),
            path: rule.path.clone(),
            said: Some(number),
            action: rule.action,
            ignored: docker.into_iter().chain([own]).collect(),
            included: (!rule.include.is_empty()).then_some(included),
            git: None,
            read: Vec::new(),
        })
    }

    /// Whether anything in a folder can matter.
    pub fn enters(&self, folder: &Path) -> bool {
        if folder == self.path {
            return true;
        }
        let is_out = folder.file_name().is_some_and(|name| name == ".git")
            || self.ignored.iter().any(|patterns| patterns.match_all_of(folder))
            || self.git.as_ref().is_some_and(|git| is_made(folder) || git.has(folder, true));
        folder.starts_with(&self.path) && !is_out
    }

    /// Whether anything in a folder matters, and it is not below one in which nothing does.
    pub(crate) fn reaches(&self, folder: &Path) -> bool {
        let Ok(inside) = folder.strip_prefix(&self.path) else { return false };
        let mut parts = inside.ancestors().filter(|part| !part.as_os_str().is_empty());
        parts.all(|part| self.enters(&self.path.join(part)))
    }

    /// Whether a change of a file matters.
    pub fn takes(&self, file: &Path) -> bool {
        let is_reached = file == self.path || file.parent().is_some_and(|folder| self.reaches(folder));
        is_reached && self.takes_here(file)
    }

    /// The same of one in a folder that it reaches.
    pub(crate) fn takes_here(&self, file: &Path) -> bool {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        file.starts_with(&self.path)
            && !is_passing(&name)
            && !self.ignored.iter().any(|patterns| patterns.matches(file))
            && self.included.as_ref().is_none_or(|included| file == self.path || included.matches(file))
            && self.git.as_ref().is_none_or(|git| self.is_source(file, &name, git))
    }

    fn is_source(&self, file: &Path, name: &str, git: &GitIgnored) -> bool {
        let is_about_tools = name.starts_with(".git") || name.ends_with(".dockerignore");
        !is_litter(name)
            && !is_about_tools
            && !git.has(file, false)
            && !self.read.iter().any(|read| read == file)
    }

    /// What a change of a file that it takes asks for.
    pub fn action(&self, file: &Path) -> WatchAction {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let is_text = |ending| Path::new(name.as_ref()).extension().is_some_and(|its| its == ending);
        let decides = DECIDING.contains(&name.as_ref())
            || is_text("txt")
                && (name.contains("requirements")
                    || file.parent().is_some_and(|dir| dir.ends_with("requirements")))
            || name == "Dockerfile"
            || is_text("Dockerfile")
            || name.starts_with("Dockerfile.");
        if self.said.is_none() && decides { WatchAction::Rebuild } else { self.action }
    }
}

/// What editors have for a moment while they save.
fn is_passing(name: &str) -> bool {
    let is_swap = |name: &str| {
        [".swp", ".swx", ".swo", ".swn"].iter().any(|ending| name.starts_with('.') && name.ends_with(ending))
    };
    name == "4913"
        || name.ends_with('~')
        || name.starts_with(".#")
        || name.ends_with("___jb_old___")
        || name.ends_with("___jb_tmp___")
        || is_swap(name)
}

#[cfg(test)]
mod tests {
    use super::Rule;
    use crate::git::GitIgnored;
    use crate::patterns::Patterns;
    use backlot_project::stack::{WatchAction, WatchRule};
    use std::path::{Path, PathBuf};

    fn source() -> Rule {
        let mut git = GitIgnored::new("/p".into());
        git.add(Path::new("/p"), "static/\n*.tmp");
        let docker = Patterns::new(Path::new("/p"), ["tests"]).unwrap();
        Rule::of_source("web", Path::new("/p"), (Some(docker), git), &[PathBuf::from("/p/compose.yaml")])
    }

    #[test]
    fn source_is_what_people_write() {
        use WatchAction::{Rebuild, Restart};
        for (file, expected) in [
            ("app.py", Some(Restart)),
            ("lib/deep/models.py", Some(Restart)),
            ("templates/index.html", Some(Restart)),
            ("requirements.txt", Some(Rebuild)),
            ("web/requirements-dev.txt", Some(Rebuild)),
            ("requirements/dev.txt", Some(Rebuild)),
            ("robots.txt", Some(Restart)),
            ("package.json", Some(Rebuild)),
            ("Dockerfile", Some(Rebuild)),
            ("web.Dockerfile", Some(Rebuild)),
            ("tests/test_app.py", None),
            ("static/bundle.js", None),
            ("a.tmp", None),
            ("compose.yaml", None),
            (".gitignore", None),
            (".git/HEAD", None),
            (".venv/lib/x.py", None),
            ("node_modules/x/index.js", None),
            ("target/debug/app", None),
            ("__pycache__/app.pyc", None),
            (".app.py.swp", None),
            ("app.py~", None),
            ("4913", None),
            ("debug.log", None),
        ] {
            let file = Path::new("/p").join(file);
            let rule = source();
            assert_eq!(rule.takes(&file).then(|| rule.action(&file)), expected, "{}", file.display());
        }
        assert!(!source().takes(Path::new("/elsewhere/app.py")));
    }

    #[test]
    fn a_rule_of_the_file_takes_what_it_says() {
        let said = WatchRule {
            path: "/p/web".into(),
            action: WatchAction::Sync,
            target: Some("/app".into()),
            ignore: vec!["node_modules/".into(), "**/*.test.js".into()],
            include: vec!["**/*.js".into(), "**/*.log".into()],
            initial_sync: false,
            exec: None,
        };
        let docker = Patterns::new(Path::new("/p"), ["web/secret"]).unwrap();
        let rule = Rule::said("web", (0, &said), Some(docker)).unwrap();
        for (file, expected) in [
            ("/p/web/app.js", true),
            ("/p/web/deep/app.js", true),
            // It is taken at its word: what is litter or made elsewhere counts here.
            ("/p/web/target/app.js", true),
            ("/p/web/a.log", true),
            ("/p/web/app.css", false),
            ("/p/web/app.test.js", false),
            ("/p/web/node_modules/x.js", false),
            ("/p/web/secret/x.js", false),
            ("/p/web/.git/x.js", false),
            ("/p/other/app.js", false),
        ] {
            assert_eq!(rule.takes(Path::new(file)), expected, "{file}");
        }
        let one = WatchRule { path: "/p/package.json".into(), include: Vec::new(), ..said };
        let one = Rule::said("web", (0, &one), None).unwrap();
        assert!(one.takes(Path::new("/p/package.json")) && !one.takes(Path::new("/p/package.json.new")));
    }
}
