//! Taking an environment down on Docker, whatever is left of it.

use std::collections::BTreeSet;
use std::iter;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use backlot_plan::{ContainerRemoval, Filling as Filled, ObservedContainers, Removal, containers_down};
use backlot_process::{Output, port_holder};
use backlot_state::{DockerRecord, EngineError, Event, Filling, Report, Site, Taken, mark, tell};

use crate::client::{Client, run};
use crate::compose::ComposeProject;
use crate::container::Life;
use crate::error::DockerError;

/// How long containers may take to stop: each has its own grace period.
const DOWN_LIMIT: Duration = Duration::from_mins(10);
/// How long Docker may go on making things for a command that was killed.
const SETTLE_LIMIT: Duration = Duration::from_secs(10);

/// The kinds of things that Compose labels with its project, and how they are listed and removed.
const NETWORK: &str = "network";
const VOLUME: &str = "volume";

impl Client {
    /// The networks or volumes of a Compose project.
    fn things(&self, kind: &str, project: &str) -> Result<Vec<String>, DockerError> {
        let filter = format!("label=com.docker.compose.project={project}");
        let output = self.ask([kind, "ls", "--quiet", "--filter", &filter])?;
        Ok(String::from_utf8_lossy(&output.stdout).split_whitespace().map(str::to_owned).collect())
    }

    /// Those of the volumes that are kept to have data of the environment at `site` which are there.
    pub fn volumes_of(&self, site: &Site) -> Result<BTreeSet<String>, EngineError> {
        let Some(has) = site.data_on_docker()? else { return Ok(BTreeSet::new()) };
        let output = self.ask(["volume", "ls", "--quiet"])?;
        let there = String::from_utf8_lossy(&output.stdout).into_owned();
        Ok(there.lines().filter(|name| has.volumes.contains(*name)).map(str::to_owned).collect())
    }

    /// Who has a port of the daemon's machine: the container that publishes it, else a process, if that machine is ours.
    pub(super) fn holder_of(&self, port: u16) -> Option<String> {
        let filter = format!("publish={port}");
        let output = self.ask(["ps", "--filter", &filter, "--format", "{{.Names}}"]).ok()?;
        if let Some(name) = String::from_utf8_lossy(&output.stdout).lines().next() {
            return Some(format!("container {name}"));
        }
        self.is_local().then(|| port_holder(port)).flatten().map(|holder| holder.to_string())
    }

