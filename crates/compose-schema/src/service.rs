//! A service.

use crate::resources::{BLKIO, BUILD, DEPLOY, DEVELOP, GPU, HOOK, LOGGING, PRE_START, ULIMITS};
use crate::types::{
    COMMAND, FLAG, Form, HOSTS, NUMBER_OR_TEXT, OPTIONS, PAIRS, Shape, TEXT_OR_SET, TEXT_SET, TEXTS, Table,
    WHOLE_OR_TEXT, field, table,
};

pub(crate) static SERVICE: Table = table(&[
    field("annotations", PAIRS, Form::Pairs),
    field("attach", FLAG, Form::SetFlag),
    field("blkio_config", Shape::Table(&BLKIO), Form::Table(&BLKIO)),
    field("build", Shape::Either(&[Shape::Text, Shape::Table(&BUILD)]), Form::Table(&BUILD)),
    field("cap_add", TEXT_SET, Form::Texts),
    field("cap_drop", TEXT_SET, Form::Texts),
    field("cgroup", Shape::Word(&["host", "private"]), Form::Text),
    field("cgroup_parent", Shape::Text, Form::Text),
    field("command", COMMAND, Form::Words),
    field("configs", GRANTS, Form::Tables(&GRANT)),
    field("container_name", Shape::Text, Form::Text),
    field("cpu_count", WHOLE_OR_TEXT, Form::Whole),
    field("cpu_percent", NUMBER_OR_TEXT, Form::Number),
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
    field(
        "devices",
        Shape::List(&Shape::Either(&[Shape::Text, Shape::Table(&DEVICE_MAPPING)])),
        Form::Tables(&DEVICE_MAPPING),
    ),
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
    field("extra_hosts", HOSTS, Form::Hosts),
    field(
        "gpus",
        Shape::Either(&[Shape::Word(&["all"]), Shape::List(&Shape::Table(&GPU))]),
        Form::Tables(&GPU),
    ),
    field("group_add", Shape::Set(&NUMBER_OR_TEXT), Form::Texts),
    field("healthcheck", Shape::Table(&HEALTHCHECK), Form::Table(&HEALTHCHECK)),
    field("hostname", Shape::Text, Form::Text),
    field("image", Shape::Text, Form::Text),
    field("init", FLAG, Form::SetFlag),
    field("ipc", Shape::Text, Form::Text),
    field("isolation", Shape::Text, Form::Text),
    field("label_file", Shape::Either(&[Shape::Text, TEXTS]), Form::Omit),
    field("labels", PAIRS, Form::Pairs),
    field("links", TEXT_SET, Form::Texts),
    field("logging", Shape::Table(&LOGGING), Form::Table(&LOGGING)),
    field("mac_address", Shape::Text, Form::Text),
    field("mem_limit", NUMBER_OR_TEXT, Form::Bytes),
    field("mem_reservation", WHOLE_OR_TEXT, Form::Bytes),
    field("mem_swappiness", WHOLE_OR_TEXT, Form::Bytes),
    field("memswap_limit", NUMBER_OR_TEXT, Form::Bytes),
    field(
        "models",
        Shape::Either(&[TEXT_SET, Shape::Names(&Shape::Either(&[Shape::Table(&BINDING), Shape::Null]))]),
        Form::TableMap(&BINDING),
    ),
    field("network_mode", Shape::Text, Form::Text),
    field(
        "networks",
        Shape::Either(&[TEXT_SET, Shape::Names(&Shape::Either(&[Shape::Table(&ATTACHMENT), Shape::Null]))]),
        Form::TableMap(&ATTACHMENT),
    ),
    field("oom_kill_disable", FLAG, Form::Flag),
    field("oom_score_adj", WHOLE_OR_TEXT, Form::Whole),
    field("pid", Shape::Either(&[Shape::Text, Shape::Null]), Form::Text),
    field("pids_limit", NUMBER_OR_TEXT, Form::Whole),
    field("platform", Shape::Text, Form::Text),
    field(
        "ports",
        Shape::Set(&Shape::Either(&[Shape::Number, Shape::Text, Shape::Table(&PORT)])),
        Form::Tables(&PORT),
    ),
    field("post_start", HOOKS, Form::Tables(&HOOK)),
    field("pre_start", Shape::List(&Shape::Table(&PRE_START)), Form::Tables(&PRE_START)),
    field("pre_stop", HOOKS, Form::Tables(&HOOK)),
    field("privileged", FLAG, Form::Flag),
    field("profiles", TEXT_SET, Form::Texts),
    field("provider", Shape::Table(&PROVIDER), Form::Table(&PROVIDER)),
    field("pull_policy", Shape::PullPolicy, Form::Text),
    field("pull_refresh_after", Shape::Text, Form::Omit),
    field("read_only", FLAG, Form::Flag),
    field("restart", Shape::Text, Form::Text),
    field("runtime", Shape::Text, Form::Text),
    field("scale", WHOLE_OR_TEXT, Form::SetWhole),
    field("secrets", GRANTS, Form::Tables(&GRANT)),
    field("security_opt", TEXT_SET, Form::Texts),
    field("shm_size", NUMBER_OR_TEXT, Form::Bytes),
    field("stdin_open", FLAG, Form::Flag),
    field("stop_grace_period", Shape::Period, Form::SetPeriod),
    field("stop_signal", Shape::Text, Form::Text),
    field("storage_opt", Shape::Keys(&Shape::Any), Form::Pairs),
    field("sysctls", PAIRS, Form::Pairs),
    field("tmpfs", TEXT_OR_SET, Form::Texts),
    field("tty", FLAG, Form::Flag),
    field("ulimits", ULIMITS, Form::Ulimits),
    field("use_api_socket", Shape::Flag, Form::Flag),
    field("user", Shape::Text, Form::Text),
    field("userns_mode", Shape::Text, Form::Text),
    field("uts", Shape::Text, Form::Text),
    field("volumes", Shape::Set(&Shape::Either(&[Shape::Text, Shape::Table(&MOUNT)])), Form::Tables(&MOUNT)),
    field("volumes_from", TEXT_SET, Form::Texts),
    field("working_dir", Shape::Text, Form::Text),
]);

