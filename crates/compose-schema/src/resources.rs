//! The larger parts of a service: how it is built, deployed, logged and limited.

use crate::service::{GRANT, GRANTS};
use crate::types::{
    COMMAND, FLAG, Field, Form, HOSTS, NUMBER_OR_TEXT, PAIRS, Shape, TEXT_OR_SET, TEXT_SET, TEXTS, Table,
    WHOLE_OR_TEXT, closed, field, table,
};

pub(crate) static BUILD: Table = table(&[
    field("context", Shape::Text, Form::Text),
    field("entitlements", TEXTS, Form::Texts),
    field("dockerfile", Shape::Text, Form::Text),
    field("dockerfile_inline", Shape::Text, Form::Text),
    field("args", PAIRS, Form::OpenPairs),
    field("ssh", PAIRS, Form::Ssh),
    field("labels", PAIRS, Form::Pairs),
    field("cache_from", TEXTS, Form::Texts),
    field("cache_to", TEXTS, Form::Texts),
    field("no_cache", FLAG, Form::Flag),
    field("no_cache_filter", TEXT_OR_SET, Form::Texts),
    field("additional_contexts", PAIRS, Form::Pairs),
    field("network", Shape::Text, Form::Text),
    field("provenance", TEXT_OR_FLAG, Form::Text),
    field("sbom", TEXT_OR_FLAG, Form::Text),
    field("pull", FLAG, Form::Flag),
    field("target", Shape::Text, Form::Text),
    field("shm_size", WHOLE_OR_TEXT, Form::Bytes),
    field("extra_hosts", HOSTS, Form::Hosts),
    field("isolation", Shape::Text, Form::Text),
    field("privileged", FLAG, Form::Flag),
    field("secrets", GRANTS, Form::Tables(&GRANT)),
    field("tags", TEXTS, Form::Texts),
    field("ulimits", ULIMITS, Form::Ulimits),
    field("platforms", TEXTS, Form::Texts),
]);

const TEXT_OR_FLAG: Shape = Shape::Either(&[Shape::Text, Shape::Flag]);

pub(crate) const ULIMITS: Shape =
    Shape::Keys(&Shape::Either(&[Shape::Whole, Shape::Text, Shape::Table(&ULIMIT)]));

static ULIMIT: Table = Table {
    fields: &[field("soft", WHOLE_OR_TEXT, Form::Whole), field("hard", WHOLE_OR_TEXT, Form::Whole)],
    extensible: true,
    required: &["soft", "hard"],
    always: &[],
};

pub(crate) static LOGGING: Table = table(&[
    field("driver", Shape::Text, Form::Text),
    field("options", Shape::Keys(&Shape::Either(&[Shape::Text, Shape::Number, Shape::Null])), Form::Pairs),
]);

pub(crate) static BLKIO: Table = closed(&[
    field("weight", WHOLE_OR_TEXT, Form::Whole),
    field("weight_device", Shape::List(&Shape::Table(&WEIGHT_DEVICE)), Form::Tables(&WEIGHT_DEVICE)),
    field("device_read_bps", THROTTLES, Form::Tables(&THROTTLE)),
    field("device_read_iops", THROTTLES, Form::Tables(&THROTTLE)),
    field("device_write_bps", THROTTLES, Form::Tables(&THROTTLE)),
    field("device_write_iops", THROTTLES, Form::Tables(&THROTTLE)),
]);

const THROTTLES: Shape = Shape::List(&Shape::Table(&THROTTLE));

static THROTTLE: Table = closed(&[
    Field { key: "path", written: "Path", shape: Shape::Text, form: Form::Text },
    Field { key: "rate", written: "Rate", shape: WHOLE_OR_TEXT, form: Form::Bytes },
]);

static WEIGHT_DEVICE: Table = closed(&[
    Field { key: "path", written: "Path", shape: Shape::Text, form: Form::Text },
    Field { key: "weight", written: "Weight", shape: Shape::Whole, form: Form::SetWhole },
]);

pub(crate) static DEVELOP: Table =
    table(&[field("watch", Shape::List(&Shape::Table(&WATCH)), Form::Tables(&WATCH))]);

static WATCH: Table = Table {
    fields: &[
        field("path", Shape::Text, Form::Text),
        field(
            "action",
            Shape::Word(&["rebuild", "sync", "restart", "sync+restart", "sync+exec"]),
            Form::Text,
        ),
        field("target", Shape::Text, Form::Text),
        field("exec", Shape::Table(&HOOK), Form::Table(&HOOK)),
        field("include", TEXT_OR_SET, Form::Texts),
        field("ignore", TEXT_OR_SET, Form::Texts),
        field("initial_sync", FLAG, Form::Flag),
    ],
    extensible: true,
    required: &["path", "action"],
    always: &["exec"],
};

