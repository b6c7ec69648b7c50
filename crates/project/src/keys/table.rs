//! The table of keys.

/// What is said of a key that is not honoured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// The stack works as it is.
    Warning,
    /// Without it something else would be done than the file says.
    Error,
}

/// When a key makes a difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Whenever it is there.
    Always,
    /// Unless it is false.
    True,
    /// If it is false.
    False,
    /// If it is one of these words.
    Is(&'static [&'static str]),
    /// If it is another word than these, one that begins with these included.
    IsNot(&'static [&'static str]),
    /// If a service refers to a name in it: a text has the name as a word.
    Referred,
    /// If it gives a service another name, after a colon.
    Renames,
}

/// What is not as the file says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    /// When that makes a difference.
    pub when: When,
    /// How bad it is.
    pub level: Level,
    /// What happens.
    pub what: &'static str,
    /// The way out.
    pub instead: &'static str,
}

/// What the native engine does about a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Native {
    /// What the file says is done.
    Honoured,
    /// It changes nothing for a process, and why.
    Void(&'static str),
    /// It is named.
    Named(Gap),
}

/// A key, with all below it that has no row of its own if it is not honoured.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// Its path; `*` is any name, `[]` any member of a list.
    pub key: &'static str,
    /// What is done about it for a program.
    pub process: Native,
    /// The same for a Postgres server.
    pub postgres: Native,
}

const fn yes(key: &'static str) -> Row {
    Row { key, process: Native::Honoured, postgres: Native::Honoured }
}

const fn void(key: &'static str, why: &'static str) -> Row {
    Row { key, process: Native::Void(why), postgres: Native::Void(why) }
}

const fn gap(when: When, what: &'static str, instead: &'static str) -> Native {
    Native::Named(Gap { when, level: Level::Warning, what, instead })
}

const fn warn(key: &'static str, what: &'static str) -> Row {
    warn_when(key, When::Always, what, DOCKER)
}

const fn warn_when(key: &'static str, when: When, what: &'static str, instead: &'static str) -> Row {
    Row { key, process: gap(when, what, instead), postgres: gap(when, what, instead) }
}

const fn refuse(key: &'static str, what: &'static str, instead: &'static str) -> Row {
    let named = Native::Named(Gap { when: When::Always, level: Level::Error, what, instead });
    Row { key, process: named, postgres: named }
}

impl Row {
    /// The same, but nothing for a Postgres server.
    const fn void_for_postgres(self, why: &'static str) -> Self {
        Self { postgres: Native::Void(why), ..self }
    }

    /// The same, but honoured for a Postgres server.
    const fn with_postgres(self) -> Self {
        Self { postgres: Native::Honoured, ..self }
    }
}

const DOCKER: &str = "--engine docker honours it";
const BUILD: &str = "nothing is built natively";
const PULL: &str = "no image is pulled natively";
const LABEL: &str = "a label changes nothing for a process";
const SWARM: &str = "only Swarm heeds it, Compose does not either";
const WATCH: &str = "it is for `docker compose watch` alone";
const NETWORK: &str = "all services of a stack reach each other on this machine";
const SERVER: &str = "the server runs with what it needs of this machine";
const USED: &str = "it is named where a service uses it";
const LIMIT: &str = "a native process has no such limit";
const RIGHTS: &str = "a native process has the rights of whoever starts it";
const NAME: &str = "the name is not known natively";
const FILE: &str = "the file is read where it is";
const MADE: &str = "the engine names the volume if it cannot make it so";

