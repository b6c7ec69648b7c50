//! The keys of a service in a Compose file as options of `run`.

use serde_json::Value as Json;

use crate::client::Kind;

/// What is made of a key's value.
#[derive(Debug, Clone, Copy)]
enum As {
    /// `--option value`
    Value,
    /// `--option` where it is true.
    Flag,
    /// `--option item`, for each.
    Items,
    /// `--option name=value`, for each.
    Pairs,
}

/// The keys with an option of the same meaning.
const OPTIONS: &[(&str, &str, As)] = &[
    ("cap_add", "--cap-add", As::Items),
    ("cap_drop", "--cap-drop", As::Items),
    ("cgroup", "--cgroupns", As::Value),
    ("cgroup_parent", "--cgroup-parent", As::Value),
    ("cpu_period", "--cpu-period", As::Value),
    ("cpu_quota", "--cpu-quota", As::Value),
    ("cpu_rt_period", "--cpu-rt-period", As::Value),
    ("cpu_rt_runtime", "--cpu-rt-runtime", As::Value),
    ("cpu_shares", "--cpu-shares", As::Value),
    ("cpus", "--cpus", As::Value),
    ("cpuset", "--cpuset-cpus", As::Value),
    ("device_cgroup_rules", "--device-cgroup-rule", As::Items),
    ("dns", "--dns", As::Items),
    ("dns_opt", "--dns-option", As::Items),
    ("dns_search", "--dns-search", As::Items),
    ("group_add", "--group-add", As::Items),
    ("hostname", "--hostname", As::Value),
    ("init", "--init", As::Flag),
    ("ipc", "--ipc", As::Value),
    ("labels", "--label", As::Pairs),
    ("mac_address", "--mac-address", As::Value),
    ("mem_limit", "--memory", As::Value),
    ("mem_reservation", "--memory-reservation", As::Value),
    ("mem_swappiness", "--memory-swappiness", As::Value),
    ("memswap_limit", "--memory-swap", As::Value),
    ("oom_kill_disable", "--oom-kill-disable", As::Flag),
    ("oom_score_adj", "--oom-score-adj", As::Value),
    ("pid", "--pid", As::Value),
    ("pids_limit", "--pids-limit", As::Value),
    ("platform", "--platform", As::Value),
    ("privileged", "--privileged", As::Flag),
    ("read_only", "--read-only", As::Flag),
    ("security_opt", "--security-opt", As::Items),
    ("shm_size", "--shm-size", As::Value),
    ("stop_signal", "--stop-signal", As::Value),
    ("storage_opt", "--storage-opt", As::Pairs),
    ("sysctls", "--sysctl", As::Pairs),
    ("tmpfs", "--tmpfs", As::Items),
    ("tty", "--tty", As::Flag),
    ("user", "--user", As::Value),
    ("userns_mode", "--userns", As::Value),
    ("uts", "--uts", As::Value),
    ("working_dir", "--workdir", As::Value),
];

/// Those that Docker's client alone has.
const OF_DOCKER: &[(&str, &str, As)] =
    &[("domainname", "--domainname", As::Value), ("runtime", "--runtime", As::Value)];

/// Below `deploy.resources`.
const RESOURCES: &[(&str, &str, &str)] = &[
    ("limits", "cpus", "--cpus"),
    ("limits", "memory", "--memory"),
    ("limits", "pids", "--pids-limit"),
    ("reservations", "memory", "--memory-reservation"),
];

/// The options of a service, as `docker compose config --format json` has it. What it mounts, publishes, runs and is told is
/// not among them: that depends on this machine.
pub fn options(service: &Json, kind: Kind) -> Vec<String> {
    let of_docker = if kind == Kind::Docker { OF_DOCKER } else { &[] };
    let mut words: Vec<String> = Vec::new();
    for (key, option, form) in OPTIONS.iter().chain(of_docker) {
        add(&mut words, option, &service[*key], *form);
    }
    for (part, key, option) in RESOURCES {
        let value = &service["deploy"]["resources"][*part][*key];
        if !words.iter().any(|word| word == option) {
            add(&mut words, option, value, As::Value);
        }
    }
    for (name, limit) in service["ulimits"].as_object().into_iter().flatten() {
        let both = |key: &str| text(&limit[key]);
        let value = text(limit).or_else(|| match (both("soft"), both("hard")) {
            (Some(soft), Some(hard)) => Some(format!("{soft}:{hard}")),
            (one, other) => one.or(other),
        });
        words.extend(value.into_iter().flat_map(|value| ["--ulimit".to_owned(), format!("{name}={value}")]));
    }
    words.extend(devices(&service["devices"]));
    if service["stdin_open"] == Json::Bool(true) {
        // It is open, and nobody writes there.
        words.extend(["--interactive", "--attach", "stdout", "--attach", "stderr"].map(str::to_owned));
    }
    words
}

