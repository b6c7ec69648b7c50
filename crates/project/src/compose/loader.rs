//! Reads Compose files and lays them over each other.

use std::collections::BTreeSet;
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;

use super::Variables;
use super::canonical::canonicalise;
use super::consistency::check_resources;
use super::defaults::set_defaults;
use super::expand::{Expansion, expand};
use super::extends::apply_extends;
use super::include::apply_include;
use super::merge::{merge, settle_marks};
use super::path::Path;
use super::resolve::{Base, make_absolute};
use super::schema::{MODEL, Shape};
use super::unique::make_unique;
use super::validate::check;
use crate::dotenv::read_env_file;
use crate::error::{Problem, ProjectError};
use crate::source::{Missed, Source, Span};
use crate::yaml::{MAX_NODES, Node, Value, documents};

/// How many times files may be read in all: `include` and `extends` can multiply.
const MAX_READS: usize = 1000;

/// Where files are loaded: what relative paths and variables mean there.
#[derive(Clone, Copy)]
pub(super) struct Context<'c> {
    pub(super) working_dir: &'c FilePath,
    pub(super) variables: &'c Variables,
}

/// Loads files, and remembers which, and what was odd about them.
pub(super) struct Loader {
    home: Option<String>,
    /// A file whose text is given, in place of what is on disk.
    given: Option<Arc<Source>>,
    reads: usize,
    /// How many values were copied by `extends` and `include`.
    copied: usize,
    files: Vec<PathBuf>,
    unset: BTreeSet<String>,
    pub(super) missed: Missed,
}

impl Loader {
    pub(super) fn new(home: Option<String>) -> Self {
        Self {
            home,
            given: None,
            reads: 0,
            copied: 0,
            files: Vec::new(),
            unset: BTreeSet::new(),
            missed: Missed::default(),
        }
    }

    /// Takes a file's text as given.
    #[must_use]
    pub(super) fn with_source(mut self, source: Option<Arc<Source>>) -> Self {
        self.given = source;
        self
    }

    /// The files read and the warnings, in order; and the names that nobody sets.
    pub(super) fn finish(self) -> (Vec<PathBuf>, Vec<String>, Missed) {
        let unset =
            self.unset.iter().map(|name| format!("the variable {name} is not set; it is taken as empty"));
        (self.files, unset.collect(), self.missed)
    }

    pub(super) fn base<'b>(&'b self, dir: &'b FilePath) -> Base<'b> {
        Base { dir, home: self.home.as_deref() }
    }

    /// Loads files into one model in long form, with absolute paths. `including` are the files that led here.
    pub(super) fn load(
        &mut self,
        files: &[PathBuf],
        context: &Context<'_>,
        including: &[PathBuf],
    ) -> Result<Node, ProjectError> {
        let mut model: Option<Node> = None;
        for file in files {
            for mut document in self.documents(file, context)? {
                apply_extends(self, &mut document, file, context)?;
                let mut chain = including.to_vec();
                chain.extend(files.first().cloned());
                apply_include(self, &mut document, context, &chain)?;
                let mut merged = match model.take() {
                    Some(below) => merge(below, document, &Path::Root)?,
                    None => document,
                };
                settle_marks(&mut merged);
                make_unique(&mut merged, &Path::Root)?;
                check(&merged, &Shape::Table(&MODEL), &Path::Root)?;
                // Old files begin with a version that has long had no meaning.
                if let Some(map) = merged.as_map_mut() {
                    map.remove("version");
                }
                canonicalise(&mut merged)?;
                make_unique(&mut merged, &Path::Root)?;
                model = Some(merged);
            }
        }
        let path = files.first().cloned().unwrap_or_default();
        let mut model = model.ok_or_else(|| ProjectError::new(Problem::EmptyCompose { path }))?;
        set_defaults(&mut model);
        check_resources(&model)?;
        make_absolute(&mut model, &Path::Root, self.base(context.working_dir))?;
        resolve_names(&mut model, context.variables);
        Ok(model)
    }

