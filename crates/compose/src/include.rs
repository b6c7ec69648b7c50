//! Compose files that include others.

use std::path::{Path as FilePath, PathBuf};

use backlot_yaml::{Entry, Map, Node, Problem as YamlProblem, Span, Value};

use crate::error::{Error, Problem};
use crate::interpolate::Variables;
use crate::reader::{Context, Reader};
use crate::resolve::is_remote;

/// How many files may include each other in a row.
const MAX_CHAIN: usize = 32;
const RESOURCES: [&str; 6] = ["services", "volumes", "networks", "secrets", "configs", "models"];

/// One entry of `include`, in long form.
pub(crate) struct Included {
    /// The files, absolute, each laid over those before it.
    pub(crate) files: Vec<PathBuf>,
    pub(crate) project_dir: PathBuf,
    /// What they see.
    pub(crate) variables: Variables,
}

impl Included {
    /// Reads an entry of `include`. `including` are the files that led here.
    pub(crate) fn read(
        reader: &mut Reader,
        item: &Node,
        context: &Context<'_>,
        including: &[PathBuf],
    ) -> Result<Self, Error> {
        let (files, project_dir, env_files) = read_entry(reader, item, context)?;
        let main = files.first().cloned().unwrap_or_default();
        if including.contains(&main) {
            let path = including.iter().chain([&main]).map(|path| path.display().to_string()).collect();
            return Err(item.span.error(Problem::Cycle { what: "`include`", path }));
        }
        if including.len() > MAX_CHAIN {
            return Err(item.span.error(Problem::ChainTooLong { what: "`include`", limit: MAX_CHAIN }));
        }
        let variables = variables(reader, &project_dir, env_files, context.variables)?;
        Ok(Self { files, project_dir, variables })
    }
}

/// The entries of `include`, which are taken out of the document.
pub(crate) fn included(document: &mut Node) -> Result<Vec<Node>, Error> {
    let Some(include) = document.as_map_mut().and_then(|map| map.remove("include")) else {
        return Ok(Vec::new());
    };
    match include.value.value {
        Value::Null => Ok(Vec::new()),
        Value::List(items) => Ok(items),
        Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::String(_) | Value::Map(_) => {
            Err(include.value.wrong_type("include", "a list"))
        }
    }
}

/// The files of an entry, its project directory and its env files.
type Paths = (Vec<PathBuf>, PathBuf, Vec<PathBuf>);

fn read_entry(reader: &Reader, item: &Node, context: &Context<'_>) -> Result<Paths, Error> {
    let base = reader.base(context.working_dir);
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
            return Err(item.wrong_type("include", "a string or a mapping"));
        }
    };
    let files: Vec<PathBuf> = paths.iter().map(absolute).collect::<Result<_, _>>()?;
    let Some(main) = files.first() else {
        return Err(item.span.error(YamlProblem::KeyMissing { at: "include".to_owned(), key: "path" }));
    };
    let project_dir = project_dir.or_else(|| main.parent().map(FilePath::to_owned)).unwrap_or_default();
    let env_files = env_files.iter().map(absolute).collect::<Result<_, _>>()?;
    Ok((files, project_dir, env_files))
}

/// A text or a list of texts, each with its place.
fn texts(map: &Map, key: &'static str) -> Result<Vec<(String, Span)>, Error> {
    let Some(node) = map.get(key) else { return Ok(Vec::new()) };
    let one = |node: &Node| {
        let text = node.as_str().ok_or_else(|| node.wrong_type(key, "a string"))?;
        Ok((text.to_owned(), node.span.clone()))
    };
    match node.as_list() {
        Some(items) => items.iter().map(one).collect(),
        None => Ok(vec![one(node)?]),
    }
}

/// What the included files see: what is set already wins over their own env files.
fn variables(
    reader: &mut Reader,
    project_dir: &FilePath,
    env_files: Vec<PathBuf>,
    outer: &Variables,
) -> Result<Variables, Error> {
    let default = project_dir.join(".env");
    let files =
        if env_files.is_empty() && default.exists() && !default.is_dir() { vec![default] } else { env_files };
    let mut own = Variables::new();
    for file in files {
        let seen = own.clone();
        let lookup = |name: &str| outer.get(name).or_else(|| seen.get(name)).cloned();
        own.extend(reader.env_file(&file, &lookup)?);
    }
    own.extend(outer.iter().map(|(name, value)| (name.clone(), value.clone())));
    Ok(own)
}

/// Takes the resources of an included model over into `document`.
pub(crate) fn take_over(document: &mut Node, model: Node) -> Result<(), Error> {
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

fn add(to: &mut Map, entry: Entry, key: &str) -> Result<(), Error> {
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
            to.push(entry);
            Ok(())
        }
    }
}
