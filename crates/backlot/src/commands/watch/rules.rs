//! Which files are watched for which service.

use std::path::Path;

use backlot_engine::{Container, own};
use backlot_project::stack::{MountKind, WatchAction, WatchRule};
use backlot_project::{Environment, Service};
use backlot_watch::{GitIgnored, Patterns, Rule};

use crate::error::CommandError;

/// What is watched.
#[derive(Default)]
pub struct Chosen {
    pub rules: Vec<Rule>,
    /// What of the file is not done, and of which service nothing is watched.
    pub notes: Vec<String>,
}

/// The rules of these services; of all, if none is named.
///
/// # Errors
/// Where there is nothing to watch, or what the file says makes no sense.
pub fn choose(environment: &Environment, root: &Path, named: &[String]) -> Result<Chosen, CommandError> {
    let mut chosen = Chosen::default();
    let own: Vec<_> = own::services(&environment.stack, root);
    let stack = &environment.stack.services;
    for service in stack.values().filter(|service| named.is_empty() || named.contains(&service.name)) {
        let docker = Patterns::of_build(service);
        let docker = docker.map_err(|error| invalid(service, &format!(".dockerignore: {error}")))?;
        for (number, rule) in service.watch.iter().enumerate() {
            check(service, rule, &mut chosen.notes)?;
            let rule = Rule::said(&service.name, (number, rule), docker.clone());
            chosen.rules.push(rule.map_err(|error| invalid(service, &error.to_string()))?);
        }
        if !service.watch.is_empty() {
            continue;
        }
        match own.iter().find(|container| container.service.name == service.name) {
            Some(container) => chosen.rules.push(of_source(container, docker, environment, root)),
            None if named.is_empty() => {}
            None => chosen
                .notes
                .push(format!("service {} has no source here, and no develop.watch", service.name)),
        }
    }
    if chosen.rules.is_empty() {
        let which = if named.is_empty() {
            "no service has".to_owned()
        } else {
            format!("{}: there is no", named.join(", "))
        };
        let error = format!("{which} source here, and no develop.watch");
        return Err(CommandError::failed("nothing-to-watch", error).hint(
            "say under a service what to watch: `develop: {watch: [{path: ./conf, action: restart}]}`",
        ));
    }
    Ok(chosen)
}

fn of_source(
    container: &Container<'_>,
    docker: Option<Patterns>,
    environment: &Environment,
    root: &Path,
) -> Rule {
    let folder = container.sources().unwrap_or_else(|| container.directory());
    let floor = if folder.starts_with(root) { root } else { folder.as_path() };
    let git = GitIgnored::around(&folder, floor);
    let rule = Rule::of_source(&container.service.name, &folder, (docker, git), &environment.files);
    let is_mounted = container.service.volumes.iter().any(|mount| match &mount.kind {
        MountKind::Bind { source } => folder.starts_with(source),
        MountKind::Volume { .. } | MountKind::Tmpfs { .. } | MountKind::Other { .. } => false,
    });
    if container.dockerfile.made.is_empty() || is_mounted { rule } else { rule.built() }
}

/// Says what is missing, and notes what is not done.
fn check(service: &Service, rule: &WatchRule, notes: &mut Vec<String>) -> Result<(), CommandError> {
    let path = rule.path.display();
    if rule.action.syncs() && rule.target.is_none() {
        return Err(invalid(service, &format!("what is copied from {path} needs a target")));
    }
    let has_command = rule.exec.as_ref().is_some_and(|exec| !exec.command.is_empty());
    if rule.action == WatchAction::SyncExec && !has_command {
        return Err(invalid(service, &format!("sync+exec of {path} needs exec.command")));
    }
    if !rule.path.exists() {
        notes.push(format!("service {}: {path}, which is to be watched, is not there yet", service.name));
    }
    if rule.exec.as_ref().is_some_and(|exec| exec.user.is_some() || exec.privileged) {
        notes.push(format!(
            "service {}: the command for {path} runs as you, not as develop.watch says",
            service.name
        ));
    }
    Ok(())
}

fn invalid(service: &Service, what: &str) -> CommandError {
    CommandError::failed("watch-invalid", format!("service {}, develop.watch: {what}", service.name))
}
