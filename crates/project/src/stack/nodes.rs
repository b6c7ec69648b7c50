//! What is under the keys of a resolved model.

use std::time::Duration;

use backlot_compose::parse_duration;
use backlot_yaml::{Entry, Node, Value};

/// The entries of a mapping.
pub(super) fn entries(node: Option<&Node>) -> &[Entry] {
    node.and_then(Node::as_map).map(|map| map.entries.as_slice()).unwrap_or_default()
}

/// The items of the list under a key.
pub(super) fn list<'n>(node: &'n Node, key: &str) -> &'n [Node] {
    node.get(key).and_then(Node::as_list).unwrap_or_default()
}

/// The scalar under a key as text; `None` for an empty one.
pub(super) fn text(node: &Node, key: &str) -> Option<String> {
    node.get(key).and_then(|node| node.value.scalar_text()).filter(|text| !text.is_empty())
}

/// The scalars of the list under a key as texts.
pub(super) fn texts(node: &Node, key: &str) -> Vec<String> {
    list(node, key).iter().filter_map(|item| item.value.scalar_text()).collect()
}

/// Whether the value under a key is `true`.
pub(super) fn flag(node: &Node, key: &str) -> bool {
    node.get(key).is_some_and(|node| node.value == Value::Bool(true))
}

/// The duration under a key.
pub(super) fn duration(node: &Node, key: &str) -> Option<Duration> {
    node.get(key).and_then(Node::as_str).and_then(parse_duration)
}
