//! A configuration with all that it includes.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::ConfigError;
use crate::parse::{Directive, parse};
use crate::place::{inside, mounted, own};
use crate::rewrite::reference;
use crate::source::{Source, is_of};
use crate::templates::{Made, SITE};

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
    /// The image's own site, where it is a part of it.
    pub(crate) site: Option<String>,
}

impl Config {
    /// Reads the main file that is mounted into the container, or the image's own, with what is included.
    pub fn read(source: &Source) -> Result<Self, ConfigError> {
        let own = Self::read_with(source, None)?;
        match source.site_text() {
            Some(site) if own.listens().is_empty() => Self::read_with(source, Some(site)),
            Some(_) | None => Ok(own),
        }
    }

    fn read_with(source: &Source, site: Option<String>) -> Result<Self, ConfigError> {
        let mut reader = Reader { source, made: source.made(), site, files: Vec::new() };
        let directives = match reader.at(Path::new(MAIN), 0) {
            Some(directives) => directives?,
            None => reader.text(DEFAULT, &Arc::from(Path::new("(the default nginx.conf)")), 0)?,
        };
        let Reader { site, files, .. } = reader;
        Ok(Self { directives, mounts: source.mounts.clone(), files, site })
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

/// A server that says nothing of where it listens does so at port 80.
fn with_listen(server: &mut Directive) {
    let (file, line) = (Arc::clone(&server.file), server.line);
    let Some(block) = server.block.as_mut().filter(|_| server.words[0] == "server") else { return };
    if !block.iter().any(|directive| directive.name() == "listen") {
        let words = ["listen", "80"].map(str::to_owned).to_vec();
        block.insert(0, Directive { words, block: None, file, line });
    }
}

struct Reader<'s> {
    source: &'s Source,
    made: Vec<Made>,
    site: Option<String>,
    files: Vec<PathBuf>,
}

impl Reader<'_> {
    /// What is made of a template for a path, else the project's file there; none where there is neither.
    fn at(&mut self, path: &Path, depth: usize) -> Option<Result<Vec<Directive>, ConfigError>> {
        if let Some(made) = self.made.iter().find(|made| made.target == path).cloned() {
            self.files.push(made.template.clone());
            return Some(self.text(&made.text, &Arc::from(made.template.as_path()), depth));
        }
        let file = mounted(path, &self.source.mounts).filter(|file| file.is_file())?;
        Some(self.file(&file, depth))
    }

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
            if directive.name() == "http" {
                directive.block.iter_mut().flatten().for_each(with_listen);
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
            for path in self.matching(&path) {
                all.extend(self.at(&path, depth).unwrap_or(Ok(Vec::new()))?);
            }
            if let Some(text) = self.site.clone().filter(|_| is_of(Path::new(SITE), &path)) {
                all.extend(self.text(&text, &Arc::from(Path::new("(the default site)")), depth)?);
            }
            return Ok(all);
        }
        if let Some(found) = self.at(&path, depth) {
            return found;
        }
        match own(&path) {
            Some(file) => self.file(&file, depth),
            None => Err(ConfigError::Include { at: directive.place(), path: written.to_owned() }),
        }
    }

    /// The paths that a pattern such as `conf.d/*.conf` means, of the project's files and of what is made.
    fn matching(&self, pattern: &Path) -> BTreeSet<PathBuf> {
        let made = self.made.iter().map(|made| made.target.clone()).filter(|path| is_of(path, pattern));
        self.source.matching(pattern).into_iter().chain(made).collect()
    }
}
