//! A service.

use super::resources::{BLKIO, BUILD, DEPLOY, DEVELOP, LOGGING, ULIMITS};
use super::{
    COMMAND, Form, NUMBER_OR_TEXT, PAIRS, Shape, TEXT_OR_SET, TEXT_SET, TEXTS, Table, WHOLE_OR_TEXT, field,
    table,
};

pub(super) static SERVICE: Table = table(&[
    field("annotations", PAIRS, Form::Pairs),
    field("attach", Shape::Flag, Form::SetFlag),
    field("blkio_config", Shape::Table(&BLKIO), Form::Table(&BLKIO)),
    field("build", Shape::Either(&[Shape::Text, Shape::Table(&BUILD)]), Form::Table(&BUILD)),
    field("cap_add", TEXT_SET, Form::Texts),
    field("cap_drop", TEXT_SET, Form::Texts),
    field("cgroup", Shape::Word(&["host", "private"]), Form::Text),
    field("cgroup_parent", Shape::Text, Form::Text),
    field("command", COMMAND, Form::Words),
    field("configs", GRANTS, Form::Tables(&GRANT)),
    field("container_name", Shape::Text, Form::Text),
    field("cpu_count", Shape::Whole, Form::Whole),
    field("cpu_percent", Shape::Number, Form::Number),
    field("cpu_period", NUMBER_OR_TEXT, Form::Whole),
    field("cpu_quota", NUMBER_OR_TEXT, Form::Whole),
    field("cpu_rt_period", NUMBER_OR_TEXT, Form::Whole),
    field("cpu_rt_runtime", NUMBER_OR_TEXT, Form::Whole),
    field("cpu_shares", NUMBER_OR_TEXT, Form::Whole),
    field("cpus", NUMBER_OR_TEXT, Form::Number),
    field("cpuset", Shape::Text, Form::Text),
    field("credential_spec", Shape::Table(&CREDENTIAL), Form::Table(&CREDENTIAL)),
    field(
        "depends_on",
        Shape::Either(&[TEXT_SET, Shape::Names(&Shape::Table(&DEPENDENCY))]),
        Form::TableMap(&DEPENDENCY),
    ),
    field("deploy", Shape::Either(&[Shape::Table(&DEPLOY), Shape::Null]), Form::Table(&DEPLOY)),
    field("develop", Shape::Either(&[Shape::Table(&DEVELOP), Shape::Null]), Form::Table(&DEVELOP)),
    field("device_cgroup_rules", TEXT_SET, Form::Texts),
    field("devices", TEXT_SET, Form::Texts),
    field("dns", TEXT_OR_SET, Form::Texts),
    field("dns_opt", TEXT_SET, Form::Texts),
    field("dns_search", TEXT_OR_SET, Form::Texts),
    field("domainname", Shape::Text, Form::Text),
    field("entrypoint", COMMAND, Form::Words),
    field("env_file", ENV_FILE, Form::Omit),
    field("environment", PAIRS, Form::OpenPairs),
    field("expose", Shape::Set(&NUMBER_OR_TEXT), Form::Texts),
    field("extends", Shape::Either(&[Shape::Text, Shape::Table(&EXTENDS)]), Form::Omit),
    field("external_links", TEXT_SET, Form::Texts),
    field("extra_hosts", PAIRS, Form::Hosts),
    field("group_add", Shape::Set(&NUMBER_OR_TEXT), Form::Texts),
    field("healthcheck", Shape::Table(&HEALTHCHECK), Form::Table(&HEALTHCHECK)),
    field("hostname", Shape::Text, Form::Text),
    field("image", Shape::Text, Form::Text),
    field("init", Shape::Flag, Form::SetFlag),
    field("ipc", Shape::Text, Form::Text),
    field("isolation", Shape::Text, Form::Text),
    field("labels", PAIRS, Form::Pairs),
    field("links", TEXT_SET, Form::Texts),
    field("logging", Shape::Table(&LOGGING), Form::Table(&LOGGING)),
    field("mac_address", Shape::Text, Form::Text),
    field("mem_limit", NUMBER_OR_TEXT, Form::Bytes),
    field("mem_reservation", WHOLE_OR_TEXT, Form::Bytes),
    field("mem_swappiness", Shape::Whole, Form::Bytes),
    field("memswap_limit", NUMBER_OR_TEXT, Form::Bytes),
    field("network_mode", Shape::Text, Form::Text),
    field(
        "networks",
        Shape::Either(&[TEXT_SET, Shape::Names(&Shape::Either(&[Shape::Table(&ATTACHMENT), Shape::Null]))]),
        Form::TableMap(&ATTACHMENT),
    ),
    field("oom_kill_disable", Shape::Flag, Form::Flag),
    field("oom_score_adj", Shape::Whole, Form::Whole),
    field("pid", Shape::Either(&[Shape::Text, Shape::Null]), Form::Text),
    field("pids_limit", NUMBER_OR_TEXT, Form::Whole),
    field("platform", Shape::Text, Form::Text),
    field(
        "ports",
        Shape::Set(&Shape::Either(&[Shape::Number, Shape::Text, Shape::Table(&PORT)])),
        Form::Tables(&PORT),
    ),
    field("privileged", Shape::Flag, Form::Flag),
    field("profiles", TEXT_SET, Form::Texts),
    field("pull_policy", Shape::Word(&["always", "never", "if_not_present", "build", "missing"]), Form::Text),
    field("read_only", Shape::Flag, Form::Flag),
    field("restart", Shape::Text, Form::Text),
    field("runtime", Shape::Text, Form::Text),
    field("scale", Shape::Whole, Form::SetWhole),
    field("secrets", GRANTS, Form::Tables(&GRANT)),
    field("security_opt", TEXT_SET, Form::Texts),
    field("shm_size", NUMBER_OR_TEXT, Form::Bytes),
    field("stdin_open", Shape::Flag, Form::Flag),
    field("stop_grace_period", Shape::Period, Form::SetPeriod),
    field("stop_signal", Shape::Text, Form::Text),
    field("storage_opt", Shape::Keys(&Shape::Any), Form::Pairs),
    field("sysctls", PAIRS, Form::Pairs),
    field("tmpfs", TEXT_OR_SET, Form::Texts),
    field("tty", Shape::Flag, Form::Flag),
    field("ulimits", ULIMITS, Form::Ulimits),
    field("user", Shape::Text, Form::Text),
    field("userns_mode", Shape::Text, Form::Text),
    field("uts", Shape::Text, Form::Text),
    field("volumes", Shape::Set(&Shape::Either(&[Shape::Text, Shape::Table(&MOUNT)])), Form::Tables(&MOUNT)),
    field("volumes_from", TEXT_SET, Form::Texts),
    field("working_dir", Shape::Text, Form::Text),
]);

