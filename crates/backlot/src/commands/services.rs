//! Services that are named on the command line.

use std::collections::BTreeSet;

use backlot_near::instead;
use backlot_project::Project;
use backlot_supervisor::ServiceReport;

use crate::context::Context;
use crate::error::CommandError;

/// Keeps the reports of the services that are named; all, if none is.
///
/// # Errors
/// When one that is named is neither there nor in the project's files.
pub fn choose(
    named: &[String],
    mut all: Vec<ServiceReport>,
    project: &Project,
    context: &Context,
) -> Result<Vec<ServiceReport>, CommandError> {
    let running = all.iter().map(|service| service.name.clone()).collect();
    check(named, running, project, context)?;
    all.retain(|service| named.is_empty() || named.contains(&service.name));
    Ok(all)
}

/// Checks that each of `named` is one of `known`, or in the project's files.
///
/// # Errors
/// For the first that is neither.
pub fn check(
    named: &[String],
    mut known: BTreeSet<String>,
    project: &Project,
    context: &Context,
) -> Result<(), CommandError> {
    if named.iter().all(|name| known.contains(name)) {
        return Ok(());
    }
    // What runs can be looked at even if the files are broken by now.
    let environment = context.environment(project).ok();
    let stacks = environment.iter().map(|environment| &environment.stack);
    known.extend(stacks.flat_map(|stack| stack.services.keys().chain(&stack.off)).cloned());
    named.iter().find(|name| !known.contains(*name)).map_or(Ok(()), |name| Err(unknown(name, &known)))
}

/// That there is no service of this name.
pub fn unknown(name: &str, known: &BTreeSet<String>) -> CommandError {
    let instead = instead(name, known.iter().map(String::as_str));
    CommandError::failed("no-service", format!("there is no service {name} ({instead})"))
}
