//! What stages of a Dockerfile build: in a copy of the project's files that is laid out as the stage has them, with its packages
//! beside. What comes of it and is taken over stays, everything else of the copy goes; the source tree is never written to.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use backlot_dockerfile::{Build, Made, Workshop, matching, quoted};
use backlot_view::{Mount, View, What};
use backlot_watch::Patterns;

use crate::before::{Before, keep_only};
use crate::error::DependencyError;
use crate::folder::make_folder;
use crate::key::Key;
use crate::sources;
use crate::tools::{Tools, of_the_image};
use crate::{Ecosystem, Environment};

/// The copy, in the folder of what is built.
const ROOT: &str = "root";
/// Folders of the machine that no copy may lie over.
const CLOSED: [&str; 14] = [
    "bin", "boot", "dev", "etc", "lib", "lib32", "lib64", "proc", "root", "run", "sbin", "sys", "usr", "home",
];
/// Those below which it may.
const OPEN: [&str; 6] = ["mnt", "media", "opt", "srv", "tmp", "var"];

/// A stage, and what it has for what it builds.
#[derive(Debug, Clone)]
pub struct Stage {
    /// The stage.
    pub workshop: Workshop,
    /// What is installed for it, and what it has of other stages.
    pub needs: Vec<Environment>,
    /// The project's own environments: where the stage has them, and here.
    pub own: Vec<(PathBuf, PathBuf)>,
    /// Where programs of those are.
    pub programs: Vec<PathBuf>,
    /// What of the project's files it does not get.
    pub ignored: Option<Patterns>,
}

/// What is built, and what of it is taken.
#[derive(Debug, Clone)]
pub(crate) struct Built {
    stage: Stage,
    /// The folders of the stage that the copy has.
    roots: Vec<PathBuf>,
    takes: Vec<Take>,
}

#[derive(Debug, Clone)]
struct Take {
    from: PathBuf,
    to: PathBuf,
    into: bool,
}

impl Environment {
    /// What is built in `stage`, and taken from there by `made`, in `home`; none where it works in folders of the machine's own.
    ///
    /// # Errors
    /// When the project's files cannot be read, or are too many.
    pub fn built(stage: Stage, made: &[&Made], home: &Path) -> Result<Option<Self>, DependencyError> {
        let takes: Vec<Take> = made
            .iter()
            .map(|made| Take { from: made.from.clone(), to: made.to.clone(), into: made.into })
            .collect();
        let Some(roots) = roots(&stage.workshop, &takes) else { return Ok(None) };
        let mut of_lines = Key::new("build");
        for build in &stage.workshop.installs.builds {
            of_lines.add(format!("{:?} {:?}", build.words, build.variables));
            of_lines.add(build.directory.as_os_str().as_encoded_bytes());
        }
        for (target, place) in places(&stage.workshop) {
            of_lines.add(target.as_os_str().as_encoded_bytes());
            of_lines.add(place.as_os_str().as_encoded_bytes());
        }
        let lines = of_lines.finish();
        let mut key = Key::new(&lines);
        places(&stage.workshop).try_for_each(|(_, place)| key.sources(place, stage.ignored.as_ref()))?;
        for folder in stage.needs.iter().map(|need| &need.folder).chain(stage.own.iter().map(|(_, own)| own))
        {
            key.add(folder.as_os_str().as_encoded_bytes());
        }
        key.add(format!("{takes:?}"));
        Ok(Some(Self {
            ecosystem: Ecosystem::Built,
            folder: home.join(format!("build-{lines}-{}", key.finish())),
            installs: Vec::new(),
            version: None,
            interpreter: PathBuf::new(),
            is_apart: false,
            tools: stage.needs.clone(),
            system: stage.workshop.installs.packages.iter().map(|package| package.name.clone()).collect(),
            built: Some(Arc::new(Built { stage, roots, takes })),
            as_in_image: None,
        }))
    }
}

impl Built {
    pub(crate) fn said(&self) -> String {
        let lines: Vec<&str> = self.builds().iter().map(|build| build.said.as_str()).collect();
        lines.join("; ")
    }

    fn builds(&self) -> &[Build] {
        &self.stage.workshop.installs.builds
    }

