//! What is done about a key for a service that runs as a container beside processes, where that is something else than for a
//! program: mostly it is an option of `docker run`.

use super::row::{DOCKER, Native, When, gap};

const WINDOWS: &str = "it is for Windows alone";
const RUN: &str = "a container beside processes is not run with it";
const SHARED: &str = "a container beside processes shares it with no other service";
const ADDRESS: &str = "a container beside processes has the address that its engine gives it";

/// What an option of `docker run` or a mount does, or we do, for a container.
const HONOURED: &[&str] = &[
    "cap_add",
    "cap_drop",
    "cgroup",
    "cgroup_parent",
    "configs",
    "container_name",
    "cpu_period",
    "cpu_quota",
    "cpu_rt_period",
    "cpu_rt_runtime",
    "cpu_shares",
    "cpus",
    "cpuset",
    "deploy.resources",
    "deploy.resources.limits",
    "device_cgroup_rules",
    "devices",
    "dns",
    "dns_opt",
    "dns_search",
    "domainname",
    "extra_hosts",
    "group_add",
    "hostname",
    "labels",
    "links",
    "mac_address",
    "mem_limit",
    "mem_reservation",
    "mem_swappiness",
    "memswap_limit",
    "networks.*.aliases",
    "oom_kill_disable",
    "oom_score_adj",
    "pids_limit",
    "platform",
    "ports.[].protocol",
    "post_start.[].privileged",
    "post_start.[].user",
    "pre_stop.[].privileged",
    "pre_stop.[].user",
    "privileged",
    "pull_policy",
    "read_only",
    "runtime",
    "secrets",
    "security_opt",
    "shm_size",
    "stdin_open",
    "storage_opt",
    "sysctls",
    "tmpfs",
    "tty",
    "ulimits",
    "user",
    "userns_mode",
    "uts",
    "volumes.[].read_only",
];

/// What is named, or changes nothing.
const OTHERS: &[(&str, Native)] = &[
    ("cpu_count", Native::Void(WINDOWS)),
    ("cpu_percent", Native::Void(WINDOWS)),
    ("credential_spec", Native::Void(WINDOWS)),
    ("blkio_config", gap(When::Always, RUN, DOCKER)),
    ("gpus", gap(When::Always, RUN, DOCKER)),
    ("ipc", gap(When::IsNot(&["host", "shareable", "private", "none"]), SHARED, DOCKER)),
    (
        "network_mode",
        gap(
            When::IsNot(&["host", "none", "bridge", "default"]),
            "a container beside processes has a network of its own",
            DOCKER,
        ),
    ),
    ("networks.*.interface_name", gap(When::Always, RUN, DOCKER)),
    ("networks.*.ipv4_address", gap(When::Always, ADDRESS, DOCKER)),
    ("networks.*.ipv6_address", gap(When::Always, ADDRESS, DOCKER)),
    ("networks.*.link_local_ips", gap(When::Always, ADDRESS, DOCKER)),
    ("networks.*.mac_address", gap(When::Always, ADDRESS, DOCKER)),
    ("pid", gap(When::IsNot(&["host"]), SHARED, DOCKER)),
    ("use_api_socket", gap(When::Always, RUN, DOCKER)),
];

/// What is done about `key` for such a container; none where it is the same as for a program.
pub(super) fn container(key: &str) -> Option<Native> {
    let key = key.strip_prefix("services.*.")?;
    let other = OTHERS.iter().find(|(name, _)| *name == key).map(|(_, native)| *native);
    other.or_else(|| HONOURED.contains(&key).then_some(Native::Honoured))
}
