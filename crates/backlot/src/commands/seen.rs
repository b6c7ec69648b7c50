//! What services see: their mounts and the names that they know.

use std::collections::BTreeMap;

use backlot_engine::{Engine, EngineKind, Mount, Named, Site, What, names};
use backlot_project::Environment;
use backlot_supervisor::{Answer, ReplicaReport, Request, ServiceReport};
use serde_json::{Value, json};

use crate::context::Context;

/// Where names are, for a service that has its own.
const HOSTS: &str = "/etc/hosts";

/// What a service sees that the machine does not have so.
pub struct Seen {
    mounts: Vec<Mount>,
    /// What each name leads to; none where names are the machine's.
    names: Option<BTreeMap<String, Value>>,
}

/// What a service of a running environment sees; none where it sees the machine, or a container's own world.
pub fn of(
    service: &ServiceReport,
    (site, engine): (&Site, &dyn Engine),
    environment: Option<&Environment>,
    context: &Context,
) -> Option<Seen> {
    if engine.kind() == EngineKind::Docker {
        return None;
    }
    let request = Request::Describe { service: service.name.clone() };
    // One that has just gone sees nothing.
    let Ok(Answer::Described(described)) = engine.ask(site, &request, &context.interrupted, &mut |_| {})
    else {
        return None;
    };
    let mounts = described.mounts;
    let has_names = mounts.iter().any(|mount| mount.target.as_os_str() == HOSTS);
    let stack = environment.map(|environment| &environment.stack).filter(|_| has_names);
    let known = stack.and_then(|stack| Some(names(stack.services.get(&service.name)?, stack)));
    let names = known.map(|known| known.into_iter().map(|(name, named)| (name, led(&named))).collect());
    (!mounts.is_empty()).then_some(Seen { mounts, names })
}

/// Where a name leads: a service, this machine, addresses, or the service that asks.
fn led(named: &Named<'_>) -> Value {
    match named {
        Named::Service(service) => json!({ "service": service }),
        Named::Machine => json!({ "machine": true }),
        Named::Addresses(addresses) => json!({ "addresses": addresses }),
        Named::Itself => json!({ "itself": true }),
    }
}

impl Seen {
    pub fn in_json(&self) -> Value {
        let mount = |mount: &Mount| {
            let source = match &mount.what {
                What::Path(path) => Some(path),
                What::Tmpfs { .. } | What::Kept(_) => None,
            };
            json!({ "target": mount.target, "source": source, "read_only": mount.read_only })
        };
        json!({ "mounts": self.mounts.iter().map(mount).collect::<Vec<_>>(), "names": self.names })
    }

    /// A line each.
    pub fn lines(&self) -> Vec<String> {
        let mount = |mount: &Mount| {
            let what = match &mount.what {
                What::Path(path) => path.display().to_string(),
                What::Tmpfs { .. } => "memory".to_owned(),
                What::Kept(folder) => format!("a folder of each replica's own in {}", folder.display()),
            };
            let how = if mount.read_only { " (read-only)" } else { "" };
            format!("{} ← {what}{how}", mount.target.display())
        };
        let name = |(name, led): (&String, &Value)| {
            let addresses = led["addresses"].as_array().into_iter().flatten().filter_map(Value::as_str);
            let to = match led["service"].as_str() {
                Some(service) => service.to_owned(),
                None if led["machine"] == true => "this machine".to_owned(),
                None if led["itself"] == true => "itself".to_owned(),
                None => addresses.collect::<Vec<_>>().join(", "),
            };
            format!("{name} → {to}")
        };
        self.mounts.iter().map(mount).chain(self.names.iter().flatten().map(name)).collect()
    }
}

/// Where a replica's ports really are; none where it has no address of its own.
pub fn ports(service: &str, replica: &ReplicaReport) -> Option<String> {
    let own = replica.own?;
    let ports: Vec<String> = replica.ports.iter().map(|(port, place)| format!("{port} → {place}")).collect();
    let ports = if ports.is_empty() { "no port".to_owned() } else { ports.join(", ") };
    Some(format!("{service}-{} is {own}: {ports}", replica.number))
}