const HOOKS: Shape = Shape::List(&Shape::Table(&HOOK));

pub(crate) const GRANTS: Shape = Shape::List(&Shape::Either(&[Shape::Text, Shape::Table(&GRANT)]));

pub(crate) static GRANT: Table = table(&[
    field("source", Shape::Text, Form::Text),
    field("target", Shape::Text, Form::Text),
    field("uid", Shape::Text, Form::Text),
    field("gid", Shape::Text, Form::Text),
    field("mode", NUMBER_OR_TEXT, Form::SetWhole),
]);

/// How a service is told of a model.
static BINDING: Table =
    table(&[field("endpoint_var", Shape::Text, Form::Text), field("model_var", Shape::Text, Form::Text)]);

/// What runs a service in the place of a container.
static PROVIDER: Table = Table {
    fields: &[
        field("type", Shape::Text, Form::Text),
        field("options", Shape::Keys(&OPTION), Form::TextLists),
    ],
    extensible: true,
    required: &["type"],
    always: &[],
};

const ONE_OPTION: Shape = Shape::Either(&[Shape::Text, Shape::Number, Shape::Flag]);
const OPTION: Shape = Shape::Either(&[Shape::Text, Shape::Number, Shape::Flag, Shape::List(&ONE_OPTION)]);

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
        field("restart", FLAG, Form::Flag),
        field("required", FLAG, Form::SetFlag),
    ],
    extensible: true,
    required: &["condition"],
    always: &[],
};

const ENV_FILE: Shape =
    Shape::Either(&[Shape::Text, Shape::List(&Shape::Either(&[Shape::Text, Shape::Table(&ENV_FILE_ENTRY)]))]);

static ENV_FILE_ENTRY: Table = Table {
    fields: &[
        field("path", Shape::Text, Form::Text),
        field("format", Shape::Text, Form::Text),
        field("required", FLAG, Form::SetFlag),
    ],
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
    field("retries", NUMBER_OR_TEXT, Form::SetWhole),
    field("start_period", Shape::Period, Form::SetPeriod),
    field("start_interval", Shape::Period, Form::SetPeriod),
    field("disable", FLAG, Form::Flag),
]);

static ATTACHMENT: Table = table(&[
    field("priority", NUMBER_OR_TEXT, Form::Whole),
    field("aliases", TEXT_SET, Form::Texts),
    field("interface_name", Shape::Text, Form::Text),
    field("ipv4_address", Shape::Text, Form::Text),
    field("ipv6_address", Shape::Text, Form::Text),
    field("link_local_ips", TEXT_SET, Form::Texts),
    field("mac_address", Shape::Text, Form::Text),
    field("driver_opts", OPTIONS, Form::Pairs),
    field("gw_priority", NUMBER_OR_TEXT, Form::Whole),
]);

static PORT: Table = table(&[
    field("name", Shape::Text, Form::Text),
    field("mode", Shape::Text, Form::Text),
    field("host_ip", Shape::Text, Form::Text),
    field("target", WHOLE_OR_TEXT, Form::Whole),
    field("published", WHOLE_OR_TEXT, Form::Text),
    field("protocol", Shape::Text, Form::Text),
    field("app_protocol", Shape::Text, Form::Text),
]);

static DEVICE_MAPPING: Table = Table {
    fields: &[
        field("source", Shape::Text, Form::Text),
        field("target", Shape::Text, Form::Text),
        field("permissions", Shape::Text, Form::Text),
    ],
    extensible: true,
    required: &["source"],
    always: &[],
};

static MOUNT: Table = Table {
    fields: &[
        field("type", Shape::Text, Form::Text),
        field("source", Shape::Text, Form::Text),
        field("target", Shape::Text, Form::Text),
        field("read_only", FLAG, Form::Flag),
        field("consistency", Shape::Text, Form::Text),
        field("bind", Shape::Table(&BIND), Form::Table(&BIND)),
        field("volume", Shape::Table(&MOUNT_VOLUME), Form::Table(&MOUNT_VOLUME)),
        field("tmpfs", Shape::Table(&TMPFS), Form::Table(&TMPFS)),
        field("image", Shape::Table(&MOUNT_IMAGE), Form::Table(&MOUNT_IMAGE)),
    ],
    extensible: true,
    required: &["type"],
    always: &[],
};

static BIND: Table = table(&[
    field("selinux", Shape::Word(&["z", "Z"]), Form::Text),
    field("propagation", Shape::Text, Form::Text),
    field("create_host_path", FLAG, Form::Flag),
    field("recursive", Shape::Word(&["enabled", "disabled", "writable", "readonly"]), Form::Text),
]);

static MOUNT_VOLUME: Table = table(&[
    field("labels", PAIRS, Form::Pairs),
    field("nocopy", FLAG, Form::Flag),
    field("subpath", Shape::Text, Form::Text),
]);

static MOUNT_IMAGE: Table = table(&[field("subpath", Shape::Text, Form::Text)]);

static TMPFS: Table =
    table(&[field("size", WHOLE_OR_TEXT, Form::Bytes), field("mode", NUMBER_OR_TEXT, Form::Whole)]);
