//! What a Dockerfile copies into its image from the project's files.

use std::fs;
use std::path::{Component, Path, PathBuf};

/// Directories that images have, into which a file is copied under its own name.
pub(crate) const DIRECTORIES: [&str; 18] = [
    "/",
    "/bin",
    "/docker-entrypoint-initdb.d",
    "/docker-entrypoint.d",
    "/etc",
    "/etc/nginx",
    "/etc/nginx/conf.d",
    "/home",
    "/opt",
    "/root",
    "/sbin",
    "/srv",
    "/tmp",
    "/usr/bin",
    "/usr/local/bin",
    "/usr/local/sbin",
    "/usr/sbin",
    "/usr/share/nginx/html",
];

/// The files of an image that are the project's own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Copies {
    /// Paths in the image, and where they are on this machine; later ones lie over earlier ones.
    pub places: Vec<(PathBuf, PathBuf)>,
    /// Paths in the image of what only a build makes, and what it is made of, for people.
    pub made: Vec<(PathBuf, String)>,
}

impl Copies {
    /// The place on this machine of a path in the image, if there is something.
    pub fn place(&self, path: &Path) -> Option<PathBuf> {
        let found = self.places.iter().rev().map(|(target, source)| {
            let rest = path.strip_prefix(target).ok()?;
            let place = if rest.as_os_str().is_empty() { source.clone() } else { source.join(rest) };
            place.exists().then_some(place)
        });
        found.flatten().next()
    }

    /// Adds what is copied from `from`: a directory of this machine, or an earlier stage.
    pub(super) fn add(&mut self, from: &From<'_>, words: &[String], working_dir: &str) {
        let Some((dest, sources)) = words.split_last() else { return };
        let target = normal(&Path::new(working_dir).join(dest));
        let mut files = Vec::new();
        for source in sources {
            match from.find(source) {
                Ok(found) => files.extend(found),
                Err(what) => self.made.push((target.clone(), what)),
            }
        }
        let into = dest.ends_with('/')
            || matches!(dest.as_str(), "." | "..")
            || sources.len() > 1
            || target == normal(Path::new(working_dir))
            || DIRECTORIES.iter().any(|directory| target == Path::new(directory))
            || self.places.iter().any(|(there, source)| *there == target && source.is_dir());
        for file in files {
            let name = file.file_name().map(PathBuf::from).filter(|_| into && !file.is_dir());
            let place = name.map_or_else(|| target.clone(), |name| target.join(name));
            self.places.push((place, file));
        }
    }
}

/// Where files are copied from.
#[derive(Debug)]
pub(super) enum From<'s> {
    /// The build context.
    Context(&'s Path),
    /// An earlier stage.
    Stage(&'s str, &'s Copies),
    /// Another image, or another context.
    Elsewhere(&'s str),
}

impl From<'_> {
    /// The files that a source means; else what it is, for people.
    fn find(&self, source: &str) -> Result<Vec<PathBuf>, String> {
        match self {
            Self::Context(context) => {
                if super::lines::here_document(source).is_some() {
                    return Err("what the Dockerfile itself writes".into());
                }
                if source.contains("://") || source.starts_with("git@") {
                    return Err(source.to_owned());
                }
                Ok(matching(context, Path::new(source)))
            }
            Self::Stage(name, copies) => {
                let place = copies.place(&normal(&Path::new("/").join(source)));
                place.map(|place| vec![place]).ok_or_else(|| format!("{source} of stage {name}"))
            }
            Self::Elsewhere(name) => Err(format!("{source} of {name}")),
        }
    }
}

/// The files below `context` that a path such as `conf/*.conf` means; nothing outside of it.
pub fn matching(context: &Path, path: &Path) -> Vec<PathBuf> {
    let mut found = vec![context.to_owned()];
    for part in normal(&Path::new("/").join(path)).components() {
        let Component::Normal(part) = part else { continue };
        let part = part.to_string_lossy();
        let is_pattern = part.contains(['*', '?']);
        let next = found.iter().flat_map(|dir| {
            if !is_pattern {
                return vec![dir.join(part.as_ref())];
            }
            let names = fs::read_dir(dir).into_iter().flatten().flatten();
            let names = names.filter(|entry| fits(&part, &entry.file_name().to_string_lossy()));
            let mut names: Vec<PathBuf> = names.map(|entry| entry.path()).collect();
            names.sort();
            names
        });
        found = next.collect();
    }
    found.retain(|file| file.exists());
    found
}

pub(crate) fn fits(pattern: &str, name: &str) -> bool {
    match (pattern.chars().next(), name.chars().next()) {
        (None, None) => true,
        (Some('*'), _) => {
            let rest = &pattern[1..];
            name.char_indices().map(|(at, _)| at).chain([name.len()]).any(|at| fits(rest, &name[at..]))
        }
        (Some(wanted), Some(c)) if wanted == '?' || wanted == c => {
            fits(&pattern[wanted.len_utf8()..], &name[c.len_utf8()..])
        }
        (Some(_) | None, Some(_) | None) => false,
    }
}

/// A path without `.` and `..`.
pub fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => drop(normal.pop()),
            Component::RootDir | Component::Prefix(_) | Component::Normal(_) => normal.push(part),
        }
    }
    normal
}

#[cfg(test)]
mod tests {
    use super::{Copies, From, fits};
    use std::path::{Path, PathBuf};

    #[test]
    fn patterns_fit_names() {
        for (pattern, name, expected) in [
            ("*.conf", "a.conf", true),
            ("*.conf", "a.confs", false),
            ("a?c*", "abcd", true),
            ("é*", "éa", true),
        ] {
            assert_eq!(fits(pattern, name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn files_go_where_docker_puts_them() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        std::fs::create_dir_all(root.join("conf")).unwrap();
        for file in ["entry.sh", "conf/a.conf", "conf/b.conf", "conf/c"] {
            std::fs::write(root.join(file), "").unwrap();
        }
        let places = |words: &[&str]| {
            let mut copies = Copies::default();
            let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
            copies.add(&From::Context(root), &words, "/app");
            copies.places
        };
        let at = |target: &str, source: &str| (PathBuf::from(target), root.join(source));
        assert_eq!(places(&["entry.sh", "/entry"]), [at("/entry", "entry.sh")]);
        assert_eq!(places(&["./entry.sh", "/usr/local/bin"]), [at("/usr/local/bin/entry.sh", "entry.sh")]);
        assert_eq!(places(&["entry.sh", "bin/"]), [at("/app/bin/entry.sh", "entry.sh")]);
        assert_eq!(places(&["conf", "etc"]), [at("/app/etc", "conf")]);
        assert_eq!(
            places(&["conf/*.conf", "/etc/nginx/conf.d/"]),
            [at("/etc/nginx/conf.d/a.conf", "conf/a.conf"), at("/etc/nginx/conf.d/b.conf", "conf/b.conf")]
        );
        assert_eq!(places(&[".", "."]), [at("/app", "")]);
        assert_eq!(places(&["../../etc/passwd", "/x"]), [], "nothing outside of the context");
        let copies = Copies { places: places(&[".", "."]), ..Copies::default() };
        assert_eq!(copies.place(Path::new("/app/conf/c")), Some(root.join("conf/c")));
        assert_eq!(copies.place(Path::new("/app/none")), None);
    }
}