    fn remove(&self, kind: &str, options: &[&str], ids: &[String]) -> Result<(), DockerError> {
        if ids.is_empty() {
            return Ok(());
        }
        let words = kind.split_whitespace().chain(options.iter().copied()).map(str::to_owned);
        let program = self.docker(words.chain(ids.iter().cloned()));
        match run(&program, DOWN_LIMIT, &AtomicBool::new(false)) {
            Ok(_) => Ok(()),
            // What has gone meanwhile is as good as removed, and what is being removed will be.
            Err(DockerError::Failed { last_lines, .. })
                if last_lines.iter().all(|line| {
                    let line = line.to_lowercase();
                    line.contains("no such")
                        || line.contains("already in progress")
                        || line.contains("not found")
                }) =>
            {
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Stops these containers, each with its own grace period, and removes them; their volumes stay.
    pub(super) fn end_and_remove(&self, ids: &[String], interrupted: &AtomicBool) -> Result<(), DockerError> {
        if !ids.is_empty() {
            let words = self.hastened("stop").into_iter().chain(ids.iter().cloned());
            run(&self.docker(words), DOWN_LIMIT, interrupted)?;
        }
        self.remove("rm", &["--force"], ids)
    }

    /// Kills and removes the containers of a project with their anonymous volumes, and its networks. Docker may still be
    /// at work for a command that was killed, so it is looked again until nothing comes any more.
    fn kill_all(&self, project: &str) -> Result<(), DockerError> {
        let start = Instant::now();
        loop {
            let containers = self.containers(project)?;
            let networks = self.things(NETWORK, project)?;
            if containers.is_empty() && networks.is_empty() {
                return Ok(());
            }
            let ids: Vec<String> = containers.into_iter().map(|container| container.id).collect();
            self.remove("rm", &["--force", "--volumes"], &ids)?;
            let removed = self.remove("network rm", &[], &networks);
            if start.elapsed() > SETTLE_LIMIT {
                return removed;
            }
        }
    }
}

/// What of the environment at `site` is there.
fn observed(
    client: &Client,
    site: &Site,
    record: Option<&DockerRecord>,
) -> Result<ObservedContainers, EngineError> {
    let mut observed = ObservedContainers { files: site.has_files(), ..ObservedContainers::ABSENT };
    if let Some(record) = record {
        observed.containers = !client.containers(&record.project)?.is_empty()
            || !client.things(NETWORK, &record.project)?.is_empty();
        observed.volumes = !client.things(VOLUME, &record.project)?.is_empty();
        observed.filling = Filled::NotYet;
    }
    Ok(observed)
}

/// The names of the volumes of the environment at `site`.
pub(crate) fn volumes(client: &Client, site: &Site) -> Result<Vec<String>, EngineError> {
    match client.record_at(site)? {
        Some(record) => Ok(client.things(VOLUME, &record.project)?),
        None => Ok(Vec::new()),
    }
}

/// The steps that [`down`] would carry out now.
pub(crate) fn plan_down(
    client: &Client,
    site: &Site,
    volumes: bool,
) -> Result<Vec<ContainerRemoval>, EngineError> {
    Ok(containers_down(&observed(client, site, client.record_at(site)?.as_ref())?, volumes))
}

/// Takes the environment at `site` down, without waiting for containers to end by themselves from when `hurry` is set.
/// Returns the steps that were carried out.
pub(crate) fn down(
    client: &Client,
    site: &Site,
    volumes: bool,
    hurry: &AtomicBool,
    report: Report<'_>,
) -> Result<Vec<ContainerRemoval>, EngineError> {
    let taken = site.take()?;
    take_down(client, &taken, volumes, hurry, report)
}

fn take_down(
    client: &Client,
    taken: &Taken,
    volumes: bool,
    hurry: &AtomicBool,
    report: Report<'_>,
) -> Result<Vec<ContainerRemoval>, EngineError> {
    let steps = plan_down(client, taken.site(), volumes)?;
    for step in &steps {
        tell(step, report, |_| take_away(client, taken, *step, hurry))?;
    }
    Ok(steps)
}

/// Takes something away.
pub(super) fn take_away(
    client: &Client,
    taken: &Taken,
    step: ContainerRemoval,
    hurry: &AtomicBool,
) -> Result<String, EngineError> {
    let site = taken.site();
    let name = site.name();
    match step {
        ContainerRemoval::Containers => {
            end_filling(site);
            if let Some(record) = client.record_at(site)? {
                // What is thrown away need not end well; the rest is stopped as its users stop it.
                if !record.throwaway {
                    stop_politely(client, &record, hurry)?;
                }
                client.kill_all(&record.project)?;
            }
            Ok(format!("the containers of {name}"))
        }
        ContainerRemoval::Volumes => {
            if let Some(record) = client.record_at(site)? {
                let volumes = client.things(VOLUME, &record.project)?;
                client.remove("volume rm", &[], &volumes)?;
            }
            // What is external to its files stays, and so does it.
            site.forget_on_docker(client.volumes_of(site)?)?;
            Ok(format!("the volumes of {name}"))
        }
        ContainerRemoval::Files => {
            end_filling(site);
            if client.record_at(site)?.is_some_and(|record| record.throwaway) {
                site.forget_on_docker(BTreeSet::new())?;
            }
            taken.remove_live()?;
            Ok(format!("the files of {name}"))
        }
    }
}

/// Stops the containers of the environment at `site`, which stay with all that is in them. Returns whether any ran.
pub(crate) fn stop(
    client: &Client,
    site: &Site,
    hurry: &AtomicBool,
    report: Report<'_>,
) -> Result<bool, EngineError> {
    let _taken = site.take()?;
    let Some(record) = client.record_at(site)? else { return Ok(false) };
    if !client.containers(&record.project)?.iter().any(|container| container.life == Life::Running) {
        return Ok(false);
    }
    end_filling(site);
    tell(&Removal::StopServices, report, |_| {
        stop_politely(client, &record, hurry)?;
        let mut left = client.containers(&record.project)?;
        left.retain(|container| container.life == Life::Running);
        if !left.is_empty() {
            // Somebody was in a hurry.
            let ids = left.into_iter().map(|container| container.id);
            client.ask(iter::once("kill".to_owned()).chain(ids))?;
        }
        Ok::<_, EngineError>(format!("the containers of {}, which stay as they are", site.name()))
    })?;
    Ok(true)
}

/// Stops the containers in the order of dependencies, each with its own grace period; in a hurry no more of them is waited
/// for. It is not `compose down`, which leaves volumes without a name behind that nobody would ever find again. Should the
/// files have changed beyond recognition, or be gone, the rest is stopped by its labels.
fn stop_politely(client: &Client, record: &DockerRecord, hurry: &AtomicBool) -> Result<(), EngineError> {
    let stop = client.compose_in(&ComposeProject::recorded(record), client.hastened("stop"))?;
    polite(run(&stop, DOWN_LIMIT, hurry))?;
    let mut left = client.containers(&record.project)?;
    left.retain(|container| container.life == Life::Running);
    if left.is_empty() {
        return Ok(());
    }
    let ids = left.into_iter().map(|container| container.id);
    polite(run(&client.docker(client.hastened("stop").into_iter().chain(ids)), DOWN_LIMIT, hurry))
}

/// What cannot be stopped is killed.
fn polite(outcome: Result<Output, DockerError>) -> Result<(), EngineError> {
    match outcome {
        Ok(_) | Err(DockerError::Failed { .. } | DockerError::Interrupted) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Ends what a scenario's file has started and not waited for, and what still fills although its Backlot was killed.
fn end_filling(site: &Site) {
    let ran = site.record().ok().flatten().is_some_and(|record| record.filling != Filling::None);
    if ran {
        mark::end_all(&mark::of_filling(site));
    }
}

/// After a failed `up`: takes away what it made, but for volumes.
pub(super) fn undo(client: &Client, taken: &Taken, report: Report<'_>) {
    if let Err(error) = take_down(client, taken, false, &AtomicBool::new(false), &mut |_| {}) {
        report(Event::Warning(format!("could not take away what was made: {error}")));
    }
}
