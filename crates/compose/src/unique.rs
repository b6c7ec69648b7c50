//! Lists in which a later entry replaces an earlier one that means the same.

use std::collections::HashMap;

use backlot_compose_schema::Path;
use backlot_yaml::{Node, Value};

use crate::error::Error;
use crate::merge::is_reset;
use crate::volume::parse_volume;

/// What makes two entries of a list the same.
#[derive(Debug, Clone, Copy)]
enum Identity {
    /// What stands before `=`.
    Name,
    /// Where a volume is mounted.
    VolumeTarget,
    /// The path in the container.
    DeviceTarget,
    /// The text itself.
    Text,
    /// Where a secret or config is mounted; the default folder of a short one is given.
    MountTarget(&'static str),
    /// All that a port says.
    Port,
    /// The file's path.
    EnvFile,
}

const LISTS: &[(&str, Identity)] = &[
    ("networks.*.labels", Identity::Name),
    ("networks.*.ipam.options", Identity::Name),
    ("services.*.annotations", Identity::Name),
    ("services.*.build.args", Identity::Name),
    ("services.*.build.additional_contexts", Identity::Name),
    ("services.*.build.tags", Identity::Name),
    ("services.*.build.labels", Identity::Name),
    ("services.*.cap_add", Identity::Name),
    ("services.*.cap_drop", Identity::Name),
    ("services.*.configs", Identity::MountTarget("")),
    ("services.*.deploy.labels", Identity::Name),
    ("services.*.devices", Identity::DeviceTarget),
    ("services.*.dns", Identity::Name),
    ("services.*.dns_opt", Identity::Name),
    ("services.*.dns_search", Identity::Name),
    ("services.*.environment", Identity::Name),
    ("services.*.env_file", Identity::EnvFile),
    ("services.*.expose", Identity::Text),
    ("services.*.labels", Identity::Name),
    ("services.*.links", Identity::Name),
    ("services.*.networks.*.aliases", Identity::Name),
    ("services.*.networks.*.link_local_ips", Identity::Name),
    ("services.*.ports", Identity::Port),
    ("services.*.profiles", Identity::Name),
    ("services.*.secrets", Identity::MountTarget("/run/secrets")),
    ("services.*.sysctls", Identity::Name),
    ("services.*.tmpfs", Identity::Name),
    ("services.*.volumes", Identity::VolumeTarget),
];

/// Makes the lists of a model unique: a later entry takes the place of the earlier one.
pub(crate) fn make_unique(node: &mut Node, path: &Path<'_>) -> Result<(), Error> {
    match &mut node.value {
        Value::Map(map) => {
            for entry in &mut map.entries {
                make_unique(&mut entry.value, &path.key(&entry.key))?;
            }
        }
        Value::List(items) => {
            let identity = path.find(LISTS);
            reset(items, identity)?;
            if let Some(identity) = identity {
                *items = unique(std::mem::take(items), identity)?;
            }
        }
        Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::String(_) => {}
    }
    Ok(())
}

/// Takes away what members marked `!reset` mean: those before them that are the same.
fn reset(items: &mut Vec<Node>, identity: Option<Identity>) -> Result<(), Error> {
    if !items.iter().any(is_reset) {
        return Ok(());
    }
    let key = |item: &Node| identity.map_or(Ok(None), |identity| key_of(item, identity));
    let mut kept: Vec<Node> = Vec::with_capacity(items.len());
    for item in std::mem::take(items) {
        if is_reset(&item) {
            let meant = key(&item)?;
            let mut earlier = Vec::with_capacity(kept.len());
            for known in kept {
                let is_meant = known == item || (meant.is_some() && key(&known)? == meant);
                if !is_meant {
                    earlier.push(known);
                }
            }
            kept = earlier;
        }
        kept.push(item);
    }
    *items = kept;
    Ok(())
}

fn unique(items: Vec<Node>, identity: Identity) -> Result<Vec<Node>, Error> {
    let mut kept: Vec<Node> = Vec::with_capacity(items.len());
    let mut places: HashMap<String, usize> = HashMap::new();
    for item in items {
        // What has no identity is wrong in a way that the check of types tells better.
        let Some(key) = key_of(&item, identity)? else {
            kept.push(item);
            continue;
        };
        if let Some(place) = places.get(&key) {
            kept[*place] = item;
        } else {
            places.insert(key, kept.len());
            kept.push(item);
        }
    }
    Ok(kept)
}

fn key_of(item: &Node, identity: Identity) -> Result<Option<String>, Error> {
    let text = item.value.scalar_text();
    let field = |name: &str| item.get(name).and_then(|node| node.value.scalar_text());
    let key = match identity {
        Identity::Name => {
            text.map(|text| text.split_once('=').map_or(text.clone(), |(name, _)| name.to_owned()))
        }
        Identity::Text => text,
        Identity::EnvFile => text.or_else(|| field("path")),
        Identity::MountTarget(folder) => match text {
            Some(source) => Some(format!("{folder}/{source}")),
            None => field("target").or_else(|| Some(format!("{folder}/{}", field("source")?))),
        },
        Identity::DeviceTarget => match item.as_str() {
            Some(text) => text.split(':').nth(1).or(Some(text)).map(str::to_owned),
            None => field("target"),
        },
        Identity::VolumeTarget => match item.as_str() {
            Some(text) => Some(parse_volume(text, &item.span)?.target),
            None => field("target"),
        },
        Identity::Port => match text {
            Some(text) => Some(text),
            None => field("target").map(|target| {
                let or = |name: &str, default: &str| field(name).unwrap_or_else(|| default.to_owned());
                let (host, published) = (or("host_ip", "0.0.0.0"), or("published", ""));
                format!("{host}:{published}:{target}/{}", or("protocol", "tcp"))
            }),
        },
    };
    Ok(key)
}
