//! Keys of services, in use.

/// For every key that is named, what a service says to have it named.
pub(crate) const SAMPLES: &[(&str, &str)] = &[
    ("attach", "attach: false"),
    ("blkio_config", "blkio_config: {weight: 300}"),
    ("cap_add", "cap_add: [NET_ADMIN]"),
    ("cap_drop", "cap_drop: [ALL]"),
    ("cgroup", "cgroup: private"),
    ("cgroup_parent", "cgroup_parent: x"),
    ("configs", "configs: [c]"),
    ("container_name", "container_name: the-name"),
    ("cpu_count", "cpu_count: 1"),
    ("cpu_percent", "cpu_percent: 50"),
    ("cpu_period", "cpu_period: 1000"),
    ("cpu_quota", "cpu_quota: 1000"),
    ("cpu_rt_period", "cpu_rt_period: 1000"),
    ("cpu_rt_runtime", "cpu_rt_runtime: 1000"),
    ("cpu_shares", "cpu_shares: 10"),
    ("cpus", "cpus: 1.5"),
    ("cpuset", "cpuset: '0'"),
    ("credential_spec", "credential_spec: {file: a}"),
    ("deploy.resources.limits", "deploy: {resources: {limits: {memory: 1g}}}"),
    ("device_cgroup_rules", "device_cgroup_rules: ['c 1:3 mr']"),
    ("devices", "devices: ['/dev/a:/dev/b']"),
    ("dns", "dns: 1.1.1.1"),
    ("dns_opt", "dns_opt: [a]"),
    ("dns_search", "dns_search: a"),
    ("domainname", "domainname: a"),
    ("external_links", "external_links: [a]"),
    ("extra_hosts", "extra_hosts: ['a:1.1.1.1']"),
    ("group_add", "group_add: [a]"),
    ("hostname", "hostname: a"),
    ("ipc", "ipc: private"),
    ("links", "links: ['other:name']"),
    ("logging.driver", "logging: {driver: syslog}"),
    ("mac_address", "mac_address: 'a'"),
    ("mem_limit", "mem_limit: 1g"),
    ("mem_swappiness", "mem_swappiness: 1"),
    ("memswap_limit", "memswap_limit: 1g"),
    ("models", "models: [m]"),
    ("network_mode", "network_mode: none"),
    ("networks.n.aliases", "networks: {n: {aliases: [the-alias]}}"),
    ("networks.n.interface_name", "networks: {n: {interface_name: a}}"),
    ("networks.n.ipv4_address", "networks: {n: {ipv4_address: 1.1.1.1}}"),
    ("networks.n.ipv6_address", "networks: {n: {ipv6_address: '::2'}}"),
    ("networks.n.link_local_ips", "networks: {n: {link_local_ips: [1.1.1.1]}}"),
    ("networks.n.mac_address", "networks: {n: {mac_address: a}}"),
    ("oom_kill_disable", "oom_kill_disable: true"),
    ("oom_score_adj", "oom_score_adj: 1"),
    ("pid", "pid: private"),
    ("pids_limit", "pids_limit: 1"),
    ("ports.protocol", "ports: ['53/udp']"),
    ("post_start", "post_start: [{command: a}]"),
    ("pre_start", "pre_start: [{command: a}]"),
    ("pre_stop", "pre_stop: [{command: a}]"),
    ("privileged", "privileged: true"),
    ("read_only", "read_only: true"),
    ("secrets", "secrets: [s]"),
    ("security_opt", "security_opt: [a]"),
    ("storage_opt", "storage_opt: {size: 1g}"),
    ("sysctls", "sysctls: {a: 1}"),
    ("tmpfs", "tmpfs: /x"),
    ("tty", "tty: true"),
    ("ulimits", "ulimits: {nofile: 10}"),
    ("use_api_socket", "use_api_socket: true"),
    ("user", "user: a"),
    ("userns_mode", "userns_mode: a"),
    ("uts", "uts: private"),
    ("volumes.read_only", "volumes: ['./a:/a:ro', './b:/b']"),
    ("volumes.target", "volumes: ['v:/v']"),
    ("volumes.type", "volumes: [{type: image, source: a, target: /x}]"),
    ("volumes_from", "volumes_from: ['container:other']"),
];

/// What is not named.
pub(crate) const QUIET: &[&str] = &[
    "annotations: {a: b}",
    "attach: true",
    "command: a",
    "container_name: nobody-knows-it",
    "deploy: {replicas: 1, labels: {a: b}, update_config: {order: start-first}, placement: {constraints: [a]}}",
    "deploy: {resources: {reservations: {memory: 1g}}, restart_policy: {condition: on-failure}}",
    "develop: {watch: [{path: ., action: rebuild}]}",
    "depends_on: [other]",
    "environment: {A: b}",
    "expose: [80]",
    "gpus: all",
    "healthcheck: {test: a, interval: 1s}",
    "init: true",
    "ipc: host",
    "labels: [a=b]",
    "links: [other]",
    "logging: {driver: json-file, options: {max-size: 1m}}",
    "network_mode: host",
    "networks: {n: {aliases: [nobody-knows-it], priority: 1}}",
    "platform: linux/amd64",
    "ports: ['80:80', {target: 81, published: 81, protocol: tcp, mode: host, name: a}]",
    "privileged: false",
    "profiles: [a]",
    "pull_policy: always",
    "read_only: false",
    "restart: always",
    "shm_size: 1g",
    "stop_grace_period: 1s",
    "stop_signal: SIGINT",
    "tty: false",
    "volumes: ['vol:/v', './a:/a', /b, {type: bind, source: ., target: /c, read_only: false}]",
    "working_dir: /a",
    "x-own: {cap_add: a}",
];

/// What they refer to.
pub(crate) const REST: &str = "  other: {image: x, environment: {A: 'the-name:80 http://the-alias/'}}
networks: {n: {}, in: {internal: true}}
volumes: {vol: {labels: {a: b}}}
secrets: {s: {file: a}}
configs: {c: {content: a}}
models: {m: {model: a}}
";

/// The row that a key of these has in the table.
pub(crate) fn row(key: &str) -> String {
    let parts = key.split('.').map(|part| if part == "n" { "*" } else { part });
    let key = format!("services.*.{}", parts.collect::<Vec<_>>().join("."));
    key.replace(".ports.", ".ports.[].").replace(".volumes.", ".volumes.[].")
}
