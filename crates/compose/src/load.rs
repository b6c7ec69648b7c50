//! Loads Compose files: the stages in their order.

use std::collections::BTreeSet;
use std::path::{Path as FilePath, PathBuf};

use backlot_yaml::{Node, Source};

use crate::consistency::check;
use crate::error::{Error, Problem};
use crate::interpolate::Variables;
use crate::loader::load as load_files;
use crate::missed::Missed;
use crate::normalise::{drop_unused, normalise};
use crate::profiles::{Profiles, apply_profiles};
use crate::project_name::{PROJECT_NAME_HINT, is_project_name};
use crate::reader::{Context, Reader};
use crate::side_files::read_side_files;

/// What to load.
pub struct Request<'r> {
    /// The files, absolute, each laid over those before it.
    pub files: &'r [PathBuf],
    /// Where relative paths lead.
    pub working_dir: &'r FilePath,
    /// The name that Compose knows the stack by.
    pub name: &'r str,
    /// What interpolation sees.
    pub variables: &'r Variables,
    /// The profiles that are switched on.
    pub profiles: &'r [String],
    /// The services that are asked for by name: one that is switched off switches its profiles on.
    pub named: &'r [String],
}

/// What was loaded.
pub struct Loaded {
    /// The model in long form, with the services that the profiles leave.
    pub model: Node,
    /// Which of these are there only because one of them is asked for by name.
    pub on_call: BTreeSet<String>,
    /// The services that the profiles leave out.
    pub off: BTreeSet<String>,
    /// The profiles that are on, those of services that are asked for by name among them.
    pub profiles: Vec<String>,
    /// All files read, in order.
    pub files: Vec<PathBuf>,
    /// What is odd, such as a variable that is not set.
    pub warnings: Vec<String>,
    /// The names that texts refer to and nobody sets.
    pub missed: Missed,
    /// What is wrong with values: nothing can be started of it.
    pub faults: Vec<Error>,
    /// The services of which a file of variables could not be read.
    pub without: BTreeSet<String>,
}

/// Loads Compose files.
pub fn load(request: &Request<'_>) -> Result<Loaded, Error> {
    whole(load_as_far(request)?)
}

/// Loads Compose files as far as they can be read: what is wrong with values that the rest does not hang on is among what was
/// loaded.
pub fn load_as_far(request: &Request<'_>) -> Result<Loaded, Error> {
    run(request, Reader::new(request.variables.get("HOME").cloned()))
}

/// The same, but the text of the first file is given.
pub fn load_text(request: &Request<'_>, text: &str) -> Result<Loaded, Error> {
    let source = request.files.first().map(|path| Source::new(path, text));
    whole(run(request, Reader::new(None).with_source(source))?)
}

fn whole(mut loaded: Loaded) -> Result<Loaded, Error> {
    Error::none_of(std::mem::take(&mut loaded.faults))?;
    Ok(loaded)
}

fn run(request: &Request<'_>, mut reader: Reader) -> Result<Loaded, Error> {
    if !is_project_name(request.name) {
        let problem = Problem::ProjectName { name: request.name.to_owned() };
        return Err(Error::new(problem).with_hint(PROJECT_NAME_HINT));
    }
    let mut variables = request.variables.clone();
    variables.insert("COMPOSE_PROJECT_NAME".to_owned(), request.name.to_owned());
    let context = Context { working_dir: request.working_dir, variables: &variables };
    let mut model = match load_files(&mut reader, request.files, &context, &[]) {
        Ok(model) => model,
        Err(error) => {
            let faults = std::mem::take(&mut reader.faults);
            return Err(all(reader.with_unset(error), faults));
        }
    };
    normalise(&mut model, request.name, &variables, &mut reader.missed);
    let Profiles { active, on_call, disabled } = apply_profiles(&mut model, request.profiles, request.named);
    let checked = check(&model, &disabled);
    let read = read_side_files(&mut reader, &mut model, &variables);
    let faults = std::mem::take(&mut reader.faults);
    let without = match (checked, read) {
        (Err(error), _) | (Ok(()), Err(error)) => return Err(all(reader.with_unset(error), faults)),
        (Ok(()), Ok(without)) => without,
    };
    let faults = in_order(faults);
    drop_unused(&mut model);
    let (files, warnings, missed) = reader.finish();
    let off = disabled.entries.into_iter().map(|entry| entry.key).collect();
    Ok(Loaded { model, on_call, off, profiles: active, files, warnings, missed, faults, without })
}

/// An error with what else is wrong. What is said of a line with a variable that is not set, comes of that.
fn all(error: Error, faults: Vec<Error>) -> Error {
    let line = |error: &Error| error.location().map(|place| (place.path.clone(), place.line));
    let here = line(&error);
    let mut faults = in_order(faults);
    if here.is_some() && faults.iter().any(|fault| line(fault) == here) {
        faults.remove(0).with_more(faults)
    } else {
        error.with_more(faults)
    }
}

/// As they stand in the files; what is missing beside them, once, at its first place.
fn in_order(mut faults: Vec<Error>) -> Vec<Error> {
    faults.sort_by_key(|fault| fault.location().cloned());
    let mut missing = BTreeSet::new();
    faults.retain(|fault| {
        let problem = fault.problem();
        let is_beside = matches!(problem, Problem::VariableRequired { .. } | Problem::EnvFileMissing { .. });
        !is_beside || missing.insert(problem.to_string())
    });
    faults
}
