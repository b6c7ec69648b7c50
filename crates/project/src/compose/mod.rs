//! Compose files → one resolved model.
//!
//! The stages follow those of Compose, since its results are defined by them: each file is read, its variables put in,
//! its `extends` and `include` followed, then it is laid over the files before it; the whole is brought into long form,
//! completed with defaults, its paths made absolute, and at last checked for references that lead nowhere.

mod canonical;
mod consistency;
mod defaults;
mod expand;
mod extends;
mod include;
mod loader;
mod merge;
mod normalise;
mod path;
mod port;
mod render;
mod resolve;
mod schema;
mod side_files;
mod unique;
mod units;
mod validate;
mod volume;

use std::collections::BTreeMap;
use std::path::{Path as FilePath, PathBuf};

use crate::error::{Problem, ProjectError};
use crate::source::{Missed, Source};
use crate::yaml::Node;

pub(crate) use loader::top_level_name;
use loader::{Context, Loader};
pub(crate) use port::range as port_range;
pub(crate) use render::render;
pub(crate) use resolve::{Base, is_remote};
pub(crate) use units::{parse_duration, split_words};
pub(crate) use validate::{PROJECT_NAME_HINT, is_project_name};

/// Variables by name.
pub(crate) type Variables = BTreeMap<String, String>;

/// What to load.
pub(crate) struct Request<'r> {
    /// The files, absolute, each laid over those before it.
    pub(crate) files: &'r [PathBuf],
    /// Where relative paths lead.
    pub(crate) working_dir: &'r FilePath,
    /// The name that Compose knows the stack by.
    pub(crate) name: &'r str,
    /// What interpolation sees.
    pub(crate) variables: &'r Variables,
    /// The profiles that are switched on.
    pub(crate) profiles: &'r [String],
}

/// What was loaded.
pub(crate) struct Loaded {
    /// The model in long form, with the services that the profiles leave.
    pub(crate) model: Node,
    /// All files read, in order.
    pub(crate) files: Vec<PathBuf>,
    pub(crate) warnings: Vec<String>,
    /// The names that texts refer to and nobody sets.
    pub(crate) missed: Missed,
}

/// Loads Compose files.
pub(crate) fn load(request: &Request<'_>) -> Result<Loaded, ProjectError> {
    run(request, Loader::new(request.variables.get("HOME").cloned()))
}

/// The same, but the text of the first file is given.
pub(crate) fn load_text(request: &Request<'_>, text: &str) -> Result<Loaded, ProjectError> {
    let source = request.files.first().map(|path| Source::new(path, text));
    run(request, Loader::new(None).with_source(source))
}

fn run(request: &Request<'_>, mut loader: Loader) -> Result<Loaded, ProjectError> {
    if !is_project_name(request.name) {
        let problem = Problem::ProjectName { name: request.name.to_owned() };
        return Err(ProjectError::new(problem).with_hint(PROJECT_NAME_HINT));
    }
    let mut variables = request.variables.clone();
    variables.insert("COMPOSE_PROJECT_NAME".to_owned(), request.name.to_owned());
    let context = Context { working_dir: request.working_dir, variables: &variables };
    let mut model = loader.load(request.files, &context, &[])?;
    normalise::normalise(&mut model, request.name, &variables, &mut loader.missed);
    let disabled = normalise::apply_profiles(&mut model, request.profiles);
    consistency::check(&model, &disabled)?;
    side_files::read_side_files(&mut loader, &mut model, &variables)?;
    normalise::drop_unused(&mut model);
    let (files, warnings, missed) = loader.finish();
    Ok(Loaded { model, files, warnings, missed })
}
