//! Services that extend others, of the same file or of another.

use std::collections::HashMap;
use std::path::{Path as FilePath, PathBuf};

use backlot_compose_schema::Path;
use backlot_yaml::{Map, Node, Problem as YamlProblem, Span, Value};

use crate::error::{Error, Problem};
use crate::merge::merge;
use crate::reader::{Context, Reader};
use crate::resolve::is_remote;

/// How many services one may extend in a row.
const MAX_CHAIN: usize = 64;

/// Replaces every service that extends another by the two merged.
pub(crate) fn apply_extends(
    reader: &mut Reader,
    document: &mut Node,
    file: &FilePath,
    context: &Context<'_>,
) -> Result<(), Error> {
    let services = document.get_mut("services").and_then(Node::as_map_mut);
    let Some(services) = services else { return Ok(()) };
    if !services.entries.iter().any(|entry| entry.value.get("extends").is_some()) {
        return Ok(());
    }
    let mut extender = Extender { reader, context, files: HashMap::new() };
    let original = services.clone();
    for entry in &mut services.entries {
        let chain = &mut vec![(file.to_owned(), entry.key.clone())];
        entry.value = extender.extend(entry.value.clone(), &original, file, chain)?;
    }
    Ok(())
}

struct Extender<'e, 'c> {
    reader: &'e mut Reader,
    context: &'e Context<'c>,
    /// The services of other files, already loaded.
    files: HashMap<PathBuf, Map>,
}

impl Extender<'_, '_> {
    /// Merges a service over what it extends. `chain` is what led here, this service last.
    fn extend(
        &mut self,
        mut service: Node,
        siblings: &Map,
        file: &FilePath,
        chain: &mut Vec<(PathBuf, String)>,
    ) -> Result<Node, Error> {
        let Some(extends) = service.as_map_mut().and_then(|service| service.remove("extends")) else {
            return Ok(service);
        };
        let (name, base_file, span) = self.reference(&extends.value)?;
        let from_elsewhere = match &base_file {
            Some(path) => Some(self.services_of(path, &span)?),
            None => None,
        };
        let base_siblings = from_elsewhere.as_ref().unwrap_or(siblings);
        let base_path = base_file.as_deref().unwrap_or(file);
        let this = chain.last().map(|(_, name)| name.clone()).unwrap_or_default();
        let Some(base) = base_siblings.get(&name).cloned() else {
            let problem = Problem::ServiceUndefined { service: this, verb: "extends", target: name };
            return Err(span.error(problem).with_hint(defined(base_siblings, base_path)));
        };
        let step = (base_path.to_owned(), name);
        let seen = chain.contains(&step);
        chain.push(step);
        if seen {
            let path = chain.iter().map(|(_, name)| name.clone()).collect();
            return Err(span.error(Problem::Cycle { what: "`extends`", path }));
        }
        if chain.len() > MAX_CHAIN {
            return Err(span.error(Problem::ChainTooLong { what: "`extends`", limit: MAX_CHAIN }));
        }
        self.reader.count_copy(&base)?;
        let base = self.extend(base, base_siblings, base_path, chain)?;
        chain.pop();
        if base.is_null() {
            return Ok(service);
        }
        let services = Path::Root.key("services");
        merge(base, service, &services.key(&this))
    }

    /// The service that is extended, and its file when that is another one.
    fn reference(&self, extends: &Node) -> Result<(String, Option<PathBuf>, Span), Error> {
        match &extends.value {
            Value::String(name) => Ok((name.clone(), None, extends.span.clone())),
            Value::Map(map) => {
                let Some(service) = map.get("service") else {
                    return Err(extends
                        .span
                        .error(YamlProblem::KeyMissing { at: "extends".to_owned(), key: "service" }));
                };
                let name =
                    service.as_str().ok_or_else(|| service.wrong_type("extends.service", "a string"))?;
                let file = match map.get("file") {
                    None => None,
                    Some(file) => {
                        let path =
                            file.as_str().ok_or_else(|| file.wrong_type("extends.file", "a string"))?;
                        if is_remote(path) {
                            return Err(file.span.error(Problem::Remote { path: path.to_owned() }));
                        }
                        Some(PathBuf::from(self.reader.base(self.context.working_dir).absolute(path)))
                    }
                };
                Ok((name.to_owned(), file, service.span.clone()))
            }
            Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::List(_) => {
                Err(extends.wrong_type("extends", "a string or a mapping"))
            }
        }
    }

    fn services_of(&mut self, path: &FilePath, span: &Span) -> Result<Map, Error> {
        if let Some(services) = self.files.get(path) {
            return Ok(services.clone());
        }
        if !path.exists() {
            return Err(span.error(Problem::FileMissing { path: path.to_owned() }));
        }
        let mut model = self.reader.load_base(path, self.context)?;
        let entry = model.as_map_mut().and_then(|model| model.remove("services"));
        let services = entry.and_then(|entry| entry.value.as_map().cloned()).unwrap_or_default();
        self.files.insert(path.to_owned(), services.clone());
        Ok(services)
    }
}

fn defined(services: &Map, file: &FilePath) -> String {
    let names: Vec<&str> = services.entries.iter().map(|entry| entry.key.as_str()).take(10).collect();
    match names.as_slice() {
        [] => format!("{} defines no services", file.display()),
        _ => format!("{} defines {}", file.display(), names.join(", ")),
    }
}