    /// Loads a file whose services others extend: in long form and with absolute paths, but not checked, since only the
    /// result of extending must be whole.
    pub(super) fn load_base(&mut self, file: &FilePath, context: &Context<'_>) -> Result<Node, ProjectError> {
        let mut documents = self.documents(file, context)?.into_iter();
        let empty = || ProjectError::new(Problem::EmptyCompose { path: file.to_owned() });
        let mut model = documents.next().ok_or_else(empty)?;
        for document in documents {
            model = merge(model, document, &Path::Root)?;
        }
        settle_marks(&mut model);
        make_unique(&mut model, &Path::Root)?;
        canonicalise(&mut model)?;
        make_unique(&mut model, &Path::Root)?;
        let dir = file.parent().unwrap_or(file);
        make_absolute(&mut model, &Path::Root, self.base(dir))?;
        Ok(model)
    }

    /// Counts values that are about to be copied.
    pub(super) fn count_copy(&mut self, node: &Node) -> Result<(), ProjectError> {
        self.copied += node.size();
        if self.copied > 4 * MAX_NODES {
            return Err(node.span.error(Problem::TooManyValues { limit: 4 * MAX_NODES }));
        }
        Ok(())
    }

    /// Reads a file of variables.
    pub(super) fn env_file(
        &mut self,
        path: &FilePath,
        outer: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Vec<(String, String)>, ProjectError> {
        let source = self.read(path)?;
        let file = read_env_file(&source, outer)?;
        self.unset.extend(file.unset);
        self.missed.extend(file.missed);
        Ok(file.variables)
    }

    fn read(&mut self, path: &FilePath) -> Result<Arc<Source>, ProjectError> {
        self.reads += 1;
        if self.reads > MAX_READS {
            let problem =
                Problem::ChainTooLong { what: "`extends`, `include` and `env_file`", limit: MAX_READS };
            return Err(ProjectError::new(problem));
        }
        let source = match &self.given {
            Some(given) if given.path == path => Arc::clone(given),
            Some(_) | None => Source::read(path)?,
        };
        if !self.files.iter().any(|known| known == path) {
            self.files.push(path.to_owned());
        }
        Ok(source)
    }

    /// A file's documents with their variables put in; empty ones left out.
    fn documents(&mut self, file: &FilePath, context: &Context<'_>) -> Result<Vec<Node>, ProjectError> {
        let source = self.read(file)?;
        let mut documents = documents(&source)?;
        documents.retain(|document| !document.is_null());
        for document in &mut documents {
            if document.as_map().is_none() {
                let found = document.value.kind();
                let (at, expected) = ("a Compose file".to_owned(), "a mapping".to_owned());
                return Err(document.span.error(Problem::WrongType { at, expected, found }));
            }
            let (variables, unset, missed) = (context.variables, &mut self.unset, &mut self.missed);
            let mut expansion = Expansion { variables, unset, missed, bytes: 0 };
            expand(document, &Path::Root, &mut expansion)?;
        }
        Ok(documents)
    }
}

/// Gives the members of `environment` lists that are a bare name their value, where it is known here: a file that is
/// included may have an env file of its own.
fn resolve_names(model: &mut Node, variables: &Variables) {
    let Some(services) = model.as_map_mut().and_then(|model| model.get_mut("services")) else { return };
    for entry in services.as_map_mut().map(|services| services.entries.iter_mut()).into_iter().flatten() {
        let environment = entry.value.as_map_mut().and_then(|service| service.get_mut("environment"));
        let Some(Value::List(items)) = environment.map(|environment| &mut environment.value) else {
            continue;
        };
        for item in items {
            if let Value::String(name) = &mut item.value
                && let Some(value) = variables.get(name.as_str())
            {
                *name = format!("{name}={value}");
            }
        }
    }
}

/// The project name that Compose files give at their top level, the last one's; a file that cannot be read gives none
/// here, and its error when it is loaded.
pub(crate) fn top_level_name(files: &[PathBuf], variables: &Variables) -> Option<(String, Span)> {
    let mut name = None;
    for file in files {
        let Ok(source) = Source::read(file) else { continue };
        for mut document in documents(&source).unwrap_or_default() {
            let Some(entry) = document.as_map_mut().and_then(|map| map.remove("name")) else { continue };
            let mut node = entry.value;
            let (unset, missed) = (&mut BTreeSet::new(), &mut Missed::default());
            let mut expansion = Expansion { variables, unset, missed, bytes: 0 };
            if expand(&mut node, &Path::Root.key("name"), &mut expansion).is_ok()
                && let Some(text) = node.as_str().filter(|text| !text.is_empty())
            {
                name = Some((text.to_owned(), node.span.clone()));
            }
        }
    }
    name
}
