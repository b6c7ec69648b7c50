//! What is in a service's container at a path, as far as its files tell: copied into its image, mounted, configs and secrets.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

use backlot_postgres::ConfFiles;
use backlot_project::stack::{FileGrant, FileSource, MountKind};
use backlot_project::{Service, Stack};

use backlot_dockerfile::{Dockerfile, normal};

/// Where secrets are, and what of theirs has no absolute path.
const SECRETS: &str = "/run/secrets";

/// What a container has at its paths.
#[derive(Debug)]
pub(crate) struct Inside {
    /// Of several at one path, the last one counts.
    places: Vec<(PathBuf, Found)>,
    /// So many of them are the image's own.
    copies: usize,
}

/// What is at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Found {
    /// A file or folder of this machine.
    Path(PathBuf),
    /// A text.
    Text(String),
    /// Something that is not on this machine, or not set.
    Missing(String),
}

impl Inside {
    pub(crate) fn of(service: &Service, stack: &Stack, file: Option<&Dockerfile>) -> Self {
        let copies = file.iter().flat_map(|file| &file.copies.places);
        let mut places: Vec<(PathBuf, Found)> =
            copies.flat_map(|(target, source)| entries(target, source)).collect();
        let copies = places.len();
        for mount in &service.volumes {
            let found = match &mount.kind {
                MountKind::Bind { source } => Found::Path(source.clone()),
                MountKind::Volume { source: Some(name) } => Found::Missing(format!("in the volume {name}")),
                MountKind::Volume { source: None } | MountKind::Tmpfs { .. } => {
                    Found::Missing("in an empty volume".into())
                }
                MountKind::Other { kind, .. } => Found::Missing(format!("in a mount of the type {kind}")),
            };
            places.push((PathBuf::from(&mount.target), found));
        }
        let mut grant = |grants: &[FileGrant], sources: &BTreeMap<String, FileSource>, root: &str| {
            for grant in grants {
                let target = Path::new(root).join(grant.target.as_deref().unwrap_or(&grant.source));
                let found = sources.get(&grant.source).map_or_else(
                    || Found::Missing(format!("{}, which is nowhere defined", grant.source)),
                    |source| content(source, stack),
                );
                places.push((target, found));
            }
        };
        grant(&service.configs, &stack.configs, "/");
        grant(&service.secrets, &stack.secrets, SECRETS);
        Self { places, copies }
    }

    /// What is at `path`.
    pub(crate) fn find(&self, path: &Path) -> Option<Found> {
        let path = &normal(path);
        let holding = self.seen(path).filter_map(|(target, found)| {
            Some((target.components().count(), path.strip_prefix(target).ok()?, found))
        });
        // The last of those that are equally deep.
        let (_, rest, found) = holding.max_by_key(|(depth, ..)| *depth)?;
        match found {
            found if rest.as_os_str().is_empty() => Some(found.clone()),
            Found::Path(source) => Some(Found::Path(source.join(rest))),
            Found::Missing(_) => Some(found.clone()),
            Found::Text(_) => None,
        }
    }

    /// What is in a folder, by name.
    pub(crate) fn list(&self, folder: &Path) -> Vec<(String, Found)> {
        let mut all: Vec<(String, Found)> = Vec::new();
        if let Some(Found::Path(source)) = self.find(folder) {
            let entries = std::fs::read_dir(source).into_iter().flatten().flatten();
            all.extend(entries.filter_map(|entry| {
                Some((entry.file_name().into_string().ok()?, Found::Path(entry.path())))
            }));
        }
        // What is copied to where the image has a folder goes into that, with a slash at the end or without.
        let into = |target: &PathBuf, found: &Found| match found {
            Found::Path(source) if target == folder && source.is_file() => {
                source.file_name().map(OsStr::to_owned)
            }
            Found::Path(_) | Found::Text(_) | Found::Missing(_) => None,
        };
        for (target, found) in self.seen(folder) {
            let inside = if target.parent() == Some(folder) { target.file_name() } else { None };
            let name = inside.map(OsStr::to_owned).or_else(|| into(target, found));
            if let Some(name) = name.and_then(|name| name.into_string().ok()) {
                all.retain(|(known, _)| *known != name);
                all.push((name, found.clone()));
            }
        }
        all
    }

    /// Whether something is mounted over what the image has at `path`.
    pub(crate) fn is_covered(&self, path: &Path) -> bool {
        self.places[self.copies..].iter().any(|(target, _)| path.starts_with(target))
    }

    /// Whether a file of the project's own is mounted at just this path.
    pub(crate) fn is_mounted(&self, path: &Path) -> bool {
        self.places.iter().any(|(target, found)| target == path && !matches!(found, Found::Missing(_)))
    }

    /// Whether there is a file at `path` that can be read.
    pub(crate) fn is_file(&self, path: &Path) -> bool {
        self.is_mounted(path) || matches!(self.find(path), Some(Found::Path(path)) if path.is_file())
    }

    /// All places but what is copied to below a mount that holds `path`.
    fn seen(&self, path: &Path) -> impl Iterator<Item = &(PathBuf, Found)> {
        let hidden = if self.is_covered(path) { self.copies } else { 0 };
        self.places[hidden..].iter()
    }
}

