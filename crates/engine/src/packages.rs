//! What Dockerfiles install for the whole of their image's system.

use std::collections::BTreeMap;

use backlot_dockerfile::of_service;
use backlot_project::Environment;

/// The packages of a system that services' Dockerfiles install.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SystemPackages {
    /// The service.
    pub service: String,
    /// What installs them there: `apt-get`, `apk`, `dnf`.
    pub manager: &'static str,
    /// Their names.
    pub names: Vec<String>,
}

/// The packages of a system that the services of `environment` have in their images; nothing of a Dockerfile that cannot be read.
pub fn system_packages(environment: &Environment) -> Vec<SystemPackages> {
    let mut all = Vec::new();
    for service in environment.stack.services.values() {
        let mut by_manager: BTreeMap<&'static str, Vec<String>> = BTreeMap::new();
        for package in of_service(service).ok().flatten().unwrap_or_default().installs.packages {
            by_manager.entry(package.manager).or_default().push(package.name);
        }
        let of = |(manager, names)| SystemPackages { service: service.name.clone(), manager, names };
        all.extend(by_manager.into_iter().map(of));
    }
    all
}
