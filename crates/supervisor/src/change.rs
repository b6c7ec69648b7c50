//! Whether a service has changed, so that its processes are to be replaced.

use std::path::{Path, PathBuf};

use crate::runbook::{ProcessRun, ServiceKind, ServiceRun};

impl ServiceRun {
    /// Whether processes of this do not do for `wanted`. What they took from the shell from which they were started does
    /// not count: another one would restart everything. When they are ready, and what is done when they end, is no part
    /// of them.
    pub(crate) fn must_be_replaced_by(&self, wanted: &Self) -> bool {
        let differs = match (&self.kind, &wanted.kind) {
            (ServiceKind::Process(old), ServiceKind::Process(new)) => {
                // Only the gateway knows where the endpoints are.
                let targets =
                    |run: &ProcessRun| run.ports.iter().map(|port| port.target).collect::<Vec<u16>>();
                differ(old, new) || targets(old) != targets(new)
            }
            (ServiceKind::Front(old), ServiceKind::Front(new)) => {
                let listens =
                    |run: &ProcessRun| run.ports.iter().map(|port| port.endpoint).collect::<Vec<u16>>();
                differ(old, new) || listens(old) != listens(new)
            }
            // Its variables are for those who come with `exec`.
            (
                ServiceKind::Database { port: old, process: before },
                ServiceKind::Database { port: new, process: after },
            ) => old != new || !is_same_program(&before.program, &after.program),
            (ServiceKind::Process(_) | ServiceKind::Front(_) | ServiceKind::Database { .. }, _) => true,
        };
        differs || self.fingerprint != wanted.fingerprint
    }

    /// What this becomes where its processes do for `wanted`: judged, restarted and reached as that says.
    pub(crate) fn becoming(&self, wanted: &Self) -> Self {
        let kind = match (&self.kind, &wanted.kind) {
            (ServiceKind::Process(old), ServiceKind::Process(new)) => {
                ServiceKind::Process(ProcessRun { ports: new.ports.clone(), ..old.clone() })
            }
            (ServiceKind::Front(old), ServiceKind::Front(new)) => {
                ServiceKind::Front(ProcessRun { ports: new.ports.clone(), ..old.clone() })
            }
            (_, new) => new.clone(),
        };
        Self { kind, ..wanted.clone() }
    }
}

/// Whether programs differ in anything but their surroundings and their endpoints.
fn differ(old: &ProcessRun, new: &ProcessRun) -> bool {
    let (program, surroundings) = (new.program.clone(), new.surroundings.clone());
    let alike = ProcessRun { program, surroundings, ports: new.ports.clone(), ..old.clone() };
    !is_same_program(&old.program, &new.program) || alike != *new
}

/// Whether two paths lead to one program: `/bin/sh` and `/usr/bin/sh`, where the former directory is a link to the latter.
/// The program itself may be a link that matters, as a virtual environment's `python`.
fn is_same_program(one: &Path, other: &Path) -> bool {
    let place = |path: &Path| -> Option<PathBuf> {
        Some(path.parent()?.canonicalize().ok()?.join(path.file_name()?))
    };
    one == other || place(one).is_some_and(|place_of_one| Some(place_of_one) == place(other))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use backlot_plan::RestartPolicy;

    use crate::runbook::{PortRun, ProcessRun, Readiness, ServiceKind, ServiceRun};
    use backlot_plan::Protocol;

    fn process() -> ProcessRun {
        ProcessRun {
            program: "/bin/sh".into(),
            arguments: vec!["-c".into()],
            directory: "/".into(),
            variables: [("A".to_owned(), "1".to_owned())].into(),
            surroundings: [("PATH".to_owned(), "/bin".to_owned())].into(),
            port_variables: vec!["PORT".into()],
            ports: vec![PortRun {
                target: 80,
                endpoint: 5000,
                published: true,
                also: Vec::new(),
                protocol: Protocol::Http,
                inside: Vec::new(),
            }],
            ..ProcessRun::default()
        }
    }

    fn run(kind: ServiceKind) -> ServiceRun {
        ServiceRun {
            name: "web".into(),
            replicas: 1,
            kind,
            depends_on: BTreeMap::new(),
            readiness: Readiness::Running(Duration::ZERO),
            post_start: Vec::new(),
            pre_stop: Vec::new(),
            quiet_after: Duration::ZERO,
            restart: RestartPolicy::No,
            stop_signal: 15,
            stop_grace: Duration::from_secs(10),
            keeps_data: false,
            fingerprint: "1".into(),
        }
    }

    /// Whether a program has to be replaced after this change.
    fn replaces(change: impl FnOnce(&mut ProcessRun)) -> bool {
        let mut new = process();
        change(&mut new);
        run(ServiceKind::Process(process())).must_be_replaced_by(&run(ServiceKind::Process(new)))
    }

    #[test]
    fn what_runs_counts() {
        assert!(replaces(|new| new.program = "/bin/true".into()));
        assert!(replaces(|new| new.arguments.clear()));
        assert!(replaces(|new| new.directory = "/tmp".into()));
        assert!(replaces(|new| drop(new.variables.insert("A".into(), "2".into()))));
        assert!(replaces(|new| new.ports[0].target = 81));
        let old = run(ServiceKind::Process(process()));
        assert!(old.must_be_replaced_by(&ServiceRun { fingerprint: "2".into(), ..old.clone() }));
        assert!(old.must_be_replaced_by(&run(ServiceKind::Front(process()))));
    }

    #[test]
    fn the_shell_it_was_started_from_does_not_count() {
        assert!(!replaces(|_| ()));
        assert!(!replaces(|new| new.surroundings = [("PATH".to_owned(), "/usr/bin".to_owned())].into()));
        // The same program by another way, where /bin is a link.
        let is_link = std::fs::canonicalize("/bin/sh").ok() == std::fs::canonicalize("/usr/bin/sh").ok();
        assert_eq!(replaces(|new| new.program = "/usr/bin/sh".into()), !is_link);
    }

    #[test]
    fn neither_do_its_endpoints_nor_when_it_is_ready_or_what_is_done_at_its_end() {
        assert!(!replaces(|new| new.ports[0].endpoint = 5001));
        let old = run(ServiceKind::Process(process()));
        let new = ServiceRun {
            replicas: 3,
            readiness: Readiness::Listening(Duration::ZERO),
            restart: RestartPolicy::Always,
            stop_grace: Duration::ZERO,
            ..old.clone()
        };
        assert!(!old.must_be_replaced_by(&new));
    }

    #[test]
    fn what_listens_at_its_endpoints_itself_is_replaced_with_them() {
        let mut moved = process();
        moved.ports[0].endpoint = 5001;
        let front = run(ServiceKind::Front(process()));
        assert!(front.must_be_replaced_by(&run(ServiceKind::Front(moved))));
    }

    #[test]
    fn the_variables_of_a_database_are_not_its_own() {
        let database = |port: u16, value: &str| {
            let variables = [("A".to_owned(), value.to_owned())].into();
            let process = ProcessRun { variables, ..process() };
            run(ServiceKind::Database { port, process })
        };
        assert!(!database(5432, "1").must_be_replaced_by(&database(5432, "2")));
        assert!(database(5432, "1").must_be_replaced_by(&database(5433, "1")));
    }
}
