//! From a resolved model to typed services.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use super::network;
use super::nodes::{duration, text, texts};
use super::parts;
use super::shared::share_builds;
use super::taken::take_volumes;
use super::{
    Build, FileGrant, FileSource, HealthTest, Healthcheck, Hook, Mount, MountKind, Network, Service, Stack,
    Volume, WatchAction, WatchRule,
};
use crate::keys::unhonoured;
use crate::stack::extension;
use backlot_compose::{Base, Error, is_remote, render};
use backlot_plan::{Condition, Dependency};
use backlot_yaml::{Entry, Node};

/// How long a service may take to stop when it does not say.
const DEFAULT_GRACE_PERIOD: Duration = Duration::from_secs(10);

/// Makes the stack of a model.
pub(crate) fn extract(model: &Node, base: Base<'_>) -> Result<Stack, Error> {
    let mut services = BTreeMap::new();
    for Entry { key, key_span, value } in model.entries_of("services") {
        let mut service = service(key, value, base)?;
        service.location = key_span.location();
        services.insert(key.clone(), service);
    }
    share_builds(&mut services);
    take_volumes(&mut services, model);
    let sources = |key: &str| {
        model.entries_of(key).iter().filter_map(|e| Some((e.key.clone(), file_source(&e.value)?))).collect()
    };
    let volumes: BTreeMap<String, Volume> =
        model.entries_of("volumes").iter().map(|e| (e.key.clone(), volume(&e.value))).collect();
    let mounts = services.values_mut().flat_map(|service| &mut service.volumes);
    mounts.for_each(|mount| mount.read_only |= is_read_only(&mount.kind, &volumes));
    Ok(Stack {
        name: text(model, "name").unwrap_or_default(),
        working_dir: base.dir.to_owned(),
        services,
        on_call: BTreeSet::new(),
        off: BTreeSet::new(),
        networks: model.entries_of("networks").iter().map(|e| (e.key.clone(), network(e))).collect(),
        volumes,
        secrets: sources("secrets"),
        configs: sources("configs"),
        throwaway: false,
        extension: extension::of_stack(model, base)?,
        unhonoured: unhonoured(model),
        given: BTreeMap::new(),
        resolved: render(model)?,
    })
}

fn service(name: &str, node: &Node, base: Base<'_>) -> Result<Service, Error> {
    let ports = node.items_of("ports").iter().map(parts::port).collect::<Result<Vec<_>, _>>()?;
    Ok(Service {
        name: name.to_owned(),
        image: text(node, "image").map(|image| parts::image(&image)),
        build: node.get("build").map(build),
        provider: node.get("provider").and_then(|provider| text(provider, "type")),
        command: node.get("command").map(parts::words).transpose()?.flatten(),
        entrypoint: node.get("entrypoint").map(parts::words).transpose()?.flatten(),
        environment: open_pairs(node, "environment"),
        labels: pairs(node, "labels"),
        ports: ports.into_iter().flatten().collect(),
        expose: texts(node, "expose"),
        volumes: node
            .items_of("volumes")
            .iter()
            .map(mount)
            .chain(one_or_more(node, "tmpfs").iter().map(|path| memory(path)))
            .collect(),
        depends_on: node
            .entries_of("depends_on")
            .iter()
            .map(|e| (e.key.clone(), dependency(&e.value)))
            .collect(),
        healthcheck: node.get("healthcheck").filter(|check| !check.is_null()).map(healthcheck),
        post_start: hooks(node, "post_start")?,
        pre_stop: hooks(node, "pre_stop")?,
        watch: watch_rules(node)?,
        restart: parts::restart(node)?,
        stop_grace_period: duration(node, "stop_grace_period").unwrap_or(DEFAULT_GRACE_PERIOD),
        stop_signal: text(node, "stop_signal"),
        working_dir: text(node, "working_dir"),
        user: text(node, "user"),
        reads_on: node.says("stdin_open", true) || node.says("tty", true),
        network_mode: network::mode(node),
        networks: network::joined(node),
        container_name: text(node, "container_name"),
        hostname: text(node, "hostname"),
        domainname: text(node, "domainname"),
        links: network::links(node, "links"),
        external_links: network::links(node, "external_links"),
        extra_hosts: network::extra_hosts(node),
        secrets: node.items_of("secrets").iter().filter_map(grant).collect(),
        configs: node.items_of("configs").iter().filter_map(grant).collect(),
        profiles: texts(node, "profiles"),
        replicas: parts::replicas(node)?,
        extension: extension::of_service(node, base)?,
        location: node.span.location(),
    })
}

