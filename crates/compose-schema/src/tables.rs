//! The top level, and networks, volumes, secrets and configs.

use crate::service::SERVICE;
use crate::types::{
    FLAG, Field, Form, OPTIONS, PAIRS, Shape, TEXT_OR_SET, TEXTS, Table, closed, field, table,
};

/// The whole file.
pub static MODEL: Table = table(&[
    field("version", Shape::Text, Form::Omit),
    field("name", Shape::Text, Form::Text),
    field("include", Shape::List(&Shape::Either(&[Shape::Text, Shape::Table(&INCLUDE)])), Form::Omit),
    field("services", Shape::Names(&Shape::Table(&SERVICE)), Form::TableMap(&SERVICE)),
    field(
        "networks",
        Shape::Names(&Shape::Either(&[Shape::Table(&NETWORK), Shape::Null])),
        Form::TableMap(&NETWORK),
    ),
    field(
        "volumes",
        Shape::Names(&Shape::Either(&[Shape::Table(&VOLUME), Shape::Null])),
        Form::TableMap(&VOLUME),
    ),
    field("secrets", Shape::Names(&Shape::Table(&SECRET)), Form::TableMap(&SECRET)),
    field("configs", Shape::Names(&Shape::Table(&CONFIG)), Form::TableMap(&CONFIG)),
    field("models", Shape::Names(&Shape::Table(&LANGUAGE_MODEL)), Form::TableMap(&LANGUAGE_MODEL)),
]);

static INCLUDE: Table = closed(&[
    field("path", TEXT_OR_SET, Form::Omit),
    field("env_file", TEXT_OR_SET, Form::Omit),
    field("project_directory", Shape::Text, Form::Omit),
]);

const EXTERNAL: Shape = Shape::Either(&[Shape::Flag, Shape::Text, Shape::Table(&EXTERNAL_NAME)]);

static EXTERNAL_NAME: Table = table(&[field("name", Shape::Text, Form::Omit)]);

static NETWORK: Table = Table {
    fields: &[
        field("name", Shape::Text, Form::Text),
        field("driver", Shape::Text, Form::Text),
        field("driver_opts", OPTIONS, Form::Pairs),
        field("ipam", Shape::Table(&IPAM), Form::Table(&IPAM)),
        field("external", EXTERNAL, Form::Flag),
        field("internal", FLAG, Form::Flag),
        field("attachable", FLAG, Form::Flag),
        field("labels", PAIRS, Form::Pairs),
        field("enable_ipv4", FLAG, Form::SetFlag),
        field("enable_ipv6", FLAG, Form::SetFlag),
    ],
    extensible: true,
    required: &[],
    always: &["ipam"],
};

static IPAM: Table = table(&[
    field("driver", Shape::Text, Form::Text),
    field("config", Shape::List(&Shape::Table(&POOL)), Form::Tables(&POOL)),
    field("options", Shape::Keys(&Shape::Text), Form::Omit),
]);

static POOL: Table = table(&[
    field("subnet", Shape::Text, Form::Text),
    field("gateway", Shape::Text, Form::Text),
    field("ip_range", Shape::Text, Form::Text),
    field("aux_addresses", Shape::Keys(&Shape::Text), Form::Pairs),
]);

static VOLUME: Table = table(&[
    field("name", Shape::Text, Form::Text),
    field("driver", Shape::Text, Form::Text),
    field("driver_opts", OPTIONS, Form::Pairs),
    field("external", EXTERNAL, Form::Flag),
    field("labels", PAIRS, Form::Pairs),
]);

static LANGUAGE_MODEL: Table = Table {
    fields: &[
        field("name", Shape::Text, Form::Text),
        field("model", Shape::Text, Form::Text),
        field("context_size", Shape::Whole, Form::Whole),
        field("runtime_flags", TEXTS, Form::Texts),
    ],
    extensible: true,
    required: &["model"],
    always: &[],
};

static SECRET: Table = table(&[
    field("name", Shape::Text, Form::Text),
    field("environment", Shape::Text, Form::Text),
    field("file", Shape::Text, Form::Text),
    field("external", EXTERNAL, Form::Flag),
    field("labels", PAIRS, Form::Pairs),
    field("driver", Shape::Text, Form::Text),
    field("driver_opts", OPTIONS, Form::Pairs),
    field("template_driver", Shape::Text, Form::Text),
]);

static CONFIG: Table = table(CONFIG_FIELDS);

const CONFIG_FIELDS: &[Field] = &[
    field("name", Shape::Text, Form::Text),
    field("content", Shape::Text, Form::Text),
    field("environment", Shape::Text, Form::Text),
    field("file", Shape::Text, Form::Text),
    field("external", EXTERNAL, Form::Flag),
    field("labels", PAIRS, Form::Pairs),
    field("template_driver", Shape::Text, Form::Text),
];