/// All keys, in the order of their paths.
pub const ROWS: &[Row] = &[
    yes("configs"),
    void("configs.*.content", USED),
    void("configs.*.environment", USED),
    void("configs.*.external", USED),
    void("configs.*.file", USED),
    void("configs.*.labels", LABEL),
    void("configs.*.name", USED),
    warn("configs.*.template_driver", "the text is not made from a template natively"),
    yes("include"),
    yes("include.[].env_file"),
    yes("include.[].path"),
    yes("include.[].project_directory"),
    void("models", "it is named where a service uses it"),
    yes("name"),
    void("networks", NETWORK),
    warn_when(
        "networks.*.external",
        When::True,
        "services of other projects are not reached by their names natively",
        DOCKER,
    ),
    warn_when("networks.*.internal", When::True, "services reach the outside natively", DOCKER),
    yes("secrets"),
    warn("secrets.*.driver", "there are no drivers of secrets natively"),
    warn("secrets.*.driver_opts", "there are no drivers of secrets natively"),
    void("secrets.*.environment", USED),
    void("secrets.*.external", USED),
    void("secrets.*.file", USED),
    void("secrets.*.labels", LABEL),
    void("secrets.*.name", USED),
    warn("secrets.*.template_driver", "the text is not made from a template natively"),
    yes("services"),
    void("services.*.annotations", LABEL),
    warn_when(
        "services.*.attach",
        When::False,
        "what it prints is shown in the foreground all the same",
        "--engine docker leaves it out",
    ),
    warn("services.*.blkio_config", LIMIT),
    yes("services.*.build"),
    void("services.*.build.additional_contexts", BUILD),
    yes("services.*.build.args"),
    void("services.*.build.cache_from", BUILD),
    void("services.*.build.cache_to", BUILD),
    yes("services.*.build.context"),
    yes("services.*.build.dockerfile"),
    yes("services.*.build.dockerfile_inline"),
    void("services.*.build.entitlements", BUILD),
    void("services.*.build.extra_hosts", BUILD),
    void("services.*.build.isolation", BUILD),
    void("services.*.build.labels", LABEL),
    void("services.*.build.network", BUILD),
    void("services.*.build.no_cache", BUILD),
    void("services.*.build.no_cache_filter", BUILD),
    void("services.*.build.platforms", BUILD),
    void("services.*.build.privileged", BUILD),
    void("services.*.build.provenance", BUILD),
    void("services.*.build.pull", BUILD),
    void("services.*.build.sbom", BUILD),
    void("services.*.build.secrets", BUILD),
    void("services.*.build.shm_size", BUILD),
    void("services.*.build.ssh", BUILD),
    void("services.*.build.tags", BUILD),
    yes("services.*.build.target"),
    void("services.*.build.ulimits", BUILD),
    warn("services.*.cap_add", RIGHTS).void_for_postgres(SERVER),
    warn("services.*.cap_drop", RIGHTS).void_for_postgres(SERVER),
    warn_when(
        "services.*.cgroup",
        When::IsNot(&["host"]),
        "a native process is in the group of whoever starts it",
        DOCKER,
    ),
    warn("services.*.cgroup_parent", "a native process is in the group of whoever starts it"),
    yes("services.*.command"),
    warn_when(
        "services.*.configs",
        When::Always,
        "the file is not at its place natively",
        "mount it as a volume, name its own path, or use --engine docker",
    )
    .with_postgres(),
    void("services.*.configs.[].gid", FILE),
    void("services.*.configs.[].mode", FILE),
    yes("services.*.configs.[].source"),
    yes("services.*.configs.[].target"),
    void("services.*.configs.[].uid", FILE),
    warn_when(
        "services.*.container_name",
        When::Referred,
        NAME,
        "name the service instead, or use --engine docker",
    ),
    warn("services.*.cpu_count", LIMIT),
    warn("services.*.cpu_percent", LIMIT),
    warn("services.*.cpu_period", LIMIT),
    warn("services.*.cpu_quota", LIMIT),
    warn("services.*.cpu_rt_period", LIMIT),
    warn("services.*.cpu_rt_runtime", LIMIT),
    warn("services.*.cpu_shares", LIMIT),
    warn("services.*.cpus", LIMIT),
    warn("services.*.cpuset", LIMIT),
    warn("services.*.credential_spec", RIGHTS),
    yes("services.*.depends_on"),
    yes("services.*.depends_on.*.condition"),
    yes("services.*.depends_on.*.required"),
    yes("services.*.depends_on.*.restart"),
    yes("services.*.deploy"),
    void("services.*.deploy.endpoint_mode", SWARM),
    void("services.*.deploy.labels", LABEL),
    void("services.*.deploy.mode", SWARM),
    void("services.*.deploy.placement", SWARM),
    yes("services.*.deploy.replicas"),
    void("services.*.deploy.resources", "a process takes what it needs of this machine"),
    warn("services.*.deploy.resources.limits", LIMIT),
    yes("services.*.deploy.restart_policy"),
    yes("services.*.deploy.restart_policy.condition"),
    void("services.*.deploy.restart_policy.delay", SWARM),
    yes("services.*.deploy.restart_policy.max_attempts"),
    void("services.*.deploy.restart_policy.window", SWARM),
    void("services.*.deploy.rollback_config", SWARM),
    void("services.*.deploy.update_config", SWARM),
    void("services.*.develop", WATCH),
    warn("services.*.device_cgroup_rules", "a native process sees the devices that its user may use"),
    warn(
        "services.*.devices",
        "a native process sees the devices that its user may use, under their own paths",
    ),
    warn("services.*.dns", "names are looked up as this machine does"),
    warn("services.*.dns_opt", "names are looked up as this machine does"),
    warn("services.*.dns_search", "names are looked up as this machine does"),
    warn("services.*.domainname", "a native process sees this machine's name"),
    yes("services.*.entrypoint"),
    yes("services.*.env_file"),
    yes("services.*.env_file.[].format"),
    yes("services.*.env_file.[].path"),
    yes("services.*.env_file.[].required"),
    yes("services.*.environment"),
    yes("services.*.expose"),
    yes("services.*.extends"),
    yes("services.*.extends.file"),
    yes("services.*.extends.service"),
    warn("services.*.external_links", "services of other projects are not reached by their names natively"),
    warn_when(
        "services.*.extra_hosts",
        When::Always,
        NAME,
        "write the address where it is used (host.docker.internal is 127.0.0.1), or use --engine docker",
    )
    .void_for_postgres(SERVER),
    void("services.*.gpus", "a process sees the GPUs of this machine"),
    warn("services.*.group_add", RIGHTS).void_for_postgres(SERVER),
    yes("services.*.healthcheck"),
    yes("services.*.healthcheck.disable"),
    yes("services.*.healthcheck.interval"),
    yes("services.*.healthcheck.retries"),
    yes("services.*.healthcheck.start_interval"),
    yes("services.*.healthcheck.start_period"),
    yes("services.*.healthcheck.test"),
    yes("services.*.healthcheck.timeout"),
    warn("services.*.hostname", "a native process sees this machine's name, and others do not know this one")
        .void_for_postgres(SERVER),
    yes("services.*.image"),
    yes("services.*.init"),
    warn_when(
        "services.*.ipc",
        When::IsNot(&["host", "shareable", "service:"]),
        "a native process shares the memory of this machine",
        DOCKER,
    )
    .void_for_postgres(SERVER),
    void("services.*.isolation", "it is for Windows alone"),
    void("services.*.label_file", LABEL),
    void("services.*.labels", LABEL),
    warn_when("services.*.links", When::Renames, NAME, "name the service itself, or use --engine docker"),
    void("services.*.logging", "what services print is kept and rotated by Backlot"),
    warn_when(
        "services.*.logging.driver",
        When::IsNot(&["json-file", "local", "none", "journald"]),
        "what it prints is kept here, and not sent there",
        "read it with `backlot logs`, or use --engine docker",
    ),
    warn("services.*.mac_address", "a native process has this machine's own"),
    warn("services.*.mem_limit", LIMIT),
    void("services.*.mem_reservation", "a process takes what it needs of this machine"),
    warn("services.*.mem_swappiness", LIMIT),
    warn("services.*.memswap_limit", LIMIT),
    warn_when(
        "services.*.models",
        When::Always,
        "no model is started natively, and its variables are not set",
        "set them in `environment`, or use --engine docker",
    ),
    warn_when(
        "services.*.network_mode",
        When::IsNot(&["host", "bridge", "default", "service:"]),
        "a native process has this machine's network",
        DOCKER,
    ),
    void("services.*.networks", NETWORK),
    warn_when(
        "services.*.networks.*.aliases",
        When::Referred,
        NAME,
        "name the service instead, or use --engine docker",
    ),
    warn("services.*.networks.*.ipv4_address", "it is reached at 127.0.0.1 natively"),
    warn("services.*.networks.*.ipv6_address", "it is reached at 127.0.0.1 natively"),
    warn("services.*.networks.*.link_local_ips", "it is reached at 127.0.0.1 natively"),
    warn("services.*.networks.*.mac_address", "a native process has this machine's own"),
    warn_when("services.*.oom_kill_disable", When::True, LIMIT, DOCKER),
    warn("services.*.oom_score_adj", LIMIT),
    warn_when(
        "services.*.pid",
        When::IsNot(&["host", "service:"]),
        "a native process sees those of this machine",
        DOCKER,
    ),
    warn("services.*.pids_limit", LIMIT),
    void("services.*.platform", "programs are this machine's own"),
    yes("services.*.ports"),
    yes("services.*.ports.[].app_protocol"),
    yes("services.*.ports.[].host_ip"),
    void("services.*.ports.[].mode", SWARM),
    void("services.*.ports.[].name", LABEL),
    warn_when(
        "services.*.ports.[].protocol",
        When::IsNot(&["tcp"]),
        "only TCP ports are published natively",
        "tell the program itself where to listen, or use --engine docker",
    ),
    yes("services.*.ports.[].published"),
    yes("services.*.ports.[].target"),
    warn_when(
        "services.*.post_start",
        When::Always,
        "it is not run natively",
        "run it with `backlot exec` after the start, or use --engine docker",
    ),
    refuse(
        "services.*.pre_start",
        "it is not run natively before the service starts",
        "make it a service of its own that this one depends on (service_completed_successfully), or use --engine docker",
    ),
    warn_when(
        "services.*.pre_stop",
        When::Always,
        "it is not run natively",
        "run it with `backlot exec` before `backlot down`, or use --engine docker",
    ),
    warn_when("services.*.privileged", When::True, RIGHTS, DOCKER).void_for_postgres(SERVER),
    yes("services.*.profiles"),
    yes("services.*.provider"),
    yes("services.*.provider.options"),
    yes("services.*.provider.type"),
    void("services.*.pull_policy", PULL),
    void("services.*.pull_refresh_after", PULL),
    warn_when("services.*.read_only", When::True, "a native process may write where its user may", DOCKER)
        .void_for_postgres(SERVER),
    yes("services.*.restart"),
    void("services.*.runtime", "no container is made natively"),
    yes("services.*.scale"),
    warn_when(
        "services.*.secrets",
        When::Always,
        "the file is not at its place natively",
        "name its own path, or use --engine docker",
    )
    .with_postgres(),
    void("services.*.secrets.[].gid", FILE),
    void("services.*.secrets.[].mode", FILE),
    yes("services.*.secrets.[].source"),
    yes("services.*.secrets.[].target"),
    void("services.*.secrets.[].uid", FILE),
    warn("services.*.security_opt", RIGHTS).void_for_postgres(SERVER),
    void("services.*.shm_size", "a process has the shared memory of this machine"),
    warn_when(
        "services.*.stdin_open",
        When::True,
        "a service reads nothing natively",
        "`backlot exec` or `backlot run` a command that does, or use --engine docker",
    )
    .void_for_postgres(SERVER),
    yes("services.*.stop_grace_period"),
    yes("services.*.stop_signal"),
    warn("services.*.storage_opt", LIMIT),
    warn("services.*.sysctls", "the settings of this machine's kernel hold").void_for_postgres(SERVER),
    warn_when(
        "services.*.tmpfs",
        When::Always,
        "the folder is not made natively",
        "use a folder below the working directory or /tmp, or --engine docker",
    )
    .void_for_postgres("where a database's data goes is known otherwise"),
    warn_when(
        "services.*.tty",
        When::True,
        "a service has no terminal natively",
        "`backlot exec` or `backlot run` a command that needs one, or use --engine docker",
    )
    .void_for_postgres(SERVER),
    warn("services.*.ulimits", "a native process has the limits of whoever starts it"),
    warn("services.*.use_api_socket", "the socket of Docker's API is not handed in natively"),
    warn("services.*.user", "a native process runs as whoever starts it").void_for_postgres(SERVER),
    warn_when("services.*.userns_mode", When::IsNot(&["host"]), RIGHTS, DOCKER).void_for_postgres(SERVER),
    warn_when("services.*.uts", When::IsNot(&["host"]), "a native process sees this machine's name", DOCKER),
    yes("services.*.volumes"),
    void("services.*.volumes.[].bind", "files are used where they are"),
    void("services.*.volumes.[].consistency", "Compose does not heed it any more"),
    void("services.*.volumes.[].image", "the mount is named by its type"),
    void(
        "services.*.volumes.[].read_only",
        "files are used where they are, with the rights of whoever starts the process",
    ),
    yes("services.*.volumes.[].source"),
    yes("services.*.volumes.[].target"),
    void("services.*.volumes.[].tmpfs", "the mount is named by its type"),
    warn_when(
        "services.*.volumes.[].type",
        When::Is(&["tmpfs", "image", "npipe", "cluster"]),
        "it is not mounted natively",
        DOCKER,
    )
    .void_for_postgres("where a database's data goes is known otherwise"),
    yes("services.*.volumes.[].volume"),
    void("services.*.volumes.[].volume.labels", LABEL),
    void("services.*.volumes.[].volume.nocopy", "nothing is copied into a volume natively"),
    yes("services.*.volumes.[].volume.subpath"),
    warn("services.*.volumes_from", "the volumes of other services are not mounted natively"),
    yes("services.*.working_dir"),
    void("version", "it has long had no meaning"),
    yes("volumes"),
    void("volumes.*.driver", MADE),
    void("volumes.*.driver_opts", MADE),
    yes("volumes.*.external"),
    yes("volumes.*.external.name"),
    void("volumes.*.labels", LABEL),
    yes("volumes.*.name"),
];