/// Whether a volume's driver mounts it for reading alone (`o: bind,ro`).
fn is_read_only(kind: &MountKind, volumes: &BTreeMap<String, Volume>) -> bool {
    let MountKind::Volume { source: Some(key) } = kind else { return false };
    let options = volumes.get(key).and_then(|volume| volume.options.get("o"));
    options.is_some_and(|options| options.split(',').any(|option| option.trim() == "ro"))
}

/// A mapping, or a list of `key=value`.
fn open_pairs(node: &Node, key: &str) -> BTreeMap<String, Option<String>> {
    let from_map = node.entries_of(key).iter().map(|e| (e.key.clone(), e.value.value.scalar_text()));
    let items = node.items_of(key).iter().filter_map(Node::as_str);
    let from_list = items.map(|item| match item.split_once('=') {
        Some((key, value)) => (key.to_owned(), Some(value.to_owned())),
        None => (item.to_owned(), None),
    });
    from_map.chain(from_list).collect()
}

fn pairs(node: &Node, key: &str) -> BTreeMap<String, String> {
    open_pairs(node, key).into_iter().map(|(key, value)| (key, value.unwrap_or_default())).collect()
}

fn build(node: &Node) -> Build {
    let context = text(node, "context").unwrap_or_default();
    let dockerfile = text(node, "dockerfile").unwrap_or_else(|| "Dockerfile".to_owned());
    let dockerfile = if is_remote(&context) {
        PathBuf::from(dockerfile)
    } else {
        PathBuf::from(&context).join(dockerfile)
    };
    Build {
        context: PathBuf::from(context),
        dockerfile,
        dockerfile_inline: text(node, "dockerfile_inline"),
        target: text(node, "target"),
        args: open_pairs(node, "args"),
    }
}

fn mount(node: &Node) -> Mount {
    let source = text(node, "source");
    let kind = match text(node, "type").as_deref() {
        Some("bind") => MountKind::Bind { source: PathBuf::from(source.unwrap_or_default()) },
        Some("volume") => MountKind::Volume { source },
        Some("tmpfs") => {
            let of = |key: &str| node.get("tmpfs").and_then(|tmpfs| text(tmpfs, key));
            MountKind::Tmpfs {
                size: of("size").and_then(|size| bytes(&size)),
                mode: of("mode").and_then(|mode| mode.parse().ok()),
            }
        }
        kind => MountKind::Other { kind: kind.unwrap_or_default().to_owned(), source },
    };
    Mount {
        kind,
        target: text(node, "target").unwrap_or_default(),
        read_only: node.says("read_only", true),
        subpath: node.get("volume").and_then(|volume| text(volume, "subpath")).map(PathBuf::from),
        creates_source: !node.get("bind").is_some_and(|bind| bind.says("create_host_path", false)),
        is_short: false,
        copies: !node.get("volume").is_some_and(|volume| volume.says("nocopy", true)),
    }
}

fn hooks(node: &Node, key: &str) -> Result<Vec<Hook>, Error> {
    node.items_of(key).iter().map(hook).collect()
}

/// A command beside a service's own.
fn hook(node: &Node) -> Result<Hook, Error> {
    Ok(Hook {
        command: node.get("command").map(parts::words).transpose()?.flatten().unwrap_or_default(),
        user: text(node, "user"),
        privileged: node.says("privileged", true),
        environment: open_pairs(node, "environment"),
        working_dir: text(node, "working_dir"),
    })
}

/// The rules of a service, in their order.
fn watch_rules(service: &Node) -> Result<Vec<WatchRule>, Error> {
    let Some(develop) = service.get("develop") else { return Ok(Vec::new()) };
    develop.items_of("watch").iter().map(watch_rule).collect()
}

