//! Compose files that include others.

use std::path::{Path as FilePath, PathBuf};

use super::Variables;
use super::loader::{Context, Loader};
use super::resolve::is_remote;
use crate::error::{Problem, ProjectError};
use crate::source::Span;
use crate::yaml::{Entry, Map, Node, Value};

/// How many files may include each other in a row.
const MAX_CHAIN: usize = 32;
const RESOURCES: [&str; 5] = ["services", "volumes", "networks", "secrets", "configs"];

/// One entry of `include`, in long form.
struct Included {
    /// The files, absolute, each laid over those before it.
    files: Vec<PathBuf>,
    project_dir: PathBuf,
    env_files: Vec<PathBuf>,
}

/// Takes the resources of all included files over into `document`.
pub(super) fn apply_include(
    loader: &mut Loader,
    document: &mut Node,
    context: &Context<'_>,
    including: &[PathBuf],
) -> Result<(), ProjectError> {
    let Some(include) = document.as_map_mut().and_then(|map| map.remove("include")) else { return Ok(()) };
    let items = match include.value.value {
        Value::Null => return Ok(()),
        Value::List(items) => items,
        other @ (Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::String(_) | Value::Map(_)) => {
            return Err(wrong_type(&include.value.span, "include", "a list", &other));
        }
    };
    for item in &items {
        let included = read_entry(loader, item, context)?;
        let main = included.files.first().cloned().unwrap_or_default();
        if including.contains(&main) {
            let path = including.iter().chain([&main]).map(|path| path.display().to_string()).collect();
            return Err(item.span.error(Problem::Cycle { what: "`include`", path }));
        }
        if including.len() > MAX_CHAIN {
            return Err(item.span.error(Problem::ChainTooLong { what: "`include`", limit: MAX_CHAIN }));
        }
        let variables = variables(loader, &included, context.variables)?;
        let inner = Context { working_dir: &included.project_dir, variables: &variables };
        let model = loader.load(&included.files, &inner, including)?;
        loader.count_copy(&model)?;
        take_over(document, model)?;
    }
    Ok(())
}

fn wrong_type(span: &Span, at: &str, expected: &str, found: &Value) -> ProjectError {
    let (at, expected, found) = (at.to_owned(), expected.to_owned(), found.kind());
    span.error(Problem::WrongType { at, expected, found })
}

fn read_entry(loader: &Loader, item: &Node, context: &Context<'_>) -> Result<Included, ProjectError> {
    let base = loader.base(context.working_dir);
    let absolute = |path: &(String, Span)| {
        let (path, span) = path;
        if is_remote(path) {
            return Err(span
                .error(Problem::Remote { path: path.clone() })
                .with_hint("copy the file into the project"));
        }
        let path = PathBuf::from(base.absolute(path));
        if path.exists() { Ok(path) } else { Err(span.error(Problem::FileMissing { path })) }
    };
    let (paths, env_files, project_dir) = match &item.value {
        Value::String(path) => (vec![(path.clone(), item.span.clone())], Vec::new(), None),
        Value::Map(map) => (
            texts(map, "path")?,
            texts(map, "env_file")?,
            texts(map, "project_directory")?.pop().map(|(dir, _)| PathBuf::from(base.absolute(&dir))),
        ),
        Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::List(_) => {
            return Err(wrong_type(&item.span, "include", "a string or a mapping", &item.value));
        }
    };
    let files: Vec<PathBuf> = paths.iter().map(absolute).collect::<Result<_, _>>()?;
    let Some(main) = files.first() else {
        return Err(item.span.error(Problem::KeyMissing { at: "include".to_owned(), key: "path" }));
    };
    let project_dir = project_dir.or_else(|| main.parent().map(FilePath::to_owned)).unwrap_or_default();
    let env_files = env_files.iter().map(absolute).collect::<Result<_, _>>()?;
    Ok(Included { files, project_dir, env_files })
}

/// A text or a list of texts, each with its place.
fn texts(map: &Map, key: &'static str) -> Result<Vec<(String, Span)>, ProjectError> {
    let Some(node) = map.get(key) else { return Ok(Vec::new()) };
    let one = |node: &Node| match &node.value {
        Value::String(text) => Ok((text.clone(), node.span.clone())),
        other => Err(wrong_type(&node.span, key, "a string", other)),
    };
    match node.as_list() {
        Some(items) => items.iter().map(one).collect(),
        None => Ok(vec![one(node)?]),
    }
}

/// What the included files see: what is set already wins over their own env files.
fn variables(loader: &mut Loader, included: &Included, outer: &Variables) -> Result<Variables, ProjectError> {
    let default = included.project_dir.join(".env");
    let files = match included.env_files.as_slice() {
        [] if default.is_file() => vec![default],
        files => files.to_vec(),
    };
    let mut own = Variables::new();
    for file in files {
        let seen = own.clone();
        let lookup = |name: &str| outer.get(name).or_else(|| seen.get(name)).cloned();
        own.extend(loader.env_file(&file, &lookup)?);
    }
    own.extend(outer.iter().map(|(name, value)| (name.clone(), value.clone())));
    Ok(own)
}

fn take_over(document: &mut Node, model: Node) -> Result<(), ProjectError> {
    let span = model.span.clone();
    let (Value::Map(mut model), Some(document)) = (model.value, document.as_map_mut()) else { return Ok(()) };
    for key in RESOURCES {
        let Some(from) = model.remove(key) else { continue };
        let Value::Map(from) = from.value.value else { continue };
        if !document.contains(key) {
            document.set(key, Value::Map(Map::default()), &span);
        }
        let Some(to) = document.get_mut(key).and_then(Node::as_map_mut) else { continue };
        for entry in from.entries {
            add(to, entry, key)?;
        }
    }
    Ok(())
}

fn add(to: &mut Map, entry: Entry, key: &str) -> Result<(), ProjectError> {
    match to.entry(&entry.key) {
        Some(known) if known.value == entry.value => Ok(()),
        Some(known) => {
            let at = format!("{key}.{}", entry.key);
            let other = entry.key_span.source.path.clone();
            Err(known
                .key_span
                .error(Problem::IncludeConflict { at, other })
                .with_hint("rename one of the two"))
        }
        None => {
            to.entries.push(entry);
            Ok(())
        }
    }
}
