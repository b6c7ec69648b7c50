//! The project, and what an `up` of the chosen environment would say.

use std::collections::BTreeMap;

use backlot_engine::{Deployment, Hint, Wishes, moved, schema, settle};
use backlot_project::{Environment, EnvironmentName, Location, Project, ProjectError};

use super::finding::Finding;
use super::packages::packages;
use crate::commands::up::all_off;
use crate::context::Context;
use crate::error::CommandError;

pub(super) fn project(context: &Context) -> Vec<Finding> {
    let project = match context.project() {
        Ok(project) => project,
        Err(error) => {
            let mend = error.hints.first().cloned().unwrap_or_else(|| "".into());
            return vec![Finding::warning("project", error.error.to_string(), mend)];
        }
    };
    let (mut findings, mut names, mut fetches) =
        (Vec::new(), Vec::new(), BTreeMap::<String, Vec<String>>::new());
    for name in project.environments() {
        match context.environment_named(&project, &name) {
            Err(error) => findings.extend(unreadable(&name, &project, &error)),
            Ok(environment) => {
                names.push(name.to_string());
                for order in orders(context, &project, environment) {
                    fetches.entry(order).or_default().push(name.to_string());
                }
            }
        }
    }
    if !names.is_empty() {
        let found = format!("{} in {}: {}", project.name(), project.root().display(), names.join(", "));
        findings.insert(0, Finding::good("project", found));
    }
    findings.extend(fetches.into_iter().map(|(order, environments)| {
        Finding::good("to fetch", format!("{} would {order}", environments.join(", ")))
    }));
    findings.extend(chosen(context, &project));
    findings
}

/// All that is wrong with the files of an environment, each with its place and its way out.
fn unreadable(name: &EnvironmentName, project: &Project, error: &CommandError) -> Vec<Finding> {
    let see = || Hint::from("see `").then(Hint::command(&["config", "-e", name.as_str()])).then("`");
    let finding = |what: String, at: Option<&Location>, hint: Option<Hint>| {
        let place = at.map(|at| format!(" ({at})")).unwrap_or_default();
        let found = format!("{name} in {}: {what}{place}", project.root().display());
        Finding::bad("project", found, hint.unwrap_or_else(see))
    };
    let Some(first) = error.error.downcast_ref::<ProjectError>() else {
        return vec![finding(error.error.to_string(), None, error.hints.first().cloned())];
    };
    let hint = |text: Option<&str>| text.map(Hint::from);
    let more = first.more().iter();
    let more = more.map(|fault| finding(fault.to_string(), fault.location(), hint(fault.hint())));
    let first = finding(first.to_string(), first.location(), hint(first.hint()));
    [first].into_iter().chain(more).collect()
}

/// What an `up` of an environment would have to fetch; that it cannot be is told as what keeps it from starting.
fn orders(context: &Context, project: &Project, environment: Environment) -> Vec<String> {
    let Ok(home) = context.home() else { return Vec::new() };
    backlot_engine::to_fetch(context.ground(&home, project), environment).unwrap_or_default()
}

/// What an `up` of the chosen environment would tell, and what keeps it from starting: as its dry run does.
fn chosen(context: &Context, project: &Project) -> Vec<Finding> {
    let (Ok(home), Some(mut environment)) = (context.home(), context.environment_as_far(project)) else {
        return Vec::new();
    };
    let wishes = Wishes::default();
    if let Some(error) = all_off(&environment) {
        context.tell_of(&environment);
        return vec![obstacle(error.error.to_string(), error.hints.first().cloned())];
    }
    let _ = settle(&home, project, &mut environment, false);
    let ports = moved(&home, project, &environment);
    let deployment =
        match context.deployment_as_is(context.ground(&home, project), environment.clone(), &wishes) {
            Ok(deployment) => deployment,
            Err(error) => return vec![obstacle(error.error.to_string(), error.hints.first().cloned())],
        };
    let lines = deployment.told(&wishes).unwrap_or_else(|_| context.not_done(project, &environment));
    let mut findings: Vec<Finding> = lines.into_iter().map(key).collect();
    findings.extend(ports.iter().map(|port| Finding::good("ports", port.to_string())));
    let image = |line: String| Finding { mend: None, ..Finding::warning("image", line, "") };
    findings.extend(deployment.details(&wishes).into_iter().map(image));
    findings.extend(packages(context, deployment.as_ref(), &environment));
    findings.extend(obstacles(deployment.as_ref(), &wishes));
    findings.extend(migrations(project, &environment));
    findings
}

fn key(line: String) -> Finding {
    match line.rsplit_once("; ") {
        Some((what, way_out)) => Finding::warning("key", what, way_out),
        None => Finding { mend: None, ..Finding::warning("key", line, "") },
    }
}

fn obstacles(deployment: &dyn Deployment<'_>, wishes: &Wishes) -> Option<Finding> {
    let error = deployment.plan_up(wishes).err()?;
    Some(obstacle(backlot_process::in_full(&error), error.hint()))
}

fn obstacle(found: String, mend: Option<Hint>) -> Finding {
    Finding { mend, ..Finding::warning("stack", found, "") }
}

/// Migrations that nobody says are to be run.
fn migrations(project: &Project, environment: &Environment) -> Vec<Finding> {
    let unused = schema::unused(&environment.stack, project.root(), environment.for_all);
    let finding = |(service, tool): (Option<String>, schema::Tool)| {
        let (name, way_out) = (tool.name, tool.way_out(service.as_deref()));
        Finding::good(
            "migrations",
            format!("{name} has some, which nothing runs before scenarios and tests: {way_out} does"),
        )
    };
    unused.into_iter().map(finding).collect()
}