    /// Where an image has what was built: there, and here.
    pub(crate) fn seen(&self, folder: &Path, kept: &[PathBuf]) -> Vec<(PathBuf, PathBuf)> {
        let root = folder.join(ROOT);
        self.takes.iter().flat_map(|take| take.of(&root, kept)).collect()
    }

    /// Builds it in `folder`. Returns what is kept, as paths below its root.
    pub(crate) fn fill(&self, folder: &Path, tools: &mut Tools<'_>) -> Result<Vec<PathBuf>, DependencyError> {
        let root = folder.join(ROOT);
        self.lay_out(&root)?;
        let before = Before::of(&root)?;
        self.run(folder, &root, tools)?;
        let made = before.changed()?;
        let mut kept: Vec<PathBuf> = self
            .takes
            .iter()
            .flat_map(|take| take.of(&root, &made))
            .filter_map(|(_, place)| place.strip_prefix(&root).ok().map(Path::to_owned))
            .collect();
        kept.sort();
        kept.dedup();
        keep_only(&root, &kept)?;
        Ok(kept)
    }

    /// Copies the project's files to where the stage has them.
    fn lay_out(&self, root: &Path) -> Result<(), DependencyError> {
        for folder in &self.roots {
            make_folder(&inside(root, folder))?;
        }
        for (target, place) in places(&self.stage.workshop).filter(|(target, _)| self.has(target)) {
            let target = inside(root, target);
            if place.is_dir() {
                let ignored = self.stage.ignored.as_ref();
                sources::copy_but(place, &target, ignored)?;
                for file in sources::settings(place, ignored)? {
                    let copied = fs::copy(&file, target.join(file.file_name().unwrap_or_default()));
                    copied.map_err(DependencyError::io("copy", &file))?;
                }
            } else if let Some(parent) = target.parent() {
                make_folder(parent)?;
                fs::copy(place, &target).map_err(DependencyError::io("copy", place))?;
            }
        }
        let builds = self.builds().iter().map(|build| &build.directory);
        let folders = self.stage.workshop.installs.folders.iter().filter(|folder| self.has(folder));
        builds.chain(folders).try_for_each(|folder| make_folder(&inside(root, folder)))?;
        let beside = self.beside();
        beside.iter().filter(|(target, _)| self.has(target)).try_for_each(|(target, place)| {
            let folder = if place.is_dir() { Some(target.as_path()) } else { target.parent() };
            folder.map_or(Ok(()), |folder| make_folder(&inside(root, folder)))
        })
    }

    fn has(&self, path: &Path) -> bool {
        self.roots.iter().any(|root| path.starts_with(root))
    }

    /// Packages, where the stage has them.
    fn beside(&self) -> Vec<(PathBuf, PathBuf)> {
        self.stage.needs.iter().flat_map(Environment::seen).chain(self.stage.own.iter().cloned()).collect()
    }

    fn run(&self, folder: &Path, root: &Path, tools: &mut Tools<'_>) -> Result<(), DependencyError> {
        (tools.say)(&format!("$ {}", self.said()));
        let script = folder.join("build.sh");
        let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&script);
        file.and_then(|mut file| file.write_all(self.script(root).as_bytes()))
            .map_err(DependencyError::io("write", &script))?;
        let copy = self.roots.iter().map(|target| (target.clone(), inside(root, target)));
        let mounts: Vec<Mount> = copy
            .chain(self.beside())
            .map(|(target, place)| Mount { target, what: What::Path(place), read_only: false })
            .collect();
        let directory = self.builds().first().map_or(Path::new("/"), |build| &build.directory);
        let view = View::new(&mounts, directory)
            .map_err(|source| DependencyError::View { said: self.said(), source: Box::new(source) })?;
        tools.path.splice(..0, self.stage.programs.iter().cloned());
        tools.view = Some(Arc::new(view));
        let mut variables = tools.variables.clone();
        let of_needs = self.stage.needs.iter().flat_map(Environment::variables);
        variables.extend(of_needs.map(|(name, value)| (name.to_owned(), value)));
        let arguments = [script.display().to_string()];
        let done = tools.run(&self.said(), "/bin/sh".into(), arguments, (variables, directory));
        let _ = fs::remove_file(&script);
        done
    }

    /// The lines, each with its variables: these are in no command line. What is made at the root of the stage, which is memory, is
    /// taken along.
    fn script(&self, root: &Path) -> String {
        // What is wrong with sources, many tools print where they print all else.
        let mut lines = vec!["set -e".to_owned(), "exec 2>&1".to_owned()];
        for build in self.builds() {
            let variables = build.variables.iter().filter(|(name, _)| is_name(name) && !of_the_image(name));
            let words: Vec<String> = build.words.iter().map(|word| quoted(word)).collect();
            lines.push("(".to_owned());
            lines.extend(variables.map(|(name, value)| format!("export {name}={}", quoted(value))));
            lines.push(format!("cd {}", quoted(&build.directory.display().to_string())));
            lines.push(format!("exec {}", words.join(" ")));
            lines.push(")".to_owned());
        }
        for take in self.takes.iter().filter(|take| take.is_at_the_root() && !self.has(&take.from)) {
            let (from, to) =
                (take.from.display().to_string(), inside(root, &take.from).display().to_string());
            lines.push(format!("cp -a -- {} {}", quoted(&from), quoted(&to)));
        }
        lines.join("\n") + "\n"
    }
}

