//! Makes the relative paths of a model absolute.

use std::path::Path as FilePath;

use backlot_compose_schema::Path;
use backlot_yaml::{Node, Problem as YamlProblem, Value};

use crate::error::Error;
use crate::volume::clean_path;

/// How a path is written at a key.
#[derive(Debug, Clone, Copy)]
enum Kind {
    /// A path, empty or not.
    File,
    /// A path that may be a URL.
    Context,
    /// A mount whose source is a path if it is a bind.
    Mount,
    /// A volume whose device is a path if it is a bind.
    Device,
}

const KEYS: &[(&str, Kind)] = &[
    ("services.*.build.context", Kind::Context),
    ("services.*.build.additional_contexts.*", Kind::Context),
    ("services.*.build.ssh.*", Kind::File),
    ("services.*.env_file.[].path", Kind::File),
    ("services.*.label_file.[]", Kind::File),
    ("services.*.extends.file", Kind::File),
    ("services.*.develop.watch.[].path", Kind::File),
    ("services.*.volumes.[]", Kind::Mount),
    ("configs.*.file", Kind::File),
    ("secrets.*.file", Kind::File),
    ("volumes.*", Kind::Device),
];

/// Where relative paths and `~` lead.
#[derive(Debug, Clone, Copy)]
pub struct Base<'b> {
    /// The directory of relative paths.
    pub dir: &'b FilePath,
    /// What `~` means; without it, nothing.
    pub home: Option<&'b str>,
}

impl Base<'_> {
    /// The absolute path of what a file says, by its text: links are not followed.
    pub fn absolute(&self, path: &str) -> String {
        let path = match (path.strip_prefix('~'), self.home) {
            (Some(rest), Some(home)) => clean_path(&format!("{home}/{rest}")),
            _ => path.to_owned(),
        };
        if path.starts_with('/') { path } else { clean_path(&format!("{}/{path}", self.dir.display())) }
    }
}

/// Makes the relative paths below a value absolute.
pub(crate) fn make_absolute(node: &mut Node, path: &Path<'_>, base: Base<'_>) -> Result<(), Error> {
    match path.find(KEYS) {
        Some(Kind::File) => absolute_text(node, base),
        Some(Kind::Context) => {
            if !node.as_str().is_some_and(is_remote) {
                absolute_text(node, base);
            }
        }
        Some(Kind::Mount) => return mount(node, base),
        Some(Kind::Device) => device(node, base),
        None => match &mut node.value {
            Value::Map(map) => {
                for entry in &mut map.entries {
                    make_absolute(&mut entry.value, &path.key(&entry.key), base)?;
                }
            }
            Value::List(items) => {
                for (index, item) in items.iter_mut().enumerate() {
                    make_absolute(item, &path.index(index), base)?;
                }
            }
            Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::String(_) => {}
        },
    }
    Ok(())
}

/// Says whether a build context or Compose file is not on this machine.
pub fn is_remote(path: &str) -> bool {
    const BEGINNINGS: [&str; 3] = ["github.com/", "git@", "service:"];
    path.contains("://") || BEGINNINGS.iter().any(|beginning| path.starts_with(beginning))
}

fn absolute_text(node: &mut Node, base: Base<'_>) {
    if let Value::String(path) = &mut node.value
        && !path.is_empty()
    {
        *path = base.absolute(path);
    }
}

fn mount(node: &mut Node, base: Base<'_>) -> Result<(), Error> {
    if node.text_of("type") != Some("bind") {
        return Ok(());
    }
    let span = node.span.clone();
    if let Some(source) = node.get_mut("source") {
        absolute_text(source, base);
        Ok(())
    } else {
        let problem = YamlProblem::KeyMissing { at: "a volume of type bind".to_owned(), key: "source" };
        Err(span.error(problem))
    }
}

fn device(node: &mut Node, base: Base<'_>) {
    if node.text_of("driver") != Some("local") {
        return;
    }
    if let Some(options) = node.get_mut("driver_opts")
        && options.text_of("o") == Some("bind")
        && let Some(device) = options.get_mut("device")
    {
        absolute_text(device, base);
    }
}
