//! A configuration with all that it includes.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::ConfigError;
use crate::parse::{Directive, parse};
use crate::place::{inside, mounted, own};
use crate::rewrite::reference;
use crate::source::Source;
use crate::templates::Filled;

/// The main file, inside of the container.
const MAIN: &str = "/etc/nginx/nginx.conf";
/// Files that are included deeper than this include each other.
const DEEPEST: usize = 20;
/// What the official image has as its main file.
const DEFAULT: &str = "\
worker_processes auto;
events { worker_connections 1024; }
http {
    include mime.types;
    default_type application/octet-stream;
    sendfile on;
    keepalive_timeout 65;
    include conf.d/*.conf;
}
";

/// A configuration.
#[derive(Debug, Clone)]
pub struct Config {
    pub(crate) directives: Vec<Directive>,
    pub(crate) mounts: Vec<(PathBuf, PathBuf)>,
    /// All files that were read.
    pub files: Vec<PathBuf>,
}

impl Config {
    /// Reads the main file that is mounted into the container, or the image's own, with what is included.
    pub fn read(source: &Source) -> Result<Self, ConfigError> {
        let mut reader = Reader { source, made: source.filled_templates(), files: Vec::new() };
        let main = mounted(Path::new(MAIN), &source.mounts).filter(|file| file.is_file());
        let made = reader.made.iter().find(|filled| filled.target == Path::new(MAIN)).cloned();
        let directives = match (made, main) {
            (Some(filled), _) => reader.filled(&filled, 0)?,
            (None, Some(file)) => reader.file(&file, 0)?,
            (None, None) => reader.text(DEFAULT, &Arc::from(Path::new("(the default nginx.conf)")), 0)?,
        };
        Ok(Self { directives, mounts: source.mounts.clone(), files: reader.files })
    }

    /// The services that it refers to, each with the port; `services` are all that the stack has.
    ///
    /// # Errors
    /// [`ConfigError::UnknownService`] for a host that can only be meant as one.
    pub fn references(&self, services: &BTreeSet<String>) -> Result<BTreeSet<(String, u16)>, ConfigError> {
        let upstreams = self.upstreams();
        let mut found = BTreeSet::new();
        visit(&self.directives, &mut |directive| {
            let Some(reference) = reference(directive) else { return Ok(()) };
            let host = reference.host.to_owned();
            if services.contains(&host) {
                found.insert((host, reference.port));
            } else if !upstreams.contains(&host) && can_only_be_a_service(&host) {
                let known = services.iter().cloned().collect();
                return Err(ConfigError::UnknownService { at: directive.place(), host, known });
            }
            Ok(())
        })?;
        Ok(found)
    }

    /// The names of its `upstream` blocks.
    pub(crate) fn upstreams(&self) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        let _ = visit(&self.directives, &mut |directive| {
            if directive.name() == "upstream" {
                names.insert(directive.argument().to_owned());
            }
            Ok(())
        });
        names
    }

    /// The ports that it listens on.
    pub fn listens(&self) -> BTreeSet<u16> {
        let mut ports = BTreeSet::new();
        let _ = visit(&self.directives, &mut |directive| {
            ports.extend(crate::rewrite::listen_port(directive));
            Ok(())
        });
        ports
    }
}

/// A plain word that resolves nowhere but inside of the stack.
fn can_only_be_a_service(host: &str) -> bool {
    !host.is_empty()
        && host != "localhost"
        && host.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
        && host.chars().any(|c| c.is_ascii_alphabetic())
}

/// Calls `look` for every directive.
pub(crate) fn visit(
    directives: &[Directive],
    look: &mut impl FnMut(&Directive) -> Result<(), ConfigError>,
) -> Result<(), ConfigError> {
    for directive in directives {
        look(directive)?;
        visit(directive.block.as_deref().unwrap_or_default(), look)?;
    }
    Ok(())
}

struct Reader<'s> {
    source: &'s Source,
    /// What the official image makes of templates when it starts.
    made: Vec<Filled>,
    files: Vec<PathBuf>,
}

impl Reader<'_> {
    fn file(&mut self, file: &Path, depth: usize) -> Result<Vec<Directive>, ConfigError> {
        let text = backlot_files::text(file)
            .map_err(|source| ConfigError::Read { file: file.to_owned(), source })?;
        self.files.push(file.to_owned());
        self.text(&text, &Arc::from(file), depth)
    }

    fn text(&mut self, text: &str, file: &Arc<Path>, depth: usize) -> Result<Vec<Directive>, ConfigError> {
        let directives = parse(text, file)?;
        self.included(directives, depth)
    }

    /// The directives with what they include in the place of the includes.
    fn included(&mut self, directives: Vec<Directive>, depth: usize) -> Result<Vec<Directive>, ConfigError> {
        let mut all = Vec::new();
        for mut directive in directives {
            if directive.name() == "include" {
                if depth >= DEEPEST {
                    return Err(ConfigError::Circle { at: directive.place() });
                }
                all.extend(self.include(&directive, depth + 1)?);
                continue;
            }
            if let Some(block) = directive.block.take() {
                directive.block = Some(self.included(block, depth)?);
            }
            all.push(directive);
        }
        Ok(all)
    }

    fn include(&mut self, directive: &Directive, depth: usize) -> Result<Vec<Directive>, ConfigError> {
        let written = directive.argument().trim_matches(['"', '\'']);
        let path = inside(written);
        let mut all = Vec::new();
        if written.contains('*') {
            for file in self.source.matching(&path) {
                all.extend(self.file(&file, depth)?);
            }
            for filled in self.made.clone() {
                if filled.target.parent() == path.parent() && fits(&path, &filled.target) {
                    all.extend(self.filled(&filled, depth)?);
                }
            }
            return Ok(all);
        }
        if let Some(filled) = self.made.iter().find(|filled| filled.target == path).cloned() {
            return self.filled(&filled, depth);
        }
        let found = mounted(&path, &self.source.mounts).filter(|file| file.is_file()).or_else(|| own(&path));
        match found {
            Some(file) => self.file(&file, depth),
            None => Err(ConfigError::Include { at: directive.place(), path: written.to_owned() }),
        }
    }

    fn filled(&mut self, filled: &Filled, depth: usize) -> Result<Vec<Directive>, ConfigError> {
        self.files.push(filled.file.clone());
        self.text(&filled.text, &Arc::from(filled.file.as_path()), depth)
    }
}

/// Whether a file has a name that a pattern such as `conf.d/*.conf` means.
fn fits(pattern: &Path, file: &Path) -> bool {
    let (Some(pattern), Some(name)) = (pattern.file_name(), file.file_name()) else { return false };
    let (pattern, name) = (pattern.to_string_lossy(), name.to_string_lossy());
    let (start, end) = pattern.split_once('*').unwrap_or((&pattern, ""));
    name.len() >= start.len() + end.len() && name.starts_with(start) && name.ends_with(end)
}

impl Source {
    /// The mounted files that a pattern such as `conf.d/*.conf` means, by name.
    fn matching(&self, pattern: &Path) -> Vec<PathBuf> {
        let Some(dir) = pattern.parent() else { return Vec::new() };
        let mut names: BTreeMap<String, PathBuf> = BTreeMap::new();
        if let Some(folder) = mounted(dir, &self.mounts) {
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                names.insert(entry.file_name().to_string_lossy().into_owned(), entry.path());
            }
        }
        // Single files that are mounted into the directory.
        for (target, source) in &self.mounts {
            if target.parent() == Some(dir)
                && let Some(name) = target.file_name()
            {
                names.insert(name.to_string_lossy().into_owned(), source.clone());
            }
        }
        let are = names.into_iter().filter(|(name, file)| fits(pattern, Path::new(name)) && file.is_file());
        are.map(|(_, file)| file).collect()
    }
}
