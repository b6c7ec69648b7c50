//! The patterns of `.dockerignore`, which `develop.watch` has, too.

use std::ffi::OsStr;
use std::path::{Component, Path, PathBuf};

use backlot_project::Service;
use globset::{GlobBuilder, GlobMatcher};

/// Patterns for what is below a folder. The last one that is about a path, or about a folder above it, counts.
#[derive(Debug, Clone)]
pub struct Patterns {
    root: PathBuf,
    rules: Vec<Rule>,
}

#[derive(Debug, Clone)]
struct Rule {
    matcher: GlobMatcher,
    /// Its text, for what may be below a folder.
    path: PathBuf,
    /// Whether it begins with `!`.
    is_exception: bool,
}

/// A text that is no pattern.
#[derive(Debug, thiserror::Error)]
#[error("{pattern:?} is no pattern")]
pub struct PatternError {
    pattern: String,
    #[source]
    source: globset::Error,
}

impl Patterns {
    /// Those of `lines` for what is below `root`. Empty ones and comments say nothing.
    ///
    /// # Errors
    /// For the first that is none.
    pub fn new<'l>(root: &Path, lines: impl IntoIterator<Item = &'l str>) -> Result<Self, PatternError> {
        let mut rules = Vec::new();
        for line in lines {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (text, is_exception) =
                line.strip_prefix('!').map_or((line, false), |rest| (rest.trim(), true));
            let path = below(Path::new(text), root);
            // Braces mean nothing there.
            let glob = path.to_string_lossy().replace('{', "\\{").replace('}', "\\}");
            let matcher = GlobBuilder::new(&glob).literal_separator(true).backslash_escape(true).build();
            let matcher = matcher.map_err(|source| PatternError { pattern: line.to_owned(), source })?;
            if !path.as_os_str().is_empty() {
                rules.push(Rule { matcher: matcher.compile_matcher(), path, is_exception });
            }
        }
        Ok(Self { root: root.to_owned(), rules })
    }

    /// What `.dockerignore` has of the build context of a service: that beside its Dockerfile, else that of the context.
    ///
    /// # Errors
    /// For the first pattern that is none.
    pub fn of_build(service: &Service) -> Result<Option<Self>, PatternError> {
        let Some(build) = &service.build else { return Ok(None) };
        let mut own = build.dockerfile.as_os_str().to_owned();
        own.push(".dockerignore");
        let files = [PathBuf::from(own), build.context.join(".dockerignore")];
        let text = files.iter().find_map(|file| backlot_files::text(file).ok());
        text.map(|text| Self::new(&build.context, text.lines())).transpose()
    }

    /// Whether they match a path, or a folder that it is in.
    pub fn matches(&self, path: &Path) -> bool {
        let Some(path) = self.inside(path) else { return false };
        let is_about = |rule: &&Rule| {
            path.ancestors().any(|part| !part.as_os_str().is_empty() && rule.matcher.is_match(part))
        };
        self.rules.iter().rev().find(is_about).is_some_and(|rule| !rule.is_exception)
    }

    /// Whether they match a folder and all that can be in it.
    pub fn match_all_of(&self, folder: &Path) -> bool {
        let may_hold = |exception: &Path| {
            let Some(folder) = self.inside(folder) else { return true };
            let mut both = folder.components().zip(exception.components());
            both.all(|(one, other)| one == other || has_wildcard(other.as_os_str()))
        };
        let mut exceptions = self.rules.iter().filter(|rule| rule.is_exception);
        self.matches(folder) && !exceptions.any(|rule| may_hold(&rule.path))
    }

    fn inside<'p>(&self, path: &'p Path) -> Option<&'p Path> {
        path.strip_prefix(&self.root).ok().filter(|path| !path.as_os_str().is_empty())
    }
}

fn has_wildcard(part: &OsStr) -> bool {
    part.as_encoded_bytes().iter().any(|byte| b"*?[\\".contains(byte))
}

/// A pattern's text without what does not count: leading and trailing slashes, `.`, and the root that it may begin with.
fn below(text: &Path, root: &Path) -> PathBuf {
    let text = text.strip_prefix(root).unwrap_or(text);
    let mut clean = PathBuf::new();
    for component in text.components() {
        match component {
            Component::Normal(part) => clean.push(part),
            Component::ParentDir => drop(clean.pop()),
            Component::CurDir | Component::RootDir | Component::Prefix(_) => {}
        }
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::Patterns;
    use std::path::Path;

    fn patterns(lines: &[&str]) -> Patterns {
        Patterns::new(Path::new("/app"), lines.iter().copied()).unwrap()
    }

    #[test]
    fn they_mean_what_they_do_in_a_dockerignore() {
        // Lines, a path, and whether they match it.
        let cases: [(&[&str], &str, bool); 24] = [
            (&[], "a.py", false),
            (&["*.py"], "a.py", true),
            (&["*.py"], "lib/a.py", false),
            (&["**/*.py"], "a.py", true),
            (&["**/*.py"], "lib/deep/a.py", true),
            (&["node_modules/"], "node_modules", true),
            (&["node_modules/"], "node_modules/x/index.js", true),
            (&["node_modules"], "web/node_modules/x", false),
            (&["**/node_modules"], "web/node_modules/x", true),
            (&["/docs", "./tests"], "docs/a.md", true),
            (&["/docs", "./tests"], "tests/a.py", true),
            (&["# *.py", "", "  "], "a.py", false),
            (&["*", "!src"], "README.md", true),
            (&["*", "!src"], "src/a.py", false),
            (&["*", "!src", "src/*.txt"], "src/a.txt", true),
            (&["docs", "!docs/keep.md"], "docs/keep.md", false),
            (&["docs", "!docs/keep.md"], "docs/other.md", true),
            (&["a?.py"], "ab.py", true),
            (&["a?.py"], "a/.py", false),
            (&["*/*"], "a/b", true),
            (&["*/*"], "a", false),
            (&["*.{py,js}"], "a.py", false),
            (&["[ab].py"], "b.py", true),
            (&["/app/lib"], "lib/x", true),
        ];
        for (lines, path, expected) in cases {
            assert_eq!(patterns(lines).matches(&Path::new("/app").join(path)), expected, "{lines:?} {path}");
        }
        assert!(!patterns(&["**"]).matches(Path::new("/elsewhere/a.py")));
        assert!(!patterns(&["*"]).matches(Path::new("/app")));
    }

    #[test]
    fn a_folder_is_left_out_unless_an_exception_may_be_in_it() {
        let cases: [(&[&str], &str, bool); 7] = [
            (&["docs"], "docs", true),
            (&["docs"], "docs/deep", true),
            (&["docs", "!docs/keep.md"], "docs", false),
            (&["docs", "!docs/keep.md"], "docs/deep", true),
            (&["*", "!src"], "node_modules", true),
            (&["*", "!src"], "src", false),
            (&["*", "!**/*.py"], "lib", false),
        ];
        for (lines, folder, expected) in cases {
            let folder_path = Path::new("/app").join(folder);
            assert_eq!(patterns(lines).match_all_of(&folder_path), expected, "{lines:?} {folder}");
        }
    }

    #[test]
    fn what_is_none_is_told() {
        let error = Patterns::new(Path::new("/app"), ["[a"]).unwrap_err();
        assert_eq!(error.to_string(), "\"[a\" is no pattern");
    }
}
