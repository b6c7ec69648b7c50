//! Reads files into trees, and remembers which, and what was odd about them.

use std::collections::BTreeMap;
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;

use backlot_compose_schema::Path;
use backlot_yaml::{MAX_NODES, Node, Problem as YamlProblem, Source, Span, documents};

use crate::canonical::canonicalise;
use crate::dotenv::{read_env_file, read_raw_env_file};
use crate::error::{Error, Problem};
use crate::expand::{Expansion, expand};
use crate::interpolate::Variables;
use crate::merge::{merge, settle_marks};
use crate::missed::Missed;
use crate::resolve::{Base, make_absolute};
use crate::unique::make_unique;

/// How many times files may be read in all: `include` and `extends` can multiply.
const MAX_READS: usize = 1000;

/// Where files are loaded: what relative paths and variables mean there.
#[derive(Clone, Copy)]
pub(crate) struct Context<'c> {
    pub(crate) working_dir: &'c FilePath,
    pub(crate) variables: &'c Variables,
}

/// Reads files, and remembers which, and what was odd about them.
pub(crate) struct Reader {
    home: Option<String>,
    /// A file whose text is given, in place of what is on disk.
    given: Option<Arc<Source>>,
    reads: usize,
    /// How many values were copied by `extends` and `include`.
    copied: usize,
    files: Vec<PathBuf>,
    /// Each with the first text that needs it.
    unset: BTreeMap<String, Option<Span>>,
    pub(crate) missed: Missed,
    /// What is wrong with values that the rest does not hang on.
    pub(crate) faults: Vec<Error>,
}

impl Reader {
    pub(crate) fn new(home: Option<String>) -> Self {
        Self {
            home,
            given: None,
            reads: 0,
            copied: 0,
            files: Vec::new(),
            unset: BTreeMap::new(),
            missed: Missed::default(),
            faults: Vec::new(),
        }
    }

    /// Takes a file's text as given.
    #[must_use]
    pub(crate) fn with_source(mut self, source: Option<Arc<Source>>) -> Self {
        self.given = source;
        self
    }

    /// The files read and the warnings, in order; and the names that nobody sets.
    pub(crate) fn finish(self) -> (Vec<PathBuf>, Vec<String>, Missed) {
        let places = self.unset.iter().map(|(name, span)| (span.as_ref().map(Span::location), name));
        let mut places: Vec<_> = places.collect();
        places.sort();
        let unset = places.iter().map(|(place, name)| {
            let place = place.as_ref().map(|place| format!("{place}: ")).unwrap_or_default();
            format!("{place}the variable {name} is not set; it is taken as empty")
        });
        (self.files, unset.collect(), self.missed)
    }

    /// An error that says which variables of its line are not set.
    pub(crate) fn with_unset(&self, error: Error) -> Error {
        let line =
            error.place().and_then(|place| place.text.lines().nth(place.location.line.saturating_sub(1)));
        let line = line.unwrap_or_default();
        let is_used =
            |name: &&String| line.contains(&format!("${name}")) || line.contains(&format!("${{{name}"));
        let names: Vec<&str> = self.unset.keys().filter(is_used).map(String::as_str).collect();
        if names.is_empty() {
            return error;
        }
        let (verb, names) = (if names.len() == 1 { "is" } else { "are" }, names.join(", "));
        let hint = error.hint().map(|hint| format!(", or {hint}")).unwrap_or_default();
        error.with_hint(format!("set {names}, which {verb} not set{hint}"))
    }

    pub(crate) fn base<'b>(&'b self, dir: &'b FilePath) -> Base<'b> {
        Base { dir, home: self.home.as_deref() }
    }

    /// Loads a file whose services others extend: in long form and with absolute paths, but not checked, since only the
    /// result of extending must be whole.
    pub(crate) fn load_base(&mut self, file: &FilePath, context: &Context<'_>) -> Result<Node, Error> {
        let mut documents = self.documents(file, context)?.into_iter();
        let empty = || Error::new(Problem::EmptyCompose { path: file.to_owned() });
        let mut model = documents.next().ok_or_else(empty)?;
        for document in documents {
            model = merge(model, document, &Path::Root)?;
        }
        settle_marks(&mut model, false);
        make_unique(&mut model, &Path::Root)?;
        canonicalise(&mut model)?;
        make_unique(&mut model, &Path::Root)?;
        settle_marks(&mut model, true);
        let dir = file.parent().unwrap_or(file);
        make_absolute(&mut model, &Path::Root, self.base(dir))?;
        Ok(model)
    }

    /// Counts values that are about to be copied.
    pub(crate) fn count_copy(&mut self, node: &Node) -> Result<(), Error> {
        self.copied += node.size();
        if self.copied > 4 * MAX_NODES {
            return Err(node.span.error(YamlProblem::TooManyValues { limit: 4 * MAX_NODES }));
        }
        Ok(())
    }

    /// Reads a file of variables.
    pub(crate) fn env_file(
        &mut self,
        path: &FilePath,
        outer: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Vec<(String, String)>, Error> {
        let source = self.read(path)?;
        let file = read_env_file(&source, outer)?;
        for name in file.unset {
            let place = file.missed.0.get(&name).cloned();
            self.unset.entry(name).or_insert(place);
        }
        self.missed.extend(file.missed);
        Ok(file.variables)
    }

    /// Reads a file of variables in the form of `docker run --env-file`.
    pub(crate) fn raw_env_file(
        &mut self,
        path: &FilePath,
        outer: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Vec<(String, String)>, Error> {
        let source = self.read(path)?;
        read_raw_env_file(&source, outer)
    }

    fn read(&mut self, path: &FilePath) -> Result<Arc<Source>, Error> {
        self.reads += 1;
        if self.reads > MAX_READS {
            let problem =
                Problem::ChainTooLong { what: "`extends`, `include` and `env_file`", limit: MAX_READS };
            return Err(Error::new(problem));
        }
        let source = match &self.given {
            Some(given) if given.path == path => Arc::clone(given),
            Some(_) | None => Source::read(path).map_err(|error| error.map(Problem::Yaml))?,
        };
        if !self.files.iter().any(|known| known == path) {
            self.files.push(path.to_owned());
        }
        Ok(source)
    }

    /// A file's documents with their variables put in; empty ones left out.
    pub(crate) fn documents(&mut self, file: &FilePath, context: &Context<'_>) -> Result<Vec<Node>, Error> {
        let source = self.read(file)?;
        let mut documents = documents(&source).map_err(|error| error.map(Problem::Yaml))?;
        documents.retain(|document| !document.is_null());
        for document in &mut documents {
            if document.as_map().is_none() {
                return Err(document.wrong_type("a Compose file", "a mapping"));
            }
            let (variables, unset, missed) = (context.variables, &mut self.unset, &mut self.missed);
            let faults = &mut self.faults;
            let mut expansion = Expansion { variables, unset, missed, bytes: 0, faults };
            expand(document, &Path::Root, &mut expansion)?;
        }
        Ok(documents)
    }
}