pub(super) const GRANTS: Shape = Shape::List(&Shape::Either(&[Shape::Text, Shape::Table(&GRANT)]));

pub(super) static GRANT: Table = table(&[
    field("source", Shape::Text, Form::Text),
    field("target", Shape::Text, Form::Text),
    field("uid", Shape::Text, Form::Text),
    field("gid", Shape::Text, Form::Text),
    field("mode", Shape::Number, Form::SetWhole),
]);

static CREDENTIAL: Table = table(&[
    field("config", Shape::Text, Form::Text),
    field("file", Shape::Text, Form::Text),
    field("registry", Shape::Text, Form::Text),
]);

static DEPENDENCY: Table = Table {
    fields: &[
        field(
            "condition",
            Shape::Word(&["service_started", "service_healthy", "service_completed_successfully"]),
            Form::Text,
        ),
        field("restart", Shape::Flag, Form::Flag),
        field("required", Shape::Flag, Form::SetFlag),
    ],
    extensible: false,
    required: &["condition"],
    always: &[],
};

const ENV_FILE: Shape =
    Shape::Either(&[Shape::Text, Shape::List(&Shape::Either(&[Shape::Text, Shape::Table(&ENV_FILE_ENTRY)]))]);

static ENV_FILE_ENTRY: Table = Table {
    fields: &[field("path", Shape::Text, Form::Text), field("required", Shape::Flag, Form::SetFlag)],
    extensible: false,
    required: &["path"],
    always: &[],
};

static EXTENDS: Table = Table {
    fields: &[field("service", Shape::Text, Form::Text), field("file", Shape::Text, Form::Text)],
    extensible: false,
    required: &["service"],
    always: &[],
};

static HEALTHCHECK: Table = table(&[
    field("test", Shape::Either(&[Shape::Text, TEXTS]), Form::Test),
    field("timeout", Shape::Period, Form::SetPeriod),
    field("interval", Shape::Period, Form::SetPeriod),
    field("retries", Shape::Number, Form::SetWhole),
    field("start_period", Shape::Period, Form::SetPeriod),
    field("start_interval", Shape::Period, Form::SetPeriod),
    field("disable", Shape::Flag, Form::Flag),
]);

static ATTACHMENT: Table = table(&[
    field("priority", Shape::Number, Form::Whole),
    field("aliases", TEXT_SET, Form::Texts),
    field("ipv4_address", Shape::Text, Form::Text),
    field("ipv6_address", Shape::Text, Form::Text),
    field("link_local_ips", TEXT_SET, Form::Texts),
    field("mac_address", Shape::Text, Form::Text),
]);

static PORT: Table = table(&[
    field("name", Shape::Text, Form::Text),
    field("mode", Shape::Text, Form::Text),
    field("host_ip", Shape::Text, Form::Text),
    field("target", Shape::Whole, Form::Whole),
    field("published", WHOLE_OR_TEXT, Form::Text),
    field("protocol", Shape::Text, Form::Text),
    field("app_protocol", Shape::Text, Form::Text),
]);

static MOUNT: Table = Table {
    fields: &[
        field("type", Shape::Text, Form::Text),
        field("source", Shape::Text, Form::Text),
        field("target", Shape::Text, Form::Text),
        field("read_only", Shape::Flag, Form::Flag),
        field("consistency", Shape::Text, Form::Text),
        field("bind", Shape::Table(&BIND), Form::Table(&BIND)),
        field("volume", Shape::Table(&MOUNT_VOLUME), Form::Table(&MOUNT_VOLUME)),
        field("tmpfs", Shape::Table(&TMPFS), Form::Table(&TMPFS)),
    ],
    extensible: true,
    required: &["type"],
    always: &[],
};

static BIND: Table = table(&[
    field("selinux", Shape::Word(&["z", "Z"]), Form::Text),
    field("propagation", Shape::Text, Form::Text),
    field("create_host_path", Shape::Flag, Form::Flag),
]);

static MOUNT_VOLUME: Table =
    table(&[field("nocopy", Shape::Flag, Form::Flag), field("subpath", Shape::Text, Form::Text)]);

static TMPFS: Table =
    table(&[field("size", WHOLE_OR_TEXT, Form::Bytes), field("mode", Shape::Number, Form::Whole)]);
