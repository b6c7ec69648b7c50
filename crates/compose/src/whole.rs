//! Whether a file is meant to be laid over another one, or is whole.

use std::collections::BTreeSet;
use std::path::Path;

use backlot_yaml::{Entry, Node, Source, documents};

/// The names of a file's services if it stands on its own: each says what it is made of, and what they refer to is there. A
/// file that cannot be read is no such one; its error comes when it is loaded.
pub fn services_if_whole(file: &Path) -> Option<BTreeSet<String>> {
    let source = Source::read(file).ok()?;
    let documents = documents(&source).ok()?;
    let services: Vec<&Entry> =
        documents.iter().flat_map(|document| entries(document.get("services"))).collect();
    let names: BTreeSet<String> = services.iter().map(|entry| entry.key.clone()).collect();
    let names_of = |key: &str| -> BTreeSet<&str> {
        documents.iter().flat_map(|document| entries(document.get(key))).map(|e| e.key.as_str()).collect()
    };
    let (volumes, mut networks) = (names_of("volumes"), names_of("networks"));
    networks.insert("default");
    let is_whole = |Entry { value: service, .. }: &&Entry| {
        is_made_of_something(service)
            && listed(service.get("depends_on")).iter().all(|name| names.contains(*name))
            && listed(service.get("networks")).iter().all(|name| networks.contains(name))
            && mounted(service).iter().all(|name| volumes.contains(name))
    };
    (!names.is_empty() && services.iter().all(is_whole)).then_some(names)
}

fn is_made_of_something(service: &Node) -> bool {
    ["image", "build", "provider"].iter().any(|key| service.get(key).is_some_and(|node| !node.is_null()))
        || service.get("extends").is_some_and(|extends| extends.get("file").is_some())
}

fn entries(node: Option<&Node>) -> &[Entry] {
    node.and_then(Node::as_map).map(|map| map.entries.as_slice()).unwrap_or_default()
}

/// The members of a list, or the keys of a mapping.
fn listed(node: Option<&Node>) -> Vec<&str> {
    let items = node.and_then(Node::as_list).unwrap_or_default().iter().filter_map(Node::as_str);
    items.chain(entries(node).iter().map(|entry| entry.key.as_str())).collect()
}

/// The named volumes that a service mounts.
fn mounted(service: &Node) -> Vec<&str> {
    let is_name = |source: &&str| source.starts_with(|c: char| c.is_ascii_alphanumeric());
    let mounts = service.get("volumes").and_then(Node::as_list).unwrap_or_default().iter();
    mounts
        .filter_map(|mount| match mount.as_str() {
            Some(text) => text.split_once(':').map(|(source, _)| source),
            None if mount.get("type").and_then(Node::as_str) == Some("volume") => {
                mount.get("source")?.as_str()
            }
            None => None,
        })
        .filter(is_name)
        .collect()
}