impl Take {
    fn is_at_the_root(&self) -> bool {
        self.from.parent().is_some_and(|parent| parent.parent().is_none())
    }

    /// Where an image has what was `made` (paths below `root`) of it: there, and here.
    fn of(&self, root: &Path, made: &[PathBuf]) -> Vec<(PathBuf, PathBuf)> {
        let is_pattern = self.from.to_string_lossy().contains(['*', '?']);
        let found = if is_pattern { matching(root, &self.from) } else { vec![inside(root, &self.from)] };
        let mut all = Vec::new();
        for found in found {
            for place in made.iter().map(|made| root.join(made)) {
                if found.starts_with(&place) && found.exists() {
                    let name = found.file_name().filter(|_| self.into && !found.is_dir());
                    let target = name.map_or_else(|| self.to.clone(), |name| self.to.join(name));
                    all.push((target, found.clone()));
                } else if let Ok(rest) = place.strip_prefix(&found) {
                    all.push((self.to.join(rest), place.clone()));
                }
            }
        }
        all
    }
}

/// What of the project's files the stage has.
fn places(workshop: &Workshop) -> impl Iterator<Item = (&Path, &Path)> {
    let mounted = workshop.installs.builds.iter().flat_map(|build| &build.mounts);
    workshop.places.iter().chain(mounted).map(|(target, place)| (target.as_path(), place.as_path()))
}

/// The folders that a copy of the stage has; none where it would take some of the machine's.
fn roots(workshop: &Workshop, takes: &[Take]) -> Option<Vec<PathBuf>> {
    let directories = || workshop.installs.builds.iter().map(|build| build.directory.as_path());
    let folders = workshop.installs.folders.iter().map(PathBuf::as_path);
    let around = takes.iter().filter_map(|take| take.from.parent());
    let all = places(workshop).map(|(target, _)| target).chain(directories()).chain(folders).chain(around);
    let mut all: Vec<PathBuf> = all.filter(|path| is_free(path)).map(Path::to_owned).collect();
    all.sort();
    let mut roots: Vec<PathBuf> = Vec::new();
    for path in all {
        if !roots.iter().any(|root| path.starts_with(root)) {
            roots.push(path);
        }
    }
    let has = |path: &Path| roots.iter().any(|root| path.starts_with(root));
    let is_taken = |take: &Take| has(&take.from) || take.from.parent().is_none() || take.is_at_the_root();
    (directories().all(has) && takes.iter().all(is_taken)).then_some(roots)
}

/// Whether a copy may lie over a path of the machine.
fn is_free(path: &Path) -> bool {
    let mut names = path.components().skip(1).map(|part| part.as_os_str().to_string_lossy());
    let Some(first) = names.next() else { return false };
    let is_deep = names.next().is_some();
    // A file has no place of its own, but for the folder that it is in.
    let is_file = path.is_file();
    match first.as_ref() {
        closed if CLOSED.contains(&closed) => !path.exists() && is_deep,
        open if OPEN.contains(&open) => is_deep && !is_file,
        _ => !is_file,
    }
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn inside(root: &Path, path: &Path) -> PathBuf {
    root.join(path.strip_prefix("/").unwrap_or(path))
}
