//! Stages in which something is built, and what an image has of it.

use std::path::{Path, PathBuf};

use backlot_project::stack::Image;

use crate::copies::DIRECTORIES;
use crate::file::Dockerfile;
use crate::installs::{Build, Installs};

/// A stage that builds something of the project's files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workshop {
    /// The image that the stage is made from.
    pub base: Option<Image>,
    /// Where the project's files are in it: paths there, and on this machine.
    pub places: Vec<(PathBuf, PathBuf)>,
    /// What its lines install and build.
    pub installs: Installs,
    /// What it has of others.
    pub made: Vec<Made>,
}

/// What an image has of what a stage builds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// The stage.
    pub workshop: Workshop,
    /// The path in that stage, which may be a pattern; its root for all that it builds.
    pub from: PathBuf,
    /// The path in the image.
    pub to: PathBuf,
    /// Whether that is a folder, into which a file goes under its own name.
    pub into: bool,
}

impl Dockerfile {
    /// The stage as one that builds something; none where it does not.
    fn workshop(&self) -> Option<Workshop> {
        let builds = &self.installs.builds;
        (!builds.is_empty()).then(|| Workshop {
            base: self.base.clone(),
            places: self.copies.places.clone(),
            installs: self.installs.clone(),
            made: self.made.clone(),
        })
    }

    /// With what it builds itself.
    pub(crate) fn with_own(mut self) -> Self {
        let root = || PathBuf::from("/");
        let own = self.workshop().map(|workshop| Made { workshop, from: root(), to: root(), into: false });
        self.made.extend(own);
        self
    }

    /// What another stage has of what this one builds, or has itself of others, when `from` is copied to `to`.
    pub(crate) fn taken(&self, from: &Path, to: &Path, into: bool) -> Vec<Made> {
        let into = into || DIRECTORIES.iter().any(|directory| to == Path::new(directory));
        let own = self.workshop().filter(|workshop| {
            // Packages are installed, and a file of the project's own is where it is.
            let is_installed = workshop.installs.all.iter().any(|install| from.starts_with(&install.place));
            let is_own = self.copies.place(from).is_some_and(|place| place.is_file());
            !is_installed && !is_own && workshop.installs.builds.iter().any(|build| build.may_make(from))
        });
        let own = own.map(|workshop| Made { workshop, from: from.to_owned(), to: to.to_owned(), into });
        let passed_on = self.made.iter().filter_map(|made| {
            let (from, to) = match (from.strip_prefix(&made.to), made.to.strip_prefix(from)) {
                (Ok(rest), _) => (joined(&made.from, rest), to.to_owned()),
                (Err(_), Ok(rest)) => (made.from.clone(), joined(to, rest)),
                (Err(_), Err(_)) => return None,
            };
            Some(Made { from, to, into, workshop: made.workshop.clone() })
        });
        passed_on.chain(own).collect()
    }
}

impl Build {
    /// Whether what is at a path may be of its making: in its directory, around that, or where it is told.
    fn may_make(&self, path: &Path) -> bool {
        let text = path.to_string_lossy();
        path.starts_with(&self.directory)
            || self.directory.starts_with(path)
            || self.words.iter().any(|word| word.contains(text.as_ref()))
    }
}

fn joined(path: &Path, rest: &Path) -> PathBuf {
    if rest.as_os_str().is_empty() { path.to_owned() } else { path.join(rest) }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;

    use crate::{Building, Dockerfile, read};

    fn file(text: &str) -> Dockerfile {
        read(text, Building { context: Path::new("/nowhere"), target: None, args: &BTreeMap::new() })
    }

    fn made(text: &str) -> Vec<(String, String, bool)> {
        let show = |path: &Path| path.display().to_string();
        file(text).made.iter().map(|made| (show(&made.from), show(&made.to), made.into)).collect()
    }

    const BUILD: &str = "FROM node:20 AS build\nWORKDIR /app\nCOPY . .\nRUN npm run build\n";

    #[test]
    fn what_is_copied_of_a_build_is_known() {
        let one = |from: &str, to: &str, into: bool| vec![(from.to_owned(), to.to_owned(), into)];
        for (rest, expected) in [
            ("", one("/", "/", false)),
            (
                "FROM nginx\nCOPY --from=build /app/dist /usr/share/nginx/html",
                one("/app/dist", "/usr/share/nginx/html", true),
            ),
            ("FROM a\nWORKDIR /srv\nCOPY --from=build /app/x.jar lib/", one("/app/x.jar", "/srv/lib", true)),
            ("FROM a\nCOPY --from=build /app /code", one("/app", "/code", false)),
            ("FROM a\nCOPY --from=build /etc/passwd /etc/", Vec::new()),
            (
                "FROM a AS b\nCOPY --from=build /app/dist /x\nFROM c\nCOPY --from=b /x/js /y",
                one("/app/dist/js", "/y", false),
            ),
            (
                "FROM a AS b\nCOPY --from=build /app/dist /x/d\nFROM c\nCOPY --from=b /x /y",
                one("/app/dist", "/y/d", false),
            ),
        ] {
            assert_eq!(made(&format!("{BUILD}{rest}")), expected, "{rest}");
        }
    }

    #[test]
    fn packages_and_files_of_the_project_are_not_built() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("package.json"), "{}").unwrap();
        let text = format!(
            "{}FROM node:20\nCOPY --from=build /app/node_modules /app/node_modules\nCOPY --from=build /app/package.json /app/",
            BUILD.replace("RUN npm", "RUN npm ci && npm")
        );
        let file = read(&text, Building { context: dir.path(), target: None, args: &BTreeMap::new() });
        assert_eq!(file.made, []);
    }

    #[test]
    fn what_a_build_is_told_to_write_is_its_own() {
        let text = "FROM golang AS build\nWORKDIR /src\nRUN go build -o /out/server .\nFROM scratch\nCOPY --from=build /out/server /server";
        assert_eq!(made(text), [("/out/server".to_owned(), "/server".to_owned(), false)]);
        assert!(file(text).copies.made.is_empty(), "it is no riddle");
    }
}
