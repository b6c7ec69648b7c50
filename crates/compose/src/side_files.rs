//! The files that services take variables and labels from.

use std::collections::BTreeMap;
use std::path::PathBuf;

use backlot_yaml::{Entry, Map, Node, Problem as YamlProblem, Span, Value};

use crate::error::{Error, Problem};
use crate::interpolate::Variables;
use crate::reader::Reader;

/// How many bytes the values of all services may have in all: one large file can be used by many of them.
const MAX_BYTES: usize = 64 * 1024 * 1024;

/// Puts what every service's `env_file` and `label_file` say below its `environment` and `labels`.
pub(crate) fn read_side_files(
    reader: &mut Reader,
    model: &mut Node,
    variables: &Variables,
) -> Result<(), Error> {
    let none = Variables::new();
    let mut bytes = 0;
    let Some(services) = model.as_map_mut().and_then(|model| model.get_mut("services")) else {
        return Ok(());
    };
    for Entry { value, .. } in services.as_map_mut().map(|map| map.entries.iter_mut()).into_iter().flatten() {
        let Some(service) = value.as_map_mut() else { continue };
        bytes += read_below(reader, service, "env_file", "environment", variables)?;
        bytes += read_below(reader, service, "label_file", "labels", &none)?;
        if bytes > MAX_BYTES {
            return Err(value.span.error(Problem::TooMuchText { limit: MAX_BYTES }));
        }
    }
    Ok(())
}

/// Replaces the files under `files_key` by what they say, below what the service says under `key`; how many bytes that is.
fn read_below(
    reader: &mut Reader,
    service: &mut Map,
    files_key: &str,
    key: &str,
    variables: &Variables,
) -> Result<usize, Error> {
    let Some(Entry { key_span, value: files, .. }) = service.remove(files_key) else { return Ok(0) };
    let mut values = Map::default();
    for file in files.as_list().unwrap_or_default() {
        read_file(reader, file, &mut values, variables)?;
    }
    if let Some(Entry { value: own, .. }) = service.remove(key) {
        own.as_map().into_iter().flat_map(|own| &own.entries).for_each(|entry| values.insert(entry.clone()));
        own.as_list().unwrap_or_default().iter().for_each(|item| insert_pair(&mut values, item));
    }
    let bytes = values.entries.iter().filter_map(|entry| entry.value.as_str()).map(str::len).sum();
    service.set(key, Value::Map(values), &key_span);
    Ok(bytes)
}

fn insert_pair(values: &mut Map, item: &Node) {
    let text = item.as_str().unwrap_or_default();
    match text.split_once('=') {
        Some((name, value)) => values.set(name, Value::String(value.to_owned()), &item.span),
        None => values.set(text, Value::Null, &item.span),
    }
}

fn read_file(reader: &mut Reader, file: &Node, into: &mut Map, variables: &Variables) -> Result<(), Error> {
    let path = file.as_str().or_else(|| file.get("path")?.as_str());
    let Some(path) = path.map(PathBuf::from) else { return Ok(()) };
    let is_raw = match file.get("format").map(|format| (format.as_str(), format)) {
        None | Some((Some("" | ".env"), _)) => false,
        Some((Some("raw"), _)) => true,
        Some((value, format)) => {
            let (at, value) = ("env_file.format".to_owned(), value.unwrap_or_default().to_owned());
            let problem = YamlProblem::NotAllowed { at, value, allowed: vec!["raw".to_owned()] };
            return Err(format.span.error(problem).with_hint("write raw, or leave the format out"));
        }
    };
    if !path.exists() {
        let required = file.get("required").is_none_or(|required| required.value != Value::Bool(false));
        return if required { Err(missing(&file.span, path)) } else { Ok(()) };
    }
    let earlier: BTreeMap<String, String> = into
        .entries
        .iter()
        .filter_map(|entry| Some((entry.key.clone(), entry.value.as_str()?.to_owned())))
        .collect();
    let outer = |name: &str| earlier.get(name).or_else(|| variables.get(name)).cloned();
    let read = if is_raw { reader.raw_env_file(&path, &outer)? } else { reader.env_file(&path, &outer)? };
    for (name, value) in read {
        into.set(&name, Value::String(value), &file.span);
    }
    Ok(())
}

fn missing(span: &Span, path: PathBuf) -> Error {
    span.error(Problem::EnvFileMissing { path }).with_hint("create it, or say required: false")
}
