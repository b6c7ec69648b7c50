//! How one file's values meet those of another: Compose's rules for override files and `extends`.

use backlot_compose_schema::Path;
use backlot_yaml::{Entry, Map, Node, Span, Value};

use crate::error::{Error, Problem};

/// The keys at which the general rule (mappings merge, lists join, the rest is replaced) does not hold.
#[derive(Debug, Clone, Copy)]
enum Rule {
    /// The new value as a whole.
    Replace,
    /// A mapping becomes a list of `key=value`, then lists join; what comes later wins when they are made unique.
    Join,
    /// As [`Rule::Join`], without what is there already: a host may have several addresses.
    Hosts,
    /// A string is the mapping's `context`.
    Build,
    /// A list is a mapping of its members to their defaults.
    DependsOn,
    /// A list is a mapping of its members to nothing.
    Networks,
    /// Options of another driver do not mix.
    Logging,
    /// Pools are told apart by their subnet.
    IpamConfig,
}

const RULES: &[(&str, Rule)] = &[
    ("networks.*.ipam.config", Rule::IpamConfig),
    ("networks.*.labels", Rule::Join),
    ("volumes.*.labels", Rule::Join),
    ("services.*.annotations", Rule::Join),
    ("services.*.build", Rule::Build),
    ("services.*.build.args", Rule::Join),
    ("services.*.build.additional_contexts", Rule::Join),
    ("services.*.build.extra_hosts", Rule::Hosts),
    ("services.*.build.labels", Rule::Join),
    ("services.*.command", Rule::Replace),
    ("services.*.depends_on", Rule::DependsOn),
    ("services.*.deploy.labels", Rule::Join),
    ("services.*.dns", Rule::Join),
    ("services.*.dns_opt", Rule::Join),
    ("services.*.dns_search", Rule::Join),
    ("services.*.entrypoint", Rule::Replace),
    ("services.*.env_file", Rule::Join),
    ("services.*.environment", Rule::Join),
    ("services.*.extra_hosts", Rule::Hosts),
    ("services.*.healthcheck.test", Rule::Replace),
    ("services.*.label_file", Rule::Join),
    ("services.*.labels", Rule::Join),
    ("services.*.logging", Rule::Logging),
    ("services.*.models", Rule::Networks),
    ("services.*.networks", Rule::Networks),
    ("services.*.sysctls", Rule::Join),
    ("services.*.tmpfs", Rule::Join),
    ("services.*.ulimits.*", Rule::Replace),
    ("services.*.volumes.*.volume.labels", Rule::Join),
];

/// The tag of a value that goes away.
const RESET: &str = "reset";

pub(crate) fn is_reset(node: &Node) -> bool {
    node.tag.as_deref() == Some(RESET)
}

/// Whether a tag of Compose's own says how the value meets the one that it overrides.
fn is_marked(node: &Node) -> bool {
    is_reset(node) || node.tag.as_deref() == Some("override")
}

/// Puts `over` on top of `base`. Marks (`!reset`, `!override`) stay: what lies further below must meet them too.
pub(crate) fn merge(base: Node, over: Node, path: &Path<'_>) -> Result<Node, Error> {
    if is_marked(&over) || is_reset(&base) {
        return Ok(over);
    }
    let Some(rule) = path.find(RULES) else { return merge_plainly(base, over, path) };
    match rule {
        Rule::Replace => Ok(over),
        Rule::Join => join(base, over, path, false),
        Rule::Hosts => join(base, over, path, true),
        Rule::Build => merge_as_mappings(base, over, path, &|node| {
            let is_context = node.as_str().is_some();
            Ok(if is_context { wrap("context", node) } else { node })
        }),
        Rule::DependsOn => {
            merge_as_mappings(base, over, path, &|node| list_to_mapping(node, &default_dependency))
        }
        Rule::Networks => {
            let nothing = |span: &Span| Node::new(Value::Null, span.clone());
            merge_as_mappings(base, over, path, &|node| list_to_mapping(node, &nothing))
        }
        Rule::Logging => {
            let driver = |node: &Node| node.get("driver").cloned();
            let differ = matches!((driver(&base), driver(&over)), (Some(base), Some(over)) if base != over);
            if differ { Ok(over) } else { merge_plainly(base, over, path) }
        }
        Rule::IpamConfig => merge_pools(base, over, path),
    }
}

/// Drops what is marked `!reset` and forgets the other marks, once everything below has met them. Members of lists go only
/// with `members`: which other member one takes away is known only when lists are made unique.
pub(crate) fn settle_marks(node: &mut Node, members: bool) {
    node.tag.take_if(|tag| members || **tag != *RESET);
    match &mut node.value {
        Value::Map(map) => {
            map.entries.retain(|entry| !is_reset(&entry.value));
            map.entries.iter_mut().for_each(|entry| settle_marks(&mut entry.value, members));
        }
        Value::List(items) => {
            items.retain(|item| !(members && is_reset(item)));
            for item in items {
                settle_marks(item, members);
            }
        }
        Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::String(_) => {}
    }
}

