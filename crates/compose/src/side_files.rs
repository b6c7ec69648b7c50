//! The files that services take variables and labels from.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use backlot_yaml::{Entry, Map, Node, Value};

use crate::error::{Error, Problem};
use crate::example;
use crate::interpolate::Variables;
use crate::reader::Reader;

/// How many bytes the values of all services may have in all: one large file can be used by many of them.
const MAX_BYTES: usize = 64 * 1024 * 1024;

/// Puts what every service's `env_file` and `label_file` say below its `environment` and `labels`; the services of which one
/// could not be read, which is noted.
pub(crate) fn read_side_files(
    reader: &mut Reader,
    model: &mut Node,
    variables: &Variables,
) -> Result<BTreeSet<String>, Error> {
    let none = Variables::new();
    let (mut bytes, mut without) = (0, BTreeSet::new());
    for Entry { key: name, value, .. } in model.entries_of_mut("services") {
        let Some(service) = value.as_map_mut() else { continue };
        let before = reader.faults.len();
        for (files, key, variables) in
            [("env_file", "environment", variables), ("label_file", "labels", &none)]
        {
            bytes += read_below(reader, service, files, key, variables);
        }
        if reader.faults.len() > before {
            without.insert(name.clone());
        }
        if bytes > MAX_BYTES {
            return Err(value.span.error(Problem::TooMuchText { limit: MAX_BYTES }));
        }
    }
    Ok(without)
}

/// Replaces the files under `files_key` by what they say, below what the service says under `key`; how many bytes that is.
fn read_below(
    reader: &mut Reader,
    service: &mut Map,
    files_key: &str,
    key: &str,
    variables: &Variables,
) -> usize {
    let Some(Entry { key_span, value: files, .. }) = service.remove(files_key) else { return 0 };
    let (mut values, mut own) = (Map::default(), Map::default());
    if let Some(Entry { value, .. }) = service.remove(key) {
        value.entries().iter().for_each(|entry| own.insert(entry.clone()));
        value.items().iter().for_each(|item| insert_pair(&mut own, item));
    }
    for file in files.items() {
        let fault = read_file(reader, file, &mut values, &own, variables).err();
        reader.faults.extend(fault);
    }
    own.entries.into_iter().for_each(|entry| values.insert(entry));
    let bytes = values.entries.iter().filter_map(|entry| entry.value.as_str()).map(str::len).sum();
    service.set(key, Value::Map(values), &key_span);
    bytes
}

fn insert_pair(values: &mut Map, item: &Node) {
    let text = item.as_str().unwrap_or_default();
    match text.split_once('=') {
        Some((name, value)) => values.set(name, Value::String(value.to_owned()), &item.span),
        None => values.set(text, Value::Null, &item.span),
    }
}

/// Adds what `file` says. Its references (`$NAME`) mean the project's variables, else what the service itself says, else what
/// an earlier file does.
fn read_file(
    reader: &mut Reader,
    file: &Node,
    into: &mut Map,
    own: &Map,
    variables: &Variables,
) -> Result<(), Error> {
    let path = file.as_str().or_else(|| file.text_of("path"));
    let Some(path) = path.map(PathBuf::from) else { return Ok(()) };
    let is_raw = match file.get("format").map(|format| (format.as_str(), format)) {
        None | Some((Some("" | ".env"), _)) => false,
        Some((Some("raw"), _)) => true,
        Some((_, format)) => {
            let error = format.not_allowed("env_file.format", &["raw"]);
            return Err(error.with_hint("write raw, or leave the format out"));
        }
    };
    if !path.exists() {
        if file.says("required", false) {
            return Ok(());
        }
        let hint = example::way_out(&path).unwrap_or_else(|| "create it, or say required: false".to_owned());
        return Err(file.span.error(Problem::EnvFileMissing { path }).with_hint(hint));
    }
    let below: BTreeMap<String, String> = [&*into, own]
        .into_iter()
        .flat_map(|map| &map.entries)
        .filter_map(|entry| Some((entry.key.clone(), entry.value.as_str()?.to_owned())))
        .collect();
    let outer = |name: &str| variables.get(name).or_else(|| below.get(name)).cloned();
    let read = if is_raw { reader.raw_env_file(&path, &outer)? } else { reader.env_file(&path, &outer)? };
    for (name, value) in read {
        into.set(&name, Value::String(value), &file.span);
    }
    Ok(())
}