/// A command that runs in the container at some point of its life.
pub(crate) static HOOK: Table = table(&[
    field("command", COMMAND, Form::Words),
    field("user", Shape::Text, Form::Text),
    field("privileged", FLAG, Form::Flag),
    field("working_dir", Shape::Text, Form::Text),
    field("environment", PAIRS, Form::OpenPairs),
]);

/// A command that runs in a container of its own before the service's starts.
pub(crate) static PRE_START: Table = table(&[
    field("command", COMMAND, Form::Words),
    field("image", Shape::Text, Form::Text),
    field("user", Shape::Text, Form::Text),
    field("privileged", FLAG, Form::Flag),
    field("working_dir", Shape::Text, Form::Text),
    field("environment", PAIRS, Form::OpenPairs),
    field("per_replica", FLAG, Form::SetFlag),
]);

pub(crate) static DEPLOY: Table = Table {
    fields: &[
        field("mode", Shape::Text, Form::Text),
        field("replicas", WHOLE_OR_TEXT, Form::SetWhole),
        field("labels", PAIRS, Form::Pairs),
        field("update_config", Shape::Table(&UPDATE), Form::Table(&UPDATE)),
        field("rollback_config", Shape::Table(&UPDATE), Form::Table(&UPDATE)),
        field("resources", Shape::Table(&RESOURCES), Form::Table(&RESOURCES)),
        field("restart_policy", Shape::Table(&RESTART), Form::Table(&RESTART)),
        field("placement", Shape::Table(&PLACEMENT), Form::Table(&PLACEMENT)),
        field("endpoint_mode", Shape::Text, Form::Text),
    ],
    extensible: true,
    required: &[],
    always: &["resources", "placement"],
};

static UPDATE: Table = table(&[
    field("parallelism", WHOLE_OR_TEXT, Form::SetWhole),
    field("delay", Shape::Period, Form::Period),
    field("failure_action", Shape::Text, Form::Text),
    field("monitor", Shape::Period, Form::Period),
    field("max_failure_ratio", NUMBER_OR_TEXT, Form::Number),
    field("order", Shape::Word(&["start-first", "stop-first"]), Form::Text),
]);

static RESOURCES: Table = table(&[
    field("limits", Shape::Table(&LIMITS), Form::Table(&LIMITS)),
    field("reservations", Shape::Table(&RESERVATIONS), Form::Table(&RESERVATIONS)),
]);

static LIMITS: Table = table(&[
    field("cpus", NUMBER_OR_TEXT, Form::Number),
    field("memory", Shape::Text, Form::Bytes),
    field("pids", WHOLE_OR_TEXT, Form::Whole),
]);

static RESERVATIONS: Table = table(&[
    field("cpus", NUMBER_OR_TEXT, Form::Number),
    field("memory", Shape::Text, Form::Bytes),
    field("devices", Shape::List(&Shape::Table(&DEVICE)), Form::Tables(&DEVICE)),
    field("generic_resources", Shape::List(&Shape::Table(&GENERIC)), Form::Tables(&GENERIC)),
]);

static DEVICE: Table =
    Table { fields: DEVICE_FIELDS, extensible: true, required: &["capabilities"], always: &[] };

pub(crate) static GPU: Table = table(DEVICE_FIELDS);

const DEVICE_FIELDS: &[Field] = &[
    field("capabilities", TEXT_SET, Form::Texts),
    field("driver", Shape::Text, Form::Text),
    field("count", WHOLE_OR_TEXT, Form::DeviceCount),
    field("device_ids", TEXT_SET, Form::Texts),
    field("options", PAIRS, Form::Pairs),
];

static GENERIC: Table =
    table(&[field("discrete_resource_spec", Shape::Table(&DISCRETE), Form::Table(&DISCRETE))]);

static DISCRETE: Table =
    table(&[field("kind", Shape::Text, Form::Text), field("value", NUMBER_OR_TEXT, Form::SetWhole)]);

static RESTART: Table = table(&[
    field("condition", Shape::Text, Form::Text),
    field("delay", Shape::Period, Form::SetPeriod),
    field("max_attempts", WHOLE_OR_TEXT, Form::SetWhole),
    field("window", Shape::Period, Form::SetPeriod),
]);

static PLACEMENT: Table = table(&[
    field("constraints", TEXTS, Form::Texts),
    field("preferences", Shape::List(&Shape::Table(&SPREAD)), Form::Tables(&SPREAD)),
    field("max_replicas_per_node", WHOLE_OR_TEXT, Form::Whole),
]);

static SPREAD: Table = table(&[field("spread", Shape::Text, Form::Text)]);
