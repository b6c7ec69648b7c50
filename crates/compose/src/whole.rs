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
        documents.iter().flat_map(|document| document.entries_of("services")).collect();
    let names: BTreeSet<String> = services.iter().map(|entry| entry.key.clone()).collect();
    let names_of = |key: &str| -> BTreeSet<&str> {
        documents.iter().flat_map(|document| document.entries_of(key)).map(|e| e.key.as_str()).collect()
    };
    let (volumes, mut networks) = (names_of("volumes"), names_of("networks"));
    networks.insert("default");
    let is_whole = |Entry { value: service, .. }: &&Entry| {
        is_made_of_something(service)
            && listed(service, "depends_on").iter().all(|name| names.contains(*name))
            && listed(service, "networks").iter().all(|name| networks.contains(name))
            && mounted(service).iter().all(|name| volumes.contains(name))
    };
    (!names.is_empty() && services.iter().all(is_whole)).then_some(names)
}

fn is_made_of_something(service: &Node) -> bool {
    ["image", "build", "provider"].iter().any(|key| service.get(key).is_some_and(|node| !node.is_null()))
        || service.get("extends").is_some_and(|extends| extends.get("file").is_some())
}

/// The members of the list under a key, or the keys of the mapping.
fn listed<'n>(service: &'n Node, key: &str) -> Vec<&'n str> {
    let items = service.items_of(key).iter().filter_map(Node::as_str);
    items.chain(service.entries_of(key).iter().map(|entry| entry.key.as_str())).collect()
}

/// The named volumes that a service mounts.
fn mounted(service: &Node) -> Vec<&str> {
    let is_name = |source: &&str| source.starts_with(|c: char| c.is_ascii_alphanumeric());
    let mounts = service.items_of("volumes").iter();
    mounts
        .filter_map(|mount| match mount.as_str() {
            Some(text) => text.split_once(':').map(|(source, _)| source),
            None if mount.text_of("type") == Some("volume") => mount.text_of("source"),
            None => None,
        })
        .filter(is_name)
        .collect()
}