fn add(words: &mut Vec<String>, option: &str, value: &Json, form: As) {
    let mut say = |value: String| words.extend([option.to_owned(), value]);
    match form {
        As::Value => text(value).into_iter().for_each(say),
        As::Flag => {
            if *value == Json::Bool(true) {
                words.push(option.to_owned());
            }
        }
        As::Items => match value.as_array() {
            Some(items) => items.iter().filter_map(text).for_each(say),
            None => text(value).into_iter().for_each(say),
        },
        As::Pairs => {
            for (name, value) in value.as_object().into_iter().flatten() {
                say(text(value).map_or_else(|| name.clone(), |value| format!("{name}={value}")));
            }
            value.as_array().into_iter().flatten().filter_map(text).for_each(&mut say);
        }
    }
}

fn devices(node: &Json) -> Vec<String> {
    let one = |device: &Json| {
        let long = || {
            let parts = ["source", "target", "permissions"].map(|key| text(&device[key]));
            let parts: Vec<String> = parts.into_iter().flatten().collect();
            (!parts.is_empty()).then(|| parts.join(":"))
        };
        text(device).or_else(long)
    };
    let all = node.as_array().into_iter().flatten().filter_map(one);
    all.flat_map(|device| ["--device".to_owned(), device]).collect()
}

/// A value that is one word; an empty one says nothing.
fn text(value: &Json) -> Option<String> {
    match value {
        Json::String(text) if text.is_empty() => None,
        Json::String(text) => Some(text.clone()),
        Json::Number(number) => Some(number.to_string()),
        Json::Bool(flag) => Some(flag.to_string()),
        Json::Null | Json::Array(_) | Json::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Kind, options};

    #[test]
    fn every_key_is_its_option() {
        for (service, expected) in [
            (json!({"cap_add": ["NET_ADMIN"], "cap_drop": ["ALL"]}), "--cap-add NET_ADMIN --cap-drop ALL"),
            (json!({"user": "1000:1000", "working_dir": "/srv"}), "--user 1000:1000 --workdir /srv"),
            (json!({"shm_size": "67108864", "init": true, "read_only": false}), "--init --shm-size 67108864"),
            (
                json!({"ulimits": {"nproc": 65535, "nofile": {"soft": 1, "hard": 2}}}),
                "--ulimit nproc=65535 --ulimit nofile=1:2",
            ),
            (json!({"sysctls": {"net.core.somaxconn": 1024}}), "--sysctl net.core.somaxconn=1024"),
            (json!({"sysctls": ["a=1"]}), "--sysctl a=1"),
            (json!({"labels": {"a": "b", "c": ""}}), "--label a=b --label c"),
            (json!({"tmpfs": ["/run:size=64m"], "dns": "9.9.9.9"}), "--dns 9.9.9.9 --tmpfs /run:size=64m"),
            (
                json!({"devices": ["/dev/a:/dev/b", {"source": "/dev/c", "target": "/dev/d", "permissions": "r"}]}),
                "--device /dev/a:/dev/b --device /dev/c:/dev/d:r",
            ),
            (json!({"mem_limit": "1024", "cpus": 0.5}), "--cpus 0.5 --memory 1024"),
            (
                json!({"deploy": {"resources": {"limits": {"cpus": 2, "memory": "1", "pids": 9}}}}),
                "--cpus 2 --memory 1 --pids-limit 9",
            ),
            (json!({"mem_limit": "5", "deploy": {"resources": {"limits": {"memory": "1"}}}}), "--memory 5"),
            (json!({"privileged": true, "platform": "linux/amd64"}), "--platform linux/amd64 --privileged"),
            (
                json!({"stop_signal": "SIGINT", "domainname": "x", "runtime": "runc"}),
                "--stop-signal SIGINT --domainname x --runtime runc",
            ),
            (json!({"tty": true, "stdin_open": true}), "--tty --interactive --attach stdout --attach stderr"),
            (json!({"image": "x", "environment": {"A": "s3cret"}, "command": ["x"]}), ""),
        ] {
            assert_eq!(options(&service, Kind::Docker).join(" "), expected, "{service}");
        }
        assert_eq!(options(&json!({"domainname": "x"}), Kind::Podman).join(" "), "");
    }
}
