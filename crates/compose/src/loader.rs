//! Lays Compose files over each other, those that they include and extend among them.

use std::path::PathBuf;

use backlot_compose_schema::{Path, check};
use backlot_yaml::{Node, Value};

use crate::canonical::canonicalise;
use crate::consistency::check_resources;
use crate::defaults::set_defaults;
use crate::error::{Error, Problem};
use crate::extends::apply_extends;
use crate::include::{Included, included, take_over};
use crate::interpolate::Variables;
use crate::merge::{merge, settle_marks};
use crate::reader::{Context, Reader};
use crate::resolve::make_absolute;
use crate::unique::make_unique;

/// Loads files into one model in long form, with absolute paths. `including` are the files that led here.
pub(crate) fn load(
    reader: &mut Reader,
    files: &[PathBuf],
    context: &Context<'_>,
    including: &[PathBuf],
) -> Result<Node, Error> {
    let mut model: Option<Node> = None;
    for file in files {
        for mut document in reader.documents(file, context)? {
            apply_extends(reader, &mut document, file, context)?;
            let mut chain = including.to_vec();
            chain.extend(files.first().cloned());
            include_files(reader, &mut document, context, &chain)?;
            let mut merged = match model.take() {
                Some(below) => merge(below, document, &Path::Root)?,
                None => document,
            };
            settle_marks(&mut merged, false);
            make_unique(&mut merged, &Path::Root)?;
            check(&merged).map_err(|error| error.map(Problem::Yaml))?;
            // Old files begin with a version that has long had no meaning.
            if let Some(map) = merged.as_map_mut() {
                map.remove("version");
            }
            canonicalise(&mut merged)?;
            make_unique(&mut merged, &Path::Root)?;
            settle_marks(&mut merged, true);
            model = Some(merged);
        }
    }
    let path = files.first().cloned().unwrap_or_default();
    let mut model = model.ok_or_else(|| Error::new(Problem::EmptyCompose { path }))?;
    set_defaults(&mut model);
    check_resources(&model)?;
    make_absolute(&mut model, &Path::Root, reader.base(context.working_dir))?;
    resolve_names(&mut model, context.variables);
    Ok(model)
}

/// Takes the resources of all included files over into `document`. `including` are the files that led here.
fn include_files(
    reader: &mut Reader,
    document: &mut Node,
    context: &Context<'_>,
    including: &[PathBuf],
) -> Result<(), Error> {
    for item in &included(document)? {
        let included = Included::read(reader, item, context, including)?;
        let inner = Context { working_dir: &included.project_dir, variables: &included.variables };
        let model = load(reader, &included.files, &inner, including)?;
        reader.count_copy(&model)?;
        take_over(document, model)?;
    }
    Ok(())
}

/// Gives the members of `environment` lists that are a bare name their value, where it is known here: a file that is
/// included may have an env file of its own.
fn resolve_names(model: &mut Node, variables: &Variables) {
    for service in model.entries_of_mut("services") {
        for item in service.value.items_of_mut("environment") {
            if let Value::String(name) = &mut item.value
                && let Some(value) = variables.get(name.as_str())
            {
                *name = format!("{name}={value}");
            }
        }
    }
}
