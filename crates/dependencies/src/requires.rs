//! Which versions of Python the files of a project allow, as far as major and minor tell it.

use std::path::{Path, PathBuf};

use backlot_dockerfile::{Argument, Install, Kind};

use crate::machine::Version;
use crate::project::text;

/// What a project says of the Python that it needs (`>=3.10,<4`), as its tools read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Requirement(String);

impl Requirement {
    /// Those of all projects that are installed.
    pub(crate) fn of(installs: &[Install]) -> Vec<Self> {
        let projects = installs.iter().flat_map(projects);
        let mut all: Vec<Self> = projects.filter_map(|project| Self::of_project(&project)).collect();
        all.dedup();
        all
    }

    fn of_project(project: &Path) -> Option<Self> {
        let value = |file: &str, section: Option<&str>, key: &str| {
            let text = text(&project.join(file));
            let mut is_there = section.is_none();
            let mut lines = text.lines().filter(|line| {
                if line.starts_with('[') {
                    is_there = section.is_none_or(|section| line.trim() == section);
                }
                is_there
            });
            lines.find_map(|line| {
                let value = line.strip_prefix(key)?.trim_start().strip_prefix('=')?.trim();
                let quoted = value.strip_prefix('"').or_else(|| value.strip_prefix('\''))?;
                quoted.split(['"', '\'']).next().map(str::to_owned)
            })
        };
        let found = value("pyproject.toml", Some("[project]"), "requires-python")
            .or_else(|| value("pyproject.toml", Some("[tool.poetry.dependencies]"), "python"))
            .or_else(|| value("uv.lock", None, "requires-python"))
            .or_else(|| {
                value("Pipfile", Some("[requires]"), "python_version").map(|version| format!("=={version}.*"))
            });
        found.map(Self)
    }

    /// Whether it can be met by a version, whatever its last number is.
    pub(crate) fn allows(&self, version: Version) -> bool {
        let ways = self.0.split('|').filter(|way| !way.trim().is_empty());
        let mut ways = ways.map(|way| way.split([',', ' ']).filter(|clause| !clause.is_empty()));
        // `>= 3.10`: an operator alone belongs to what follows it.
        self.0.trim().is_empty()
            || ways.any(|clauses| joined(clauses).iter().all(|clause| holds(clause, version)))
    }
}

impl std::fmt::Display for Requirement {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// The folders whose own files say which Python they need.
fn projects(install: &Install) -> Vec<PathBuf> {
    match &install.kind {
        Kind::Sync { .. } => vec![install.directory.clone()],
        Kind::Pip { arguments, .. } => {
            let locals = arguments.iter().filter_map(|argument| match argument {
                Argument::Local(path, _) => Some(path.clone()),
                Argument::Package(_) | Argument::Option(..) | Argument::File(..) | Argument::Links(_) => None,
            });
            locals.collect()
        }
        Kind::Export { .. } | Kind::Modules { .. } | Kind::Globals(_) | Kind::Gems { .. } => Vec::new(),
    }
}

fn joined<'c>(words: impl Iterator<Item = &'c str>) -> Vec<String> {
    let mut clauses: Vec<String> = Vec::new();
    for word in words {
        match clauses.last_mut().filter(|last| !last.contains(|c: char| c.is_ascii_digit() || c == '*')) {
            Some(last) => last.push_str(word),
            None => clauses.push(word.to_owned()),
        }
    }
    clauses
}

/// One clause; of what is not understood nothing is said.
fn holds(clause: &str, version: Version) -> bool {
    let operator: String = clause.chars().take_while(|c| "<>=!~^".contains(*c)).collect();
    let rest = clause[operator.len()..].trim();
    let numbers: Vec<u32> = rest.split('.').map_while(|part| part.trim().parse().ok()).collect();
    let Some(major) = numbers.first().copied() else { return true };
    let have = (version.major, version.minor.unwrap_or_default());
    let minor = numbers.get(1).copied();
    let named = (major, minor.unwrap_or_default());
    // Whether more than major and minor counts.
    let is_exact = numbers.get(2).is_some_and(|patch| *patch > 0);
    match operator.as_str() {
        ">=" => have >= named,
        ">" => have > named || (is_exact && have == named),
        "<=" => have <= named,
        "<" => have < named || (is_exact && have == named),
        "^" => have >= named && have.0 == major,
        "~=" if numbers.len() < 3 => have >= named && have.0 == major,
        "!=" => numbers.len() > 2 || have != named,
        "" | "=" | "==" | "===" | "~" | "~=" => have.0 == major && minor.is_none_or(|minor| have.1 == minor),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::Requirement;
    use crate::machine::Version;

    #[test]
    fn what_is_allowed_is_told_as_tools_read_it() {
        for (text, allowed) in [
            (">=3.10", &[10, 11, 12, 13][..]),
            (">=3.10,<3.12", &[10, 11]),
            (">= 3.10, < 3.12", &[10, 11]),
            (">=3.10.4 <3.12.1", &[10, 11, 12]),
            (">3.10", &[11, 12, 13]),
            ("^3.11", &[11, 12, 13]),
            ("~3.11", &[11]),
            ("~=3.11", &[11, 12, 13]),
            ("~=3.11.2", &[11]),
            ("==3.12.*", &[12]),
            ("3.12.4", &[12]),
            ("3", &[9, 10, 11, 12, 13]),
            ("*", &[9, 10, 11, 12, 13]),
            ("", &[9, 10, 11, 12, 13]),
            (">=3.9,!=3.10.*,!=3.11.3", &[9, 11, 12, 13]),
            ("3.9.* || >=3.12", &[9, 12, 13]),
            ("<4", &[9, 10, 11, 12, 13]),
            (">=4", &[]),
        ] {
            let requirement = Requirement(text.into());
            let found: Vec<u32> = (9..14)
                .filter(|minor| requirement.allows(Version { major: 3, minor: Some(*minor) }))
                .collect();
            assert_eq!(found, allowed, "{text}");
        }
    }

    #[test]
    fn it_is_found_in_the_files_of_each_tool() {
        for (file, text, expected) in [
            (
                "pyproject.toml",
                "[project]\nrequires-python = \">=3.13\"\n[tool.x]\nrequires-python = 'no'\n",
                Some(">=3.13"),
            ),
            (
                "pyproject.toml",
                "[tool.poetry]\npython = \"no\"\n[tool.poetry.dependencies]\npython = \"^3.11\"\n",
                Some("^3.11"),
            ),
            ("uv.lock", "version = 1\nrequires-python = \">=3.12\"\n", Some(">=3.12")),
            ("Pipfile", "[requires]\npython_version = \"3.9\"\n", Some("==3.9.*")),
            ("pyproject.toml", "[project]\nname = \"x\"\n", None),
        ] {
            let dir = tempfile::tempdir().unwrap();
            std::fs::write(dir.path().join(file), text).unwrap();
            let found = Requirement::of_project(dir.path());
            assert_eq!(found.as_ref().map(|found| found.0.as_str()), expected, "{text}");
        }
    }
}
