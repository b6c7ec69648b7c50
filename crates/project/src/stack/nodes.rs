//! What is under the keys of a resolved model.

use std::time::Duration;

use backlot_compose::parse_duration;
use backlot_yaml::Node;

/// The scalar under a key as text; `None` for an empty one.
pub(super) fn text(node: &Node, key: &str) -> Option<String> {
    node.get(key).and_then(|node| node.value.scalar_text()).filter(|text| !text.is_empty())
}

/// The scalars of the list under a key as texts.
pub(super) fn texts(node: &Node, key: &str) -> Vec<String> {
    node.items_of(key).iter().filter_map(|item| item.value.scalar_text()).collect()
}

/// The duration under a key.
pub(super) fn duration(node: &Node, key: &str) -> Option<Duration> {
    node.text_of(key).and_then(parse_duration)
}
