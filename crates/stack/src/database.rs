//! A database server as a service among others: somebody else starts it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use backlot_facts::container::Container;
use backlot_plan::HealthTimes;
use backlot_postgres::Access;
use backlot_process::{Signal, caller_allow_list};
use backlot_project::stack::{HealthTest, NetworkMode};
use backlot_state::DatabaseRecord;
use backlot_supervisor::{Check, HealthRun, ProcessRun, Readiness, ServiceKind, ServiceRun, Template};

use crate::{error::StackError, ports::Ports, translation::Translation};

/// The language of the official images.
const LANG: &str = "en_US.utf8";
/// How long a server may take to stop.
const DATABASE_GRACE: Duration = Duration::from_mins(1);
/// How often a database is asked whether it is well.
const DATABASE_INTERVAL: Duration = Duration::from_secs(10);
/// How long it may take to answer.
const DATABASE_TIMEOUT: Duration = Duration::from_secs(5);

impl Translation<'_> {
    pub(crate) fn database_run(
        &self,
        container: &Container<'_>,
        database: &DatabaseRecord,
        ports: &Ports,
    ) -> Result<ServiceRun, StackError> {
        let process = ProcessRun {
            program: database.bin_dir.join("postgres"),
            directory: self.root.to_owned(),
            surroundings: database_variables(database, self.caller),
            ports: ports.runs(container, self),
            // What runs beside it knows the others by name, it by its own port, and has its files at their places.
            mounts: self.mounts_beside(container.service)?,
            has_addresses: self.has_addresses() && container.service.network_mode != NetworkMode::Host,
            ..ProcessRun::default()
        };
        let health = self.own_check(container, &process, ports).unwrap_or(HealthRun {
            check: Check::Database,
            times: HealthTimes {
                interval: DATABASE_INTERVAL,
                timeout: DATABASE_TIMEOUT,
                ..HealthTimes::default()
            },
        });
        // Also what nobody keeps is stopped in good order: it may be started again, with all that was committed.
        Ok(ServiceRun {
            name: database.service.clone(),
            replicas: 1,
            kind: ServiceKind::Database { port: database.port, process },
            depends_on: container.service.depends_on.clone(),
            readiness: Readiness::Check(health),
            post_start: Vec::new(),
            pre_stop: Vec::new(),
            quiet_after: Duration::ZERO,
            restart: container.service.restart,
            stop_signal: Signal::SIGINT as i32,
            stop_grace: DATABASE_GRACE,
            keeps_data: true,
            fingerprint: String::new(),
        })
    }

    /// The check that a database's own file asks for. One whose program is nowhere fails, and says so.
    fn own_check(&self, container: &Container<'_>, process: &ProcessRun, ports: &Ports) -> Option<HealthRun> {
        let service = container.service;
        let check = container.healthcheck()?;
        let test = check.test.as_ref()?;
        let own = self.check_of(test, process, ports, &service.name);
        let run = own.or_else(|| match test {
            HealthTest::Command(words) => {
                let program = self.program(container, words, &process.environment());
                let program =
                    program.unwrap_or_else(|_| words.first().map(PathBuf::from).unwrap_or_default());
                let arguments = words.iter().skip(1).map(Template::from).collect();
                Some(Check::Program { program, arguments })
            }
            HealthTest::Shell(_) => None,
        })?;
        Some(HealthRun { check: run, times: check.times() })
    }
}

/// The variables of a program that is to find the database, and the server's own programs first.
pub fn database_variables(
    database: &DatabaseRecord,
    caller: &BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    let mut variables = caller_allow_list(caller);
    variables.extend(database.variables.clone());
    // As in its container: the socket asks for no password, and no database is named, so psql takes the one of the user's
    // name, unless the service's own variables say so.
    let host = database.socket_dir.display().to_string();
    let address = Access { host, ..database.access() };
    for (name, value) in address.libpq_env() {
        let is_own = matches!(name, "PGUSER" | "PGDATABASE" | "PGPASSWORD");
        if name != "PGDATABASE" && !(is_own && database.variables.contains_key(name)) {
            variables.insert(name.into(), value);
        }
    }
    let major = database.version.split('.').next().unwrap_or_default();
    let of_image = [("PG_MAJOR", major), ("PG_VERSION", &database.version), ("LANG", LANG)];
    for (name, value) in of_image.into_iter().filter(|(name, _)| !database.variables.contains_key(*name)) {
        variables.insert(name.into(), value.into());
    }
    variables.insert("PGDATA".into(), database.data_dir.display().to_string());
    let bin = backlot_state::installation(database).path();
    let path = variables.get("PATH").map_or_else(|| bin.clone(), |path| format!("{bin}:{path}"));
    variables.insert("PATH".into(), path);
    variables
}