fn watch_rule(node: &Node) -> Result<WatchRule, Error> {
    let action = match text(node, "action").as_deref() {
        Some("sync") => WatchAction::Sync,
        Some("restart") => WatchAction::Restart,
        Some("sync+restart") => WatchAction::SyncRestart,
        Some("sync+exec") => WatchAction::SyncExec,
        // The schema knows no other word.
        _ => WatchAction::Rebuild,
    };
    let exec = node.get("exec").filter(|exec| exec.get("command").is_some());
    Ok(WatchRule {
        path: PathBuf::from(text(node, "path").unwrap_or_default()),
        action,
        target: text(node, "target").filter(|target| !target.is_empty()),
        ignore: one_or_more(node, "ignore"),
        include: one_or_more(node, "include"),
        initial_sync: node.says("initial_sync", true),
        exec: exec.map(hook).transpose()?,
    })
}

/// A text, or a list of texts.
fn one_or_more(node: &Node, key: &str) -> Vec<String> {
    text(node, key).map_or_else(|| texts(node, key), |one| vec![one])
}

/// A folder in memory: `/run:size=64m`.
fn memory(path: &str) -> Mount {
    let (target, options) = path.split_once(':').unwrap_or((path, ""));
    let of = |key: &str| options.split(',').find_map(|option| option.strip_prefix(key)?.strip_prefix('='));
    Mount {
        kind: MountKind::Tmpfs {
            size: of("size").and_then(bytes),
            mode: of("mode").and_then(|mode| u32::from_str_radix(mode, 8).ok()),
        },
        target: target.to_owned(),
        read_only: options.split(',').any(|option| option == "ro"),
        subpath: None,
        creates_source: false,
        is_short: true,
        copies: false,
    }
}

/// `64m`, `1g`, or a number of bytes.
fn bytes(text: &str) -> Option<u64> {
    let lower = text.trim().to_ascii_lowercase();
    let short = lower.strip_suffix('b').unwrap_or(&lower);
    let (digits, factor) = match short.strip_suffix(['k', 'm', 'g']) {
        Some(digits) => (digits, 1_u64 << (10 * (1 + "kmg".find(short.chars().next_back()?)?))),
        None => (short, 1),
    };
    digits.parse::<u64>().ok()?.checked_mul(factor)
}

fn dependency(node: &Node) -> Dependency {
    let condition = match text(node, "condition").as_deref() {
        Some("service_healthy") => Condition::Healthy,
        Some("service_completed_successfully") => Condition::CompletedSuccessfully,
        _ => Condition::Started,
    };
    Dependency { condition, required: !node.says("required", false), restart: node.says("restart", true) }
}

fn healthcheck(node: &Node) -> Healthcheck {
    let words = texts(node, "test");
    let test = match (node.text_of("test"), words.split_first()) {
        (Some(line), _) => Some(HealthTest::Shell(line.to_owned())),
        (None, Some((first, rest))) if first == "CMD" => Some(HealthTest::Command(rest.to_vec())),
        (None, Some((first, rest))) if first == "CMD-SHELL" => Some(HealthTest::Shell(rest.join(" "))),
        (None, _) => None,
    };
    Healthcheck {
        test,
        interval: duration(node, "interval"),
        timeout: duration(node, "timeout"),
        retries: node.get("retries").and_then(|node| node.value.scalar_text()?.parse().ok()),
        start_period: duration(node, "start_period"),
        start_interval: duration(node, "start_interval"),
        disable: node.says("disable", true) || words.first().is_some_and(|first| first == "NONE"),
    }
}

fn grant(node: &Node) -> Option<FileGrant> {
    let mode = text(node, "mode").and_then(|mode| mode.parse().ok());
    Some(FileGrant { source: text(node, "source")?, target: text(node, "target"), mode })
}

fn network(entry: &Entry) -> Network {
    let name = text(&entry.value, "name").unwrap_or_else(|| entry.key.clone());
    Network { name, external: entry.value.says("external", true) }
}

fn volume(node: &Node) -> Volume {
    Volume {
        name: text(node, "name").unwrap_or_default(),
        external: node.says("external", true),
        driver: text(node, "driver"),
        options: pairs(node, "driver_opts"),
    }
}

fn file_source(node: &Node) -> Option<FileSource> {
    if node.says("external", true) {
        return text(node, "name").map(FileSource::External);
    }
    let file = text(node, "file").map(|file| FileSource::File(PathBuf::from(file)));
    let environment = || text(node, "environment").map(FileSource::Environment);
    // The content may well be empty.
    let content = || node.text_of("content").map(|text| FileSource::Content(text.to_owned()));
    file.or_else(environment).or_else(content)
}
