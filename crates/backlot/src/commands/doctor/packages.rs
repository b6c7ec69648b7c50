//! What services' Dockerfiles install, and this machine has not.

use std::collections::{BTreeMap, BTreeSet};

use backlot_engine::{Deployment, Hint, SystemPackages, system_packages, tools};
use backlot_process::{Program, caller_allow_list};
use backlot_project::Environment;

use super::finding::{Finding, LIMIT};
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
        let here = if manager == "apt-get" { installed(&packages.names, variables) } else { None };
        let is_known = here.is_some();
        let here = here.unwrap_or_default();
        let is_here =
            |name: &str| here.contains(name) || tools::on_path(program_of(name), variables).is_some();
        let missing: Vec<&str> =
            packages.names.iter().map(String::as_str).filter(|name| !is_here(name)).collect();
        if missing.is_empty() {
            return None;
        }
        let names = missing.join(" ");
        let mend = if is_known {
            format!("{manager} install {names}, as far as the service needs them to run")
        } else {
            "install what brings the same here, as far as the service needs it to run".to_owned()
        };
        let found = format!("the Dockerfile of {service} has of its system's packages ({manager}): {names}");
        Some(Finding::warning("system", found, mend))
    };
    all.iter().filter_map(finding).collect()
}

/// The program for which a package of a system is installed, as far as that is known: it may be here by another package.
fn program_of(package: &str) -> &str {
    const PROGRAMS: [(&str, &str); 5] = [
        ("netcat", "nc"),
        ("postgresql-client", "psql"),
        ("postgresql", "psql"),
        ("redis-tools", "redis-cli"),
        ("build-essential", "cc"),
    ];
    PROGRAMS.iter().find(|(start, _)| package.starts_with(start)).map_or(package, |(_, program)| program)
}

/// Those of Debian's packages that are installed; none where nobody can tell.
fn installed(names: &[String], variables: &BTreeMap<String, String>) -> Option<BTreeSet<String>> {
    let program = tools::on_path("dpkg-query", variables)?;
    let ask = Program::new(program).args(["-W", "-f", "${db:Status-Status} ${Package}\\n", "--"]).args(names);
    let output = ask.envs(caller_allow_list(variables)).output(LIMIT).ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    Some(text.lines().filter_map(|line| line.strip_prefix("installed ")).map(str::to_owned).collect())
}