/// What is copied to `target`: of a folder, each that is in it, beside what is there.
fn entries(target: &Path, source: &Path) -> Vec<(PathBuf, Found)> {
    let Ok(entries) = std::fs::read_dir(source) else {
        return vec![(target.to_owned(), Found::Path(source.to_owned()))];
    };
    let entries = entries.flatten();
    entries.map(|entry| (target.join(entry.file_name()), Found::Path(entry.path()))).collect()
}

fn content(source: &FileSource, stack: &Stack) -> Found {
    match source {
        FileSource::File(path) => Found::Path(path.clone()),
        FileSource::Content(text) => Found::Text(text.clone()),
        FileSource::Environment(name) => stack.given(name).map_or_else(
            || Found::Missing(format!("the variable {name}, which is not set")),
            |value| Found::Text(value.to_owned()),
        ),
        FileSource::External(name) => Found::Missing(format!("{name}, which only Docker Swarm has")),
    }
}

impl Found {
    /// The text of a file.
    pub(crate) fn read(&self) -> io::Result<String> {
        match self {
            Self::Text(text) => Ok(text.clone()),
            Self::Missing(what) => Err(io::Error::new(io::ErrorKind::NotFound, format!("it is {what}"))),
            Self::Path(path) => backlot_files::text(path)
                .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display()))),
        }
    }
}

impl ConfFiles for Inside {
    fn read(&self, path: &Path) -> io::Result<String> {
        let nowhere = || io::Error::new(io::ErrorKind::NotFound, "nothing is mounted there");
        self.find(path).ok_or_else(nowhere)?.read()
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        let entries = Self::list(self, path);
        if entries.is_empty() && self.find(path).is_none() {
            return Err(io::Error::new(io::ErrorKind::NotFound, "nothing is mounted there"));
        }
        Ok(entries.into_iter().map(|(name, _)| name).collect())
    }

    fn outside(&self, path: &Path) -> Option<PathBuf> {
        match self.find(path)? {
            Found::Path(path) => Some(path),
            Found::Text(_) | Found::Missing(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};

    use backlot_project::{EnvironmentName, Lookup, Project};

    use super::{Found, Inside};
    use backlot_dockerfile::of_service;

    const COMPOSE: &str = "\
services:
  db:
    build: .
    environment: {POSTGRES_PASSWORD: x}
    volumes: ['./etc:/etc/pg', './one.sql:/init.d/5.sql', 'data:/data']
    configs: [inline, {source: file, target: /init.d/6.sql}]
    secrets: [word, {source: word, target: other}, {source: swarm, target: /etc/pg/swarm}]
configs: {inline: {content: hello}, file: {file: ./six.sql}}
secrets: {word: {environment: WORD}, swarm: {external: true}}
volumes: {data: }
";

    #[test]
    fn what_is_copied_mounted_and_granted_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        for (file, text) in [
            ("compose.yaml", COMPOSE),
            ("Dockerfile", "FROM postgres\nCOPY init /init.d\nCOPY init /etc/pg/hidden\n"),
            (".env", "WORD=s3cret\n"),
            ("init/1.sql", "1"),
            ("init/5.sql", "hidden"),
            ("etc/pg.conf", "a = 1"),
        ] {
            fs::create_dir_all(root.join(file).parent().unwrap()).unwrap();
            fs::write(root.join(file), text).unwrap();
        }
        let project = Project::find(Lookup { start_dir: root.clone(), ..Lookup::default() }).unwrap();
        let environment = project.environment(&EnvironmentName::parse("development").unwrap()).unwrap();
        let service = &environment.stack.services["db"];
        let inside = Inside::of(service, &environment.stack, of_service(service).unwrap().as_ref());
        let find = |path: &str| match inside.find(Path::new(path)) {
            None => "nothing".to_owned(),
            Some(Found::Path(path)) => path.strip_prefix(&root).unwrap().display().to_string(),
            Some(Found::Text(text)) => format!("'{text}'"),
            Some(Found::Missing(what)) => format!("({what})"),
        };
        for (path, expected) in [
            ("/init.d/1.sql", "init/1.sql"),
            ("/init.d/5.sql", "one.sql"),
            ("/init.d/6.sql", "six.sql"),
            ("/etc/pg/../pg/./pg.conf", "etc/pg.conf"),
            ("/etc/pg/hidden/1.sql", "etc/hidden/1.sql"),
            ("/etc/pg/swarm", "(swarm, which only Docker Swarm has)"),
            ("/inline", "'hello'"),
            ("/run/secrets/word", "'s3cret'"),
            ("/run/secrets/other", "'s3cret'"),
            ("/data/x", "(in the volume data)"),
            ("/elsewhere", "nothing"),
        ] {
            assert_eq!(find(path), expected, "{path}");
        }
        let mut names: Vec<String> =
            inside.list(&PathBuf::from("/init.d")).into_iter().map(|(name, _)| name).collect();
        names.sort();
        assert_eq!(names, ["1.sql", "5.sql", "6.sql"]);
        let hidden: Vec<String> =
            inside.list(&PathBuf::from("/etc/pg")).into_iter().map(|(name, _)| name).collect();
        assert_eq!(hidden, ["pg.conf", "swarm"]);
    }
}