fn merge_plainly(base: Node, over: Node, path: &Path<'_>) -> Result<Node, Error> {
    if over.is_null() {
        return Ok(base);
    }
    let kinds = (base.value.kind(), over.value.kind());
    match (base.value, over.value) {
        (Value::Map(base), Value::Map(map)) => {
            Ok(Node::new(Value::Map(merge_mappings(base, map, path)?), over.span))
        }
        (Value::List(mut items), Value::List(more)) => {
            items.extend(more);
            Ok(Node::new(Value::List(items), over.span))
        }
        (Value::Map(_) | Value::List(_), _) => {
            let problem = Problem::CannotOverride { at: path.to_string(), base: kinds.0, over: kinds.1 };
            Err(over.span.error(problem).with_hint("give both the same type, or tag this one !override"))
        }
        (_, value) => Ok(Node::new(value, over.span)),
    }
}

fn merge_mappings(mut base: Map, over: Map, path: &Path<'_>) -> Result<Map, Error> {
    for entry in over.entries {
        let Some(known) = base.get_mut(&entry.key) else {
            base.push(entry);
            continue;
        };
        if entry.key.starts_with("x-") {
            *known = entry.value;
            continue;
        }
        let below = std::mem::replace(known, Node::new(Value::Null, entry.key_span.clone()));
        *known = merge(below, entry.value, &path.key(&entry.key))?;
    }
    Ok(base)
}

/// Merges two values that each may have a short form.
fn merge_as_mappings(
    base: Node,
    over: Node,
    path: &Path<'_>,
    to_mapping: &dyn Fn(Node) -> Result<Node, Error>,
) -> Result<Node, Error> {
    merge_plainly(to_mapping(base)?, to_mapping(over)?, path)
}

fn wrap(key: &str, node: Node) -> Node {
    let span = node.span.clone();
    let mut map = Map::default();
    map.set(key, node.value, &span);
    Node::new(Value::Map(map), span)
}

/// What `depends_on: [name]` says about each name.
pub(crate) fn default_dependency(span: &Span) -> Node {
    let mut map = Map::default();
    map.set("condition", Value::String("service_started".to_owned()), span);
    map.set("required", Value::Bool(true), span);
    Node::new(Value::Map(map), span.clone())
}

/// Makes a list of names a mapping of them; another value stays what it is.
pub(crate) fn list_to_mapping(node: Node, default: &dyn Fn(&Span) -> Node) -> Result<Node, Error> {
    let Value::List(items) = node.value else { return Ok(node) };
    let mut map = Map::default();
    for item in items {
        let Value::String(key) = item.value else {
            return Err(item.wrong_type("a member of this list", "a string"));
        };
        let mut value = default(&item.span);
        value.tag = item.tag;
        map.insert(Entry { key, value, key_span: item.span });
    }
    Ok(Node::new(Value::Map(map), node.span))
}

fn join(base: Node, over: Node, path: &Path<'_>, skip_known: bool) -> Result<Node, Error> {
    let span = if over.is_null() { base.span.clone() } else { over.span.clone() };
    let mut items = to_sequence(base, path)?;
    let mut more = to_sequence(over, path)?;
    more.retain(|item| !(skip_known && !is_marked(item) && items.contains(item)));
    items.extend(more);
    Ok(Node::new(Value::List(items), span))
}

fn to_sequence(node: Node, path: &Path<'_>) -> Result<Vec<Node>, Error> {
    match node.value {
        Value::Null => Ok(Vec::new()),
        Value::List(items) => Ok(items),
        Value::Map(map) => {
            let mut items = Vec::new();
            for entry in map.entries {
                pairs(entry, path, &mut items)?;
            }
            items.sort_by(|a, b| a.as_str().cmp(&b.as_str()));
            Ok(items)
        }
        Value::String(_) => Ok(vec![node]),
        Value::Bool(_) | Value::Int(_) | Value::Float(_) => {
            Err(node.wrong_type(path.to_string(), "a mapping or a list"))
        }
    }
}

/// A mapping's entry as `key=value`; without a value as `key`, with several as several.
fn pairs(entry: Entry, path: &Path<'_>, into: &mut Vec<Node>) -> Result<(), Error> {
    let Entry { key, value: node, .. } = entry;
    if is_reset(&node) {
        let mut member = Node::string(key, node.span);
        member.tag = node.tag;
        into.push(member);
        return Ok(());
    }
    match &node.value {
        Value::Null => into.push(Node::string(key, node.span)),
        Value::List(values) => {
            let text = |value: &Node| value.value.scalar_text().unwrap_or_default();
            into.extend(
                values.iter().map(|value| Node::string(format!("{key}={}", text(value)), value.span.clone())),
            );
        }
        Value::Map(_) => {
            let at = path.key(&key).to_string();
            return Err(node.wrong_type(at, "a string, number, boolean or nothing"));
        }
        Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::String(_) => {
            let text = node.value.scalar_text().unwrap_or_default();
            into.push(Node::string(format!("{key}={text}"), node.span));
        }
    }
    Ok(())
}

/// Pools with the same subnet merge, others join.
fn merge_pools(base: Node, over: Node, path: &Path<'_>) -> Result<Node, Error> {
    let (Value::List(mut pools), Value::List(more)) = (base.value.clone(), over.value.clone()) else {
        return merge_plainly(base, over, path);
    };
    for pool in more {
        let subnet = pool.get("subnet").cloned();
        match pools.iter_mut().find(|known| known.get("subnet").cloned() == subnet) {
            Some(known) => *known = merge_plainly(known.clone(), pool, path)?,
            None => pools.push(pool),
        }
    }
    Ok(Node::new(Value::List(pools), over.span))
}
