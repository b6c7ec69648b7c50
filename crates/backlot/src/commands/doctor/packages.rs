//! What services' Dockerfiles install, and this machine has not.

use std::collections::BTreeMap;

use backlot_engine::{Deployment, Hint, SystemPackages, missing_packages, system_packages};
use backlot_project::Environment;

use super::finding::Finding;
use crate::context::Context;

/// Packages that services need: their languages', which `up` installs, and their systems', which it never does.
pub(super) fn packages(
    context: &Context,
    deployment: &dyn Deployment<'_>,
    environment: &Environment,
) -> Vec<Finding> {
    let mut findings = of_system(&system_packages(environment), &context.caller.variables);
    // What cannot be had is told with what keeps an `up` from starting.
    let all = deployment.packages(&[]).unwrap_or_default();
    for packages in all.into_iter().filter(|packages| !packages.is_there) {
        let need = if packages.services.len() == 1 { "needs" } else { "need" };
        let found = format!("{} {need} what `{}` installs", packages.services.join(", "), packages.said);
        let mend = Hint::from("`").then(Hint::command(&["install"])).then("` installs it, and `up` does");
        findings.push(Finding::warning("packages", found, mend));
    }
    findings
}

fn of_system(all: &[SystemPackages], variables: &BTreeMap<String, String>) -> Vec<Finding> {
    let finding = |packages: &SystemPackages| {
        let (service, manager) = (&packages.service, packages.manager);
        let missing = missing_packages(&packages.names, manager == "apt-get", variables);
        if missing.names.is_empty() {
            return None;
        }
        let names = missing.names.join(" ");
        let mend = if missing.is_known {
            format!("{manager} install {names}, as far as the service needs them to run")
        } else {
            "install what brings the same here, as far as the service needs it to run".to_owned()
        };
        let found = format!("the Dockerfile of {service} has of its system's packages ({manager}): {names}");
        Some(Finding::warning("system", found, mend))
    };
    all.iter().filter_map(finding).collect()
}
