//! What containers print: `docker logs` of each, brought into one order.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant, SystemTime};

use backlot_logs::{LogLine, Stream, parse_time};
use backlot_process::{Child, SpawnOptions, Stream as Pipe};
use backlot_state::{EngineError, Lines, LogWish, Site};

use crate::client::{Client, run};
use crate::container::{Container, Life};
use crate::error::DockerError;

/// How long Docker may take to print what a container has printed so far.
const LIMIT: Duration = Duration::from_mins(1);
/// How often it is looked for new containers.
const LOOK_EVERY: Duration = Duration::from_millis(700);
/// As many lines are held of those that nobody has taken yet.
const WAITING_LINES: usize = 4096;

/// Lines of containers, those so far first.
#[derive(Debug)]
pub(crate) struct ContainerLines {
    client: Client,
    project: String,
    wish: LogWish,
    /// The time of the last line of each replica.
    last: BTreeMap<String, SystemTime>,
    /// What follows each container, by its id.
    followers: BTreeMap<String, Child>,
    sender: mpsc::SyncSender<LogLine>,
    receiver: Receiver<LogLine>,
    looked: Option<Instant>,
    running: bool,
}

impl ContainerLines {
    pub(crate) fn new(client: Client, project: String, wish: LogWish) -> Self {
        let (sender, receiver) = mpsc::sync_channel(WAITING_LINES);
        let (last, followers) = (BTreeMap::new(), BTreeMap::new());
        Self { client, project, wish, last, followers, sender, receiver, looked: None, running: true }
    }

    fn note(&mut self, lines: &[LogLine]) {
        for line in lines {
            self.last.insert(line.replica.clone(), line.time);
        }
    }

    fn containers(&self) -> Result<Vec<Container>, EngineError> {
        let mut containers = self.client.containers(&self.project)?;
        let services = &self.wish.services;
        containers.retain(|one| services.is_empty() || services.contains(&one.service));
        Ok(containers)
    }

    /// Follows the containers that are not followed yet, and those that were started again.
    fn follow_new(&mut self) -> Result<(), EngineError> {
        let containers = self.containers()?;
        let lives = |one: &Container| {
            matches!(one.life, Life::Running | Life::Restarting { .. } | Life::Created | Life::Paused)
        };
        self.running = containers.iter().any(lives);
        for container in &containers {
            if let Some(follower) = self.followers.get_mut(&container.id) {
                let follows = follower.try_wait().map_err(DockerError::Process)?.is_none();
                if follows || !lives(container) {
                    continue;
                }
            }
            let follower = self.follow(container)?;
            self.followers.insert(container.id.clone(), follower);
        }
        Ok(())
    }

    /// Starts to follow a container, from its last known line on.
    fn follow(&self, container: &Container) -> Result<Child, EngineError> {
        let after = self.last.get(&replica_name(&container.service, container.number)).copied();
        let mut arguments = vec!["logs".to_owned(), "--timestamps".into(), "--follow".into()];
        let since = after.map(|time| time + Duration::from_nanos(1)).or(self.wish.since);
        if let Some(since) = since {
            arguments.extend(["--since".into(), in_full(since)]);
        }
        arguments.push(container.id.clone());
        let how = SpawnOptions { stdout: Pipe::Pipe, stderr: Pipe::Pipe, ..SpawnOptions::default() };
        let mut child = self.client.docker(arguments).spawn(how).map_err(DockerError::Process)?;
        if let Some(pipe) = child.take_stdout() {
            forward(pipe, container, Stream::Out, self.sender.clone());
        }
        if let Some(pipe) = child.take_stderr() {
            forward(pipe, container, Stream::Err, self.sender.clone());
        }
        Ok(child)
    }
}

impl Drop for ContainerLines {
    fn drop(&mut self) {
        for follower in self.followers.values_mut() {
            let _ = follower.kill();
        }
    }
}

/// Sends the lines of a pipe on, until nobody listens.
fn forward(
    pipe: impl Read + Send + 'static,
    container: &Container,
    stream: Stream,
    to: mpsc::SyncSender<LogLine>,
) {
    let (service, number) = (container.service.clone(), container.number);
    std::thread::spawn(move || {
        let mut reader = BufReader::new(pipe);
        let mut bytes = Vec::new();
        while reader.read_until(b'\n', &mut bytes).is_ok_and(|count| count > 0) {
            let line = String::from_utf8_lossy(&bytes).into_owned();
            if let Some(line) = parse(&line, &service, number, stream)
                && to.send(line).is_err()
            {
                return;
            }
            bytes.clear();
        }
    });
}

impl Lines for ContainerLines {
    fn so_far(&mut self) -> Result<Vec<LogLine>, EngineError> {
        let mut all = Vec::new();
        // Of no lines, the last one still tells where those begin that are to come.
        let wish = LogWish { tail: self.wish.tail.map(|tail| tail.max(1)), ..self.wish.clone() };
        for container in self.containers()? {
            let lines = self.client.lines_of(&container, &wish)?;
            self.note(&lines);
            if self.wish.tail != Some(0) {
                all.extend(lines);
            }
        }
        all.sort_by_key(|line| line.time);
        Ok(all)
    }

    fn next(&mut self, limit: Duration) -> Result<Vec<LogLine>, EngineError> {
        if self.looked.is_none_or(|looked| looked.elapsed() > LOOK_EVERY) {
            self.follow_new()?;
            self.looked = Some(Instant::now());
        }
        let mut lines: Vec<LogLine> = self.receiver.recv_timeout(limit).into_iter().collect();
        lines.extend(self.receiver.try_iter().take(WAITING_LINES));
        lines.sort_by_key(|line| line.time);
        self.note(&lines);
        Ok(lines)
    }

    fn is_live(&mut self) -> Result<bool, EngineError> {
        Ok(self.running)
    }
}

impl Client {
    /// What the services of the environment at `site` print.
    ///
    /// # Errors
    /// When it is not up, or has no such service.
    pub(super) fn printed(&self, site: &Site, wish: LogWish) -> Result<ContainerLines, EngineError> {
        let not_up = || EngineError::NotUp { environment: site.name().to_owned(), exists: false };
        let docker = self.record_at(site)?.ok_or_else(not_up)?;
        let containers = self.containers(&docker.project)?;
        if containers.is_empty() {
            return Err(not_up());
        }
        let is_known = |service: &&String| containers.iter().any(|one| one.service == **service);
        if let Some(service) = wish.services.iter().find(|service| !is_known(service)) {
            let mut known: Vec<String> = containers.into_iter().map(|one| one.service).collect();
            known.dedup();
            let (environment, service) = (site.name().to_owned(), service.clone());
            return Err(DockerError::NoService { environment, service, known }.into());
        }
        Ok(ContainerLines::new(self.clone(), docker.project, wish))
    }

    /// What a container has printed so far.
    fn lines_of(&self, container: &Container, wish: &LogWish) -> Result<Vec<LogLine>, DockerError> {
        let mut arguments = vec!["logs".to_owned(), "--timestamps".into()];
        if let Some(tail) = wish.tail {
            arguments.extend(["--tail".into(), tail.to_string()]);
        }
        if let Some(since) = wish.since {
            arguments.extend(["--since".into(), in_full(since)]);
        }
        if let Some(until) = wish.until {
            arguments.extend(["--until".into(), in_full(until)]);
        }
        arguments.push(container.id.clone());
        let output = run(&self.docker(arguments), LIMIT, &std::sync::atomic::AtomicBool::new(false))?;
        let mut lines = Vec::new();
        for (stream, bytes) in [(Stream::Out, &output.stdout), (Stream::Err, &output.stderr)] {
            let text = String::from_utf8_lossy(bytes);
            let read =
                text.lines().filter_map(|line| parse(line, &container.service, container.number, stream));
            lines.extend(read);
        }
        lines.sort_by_key(|line| line.time);
        Ok(lines)
    }
}

fn replica_name(service: &str, number: u32) -> String {
    format!("{service}-{number}")
}

/// A line of `docker logs --timestamps`.
fn parse(line: &str, service: &str, number: u32, stream: Stream) -> Option<LogLine> {
    let line = line.trim_end_matches(['\n', '\r']);
    let (time, text) = line.split_once(' ').unwrap_or((line, ""));
    let time = parse_time(time)?;
    let (service, replica) = (service.to_owned(), replica_name(service, number));
    Some(LogLine { time, service, replica, stream, text: text.to_owned() })
}

/// A time with nanoseconds, as Docker reads it: one that is cut short would show its line again.
fn in_full(time: SystemTime) -> String {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    format!("{}.{:09}", since.as_secs(), since.subsec_nanos())
}

#[cfg(test)]
mod tests {
    use super::{in_full, parse};
    use backlot_logs::Stream;
    use std::time::{Duration, SystemTime};

    #[test]
    fn a_line_has_its_time_before_it() {
        let line = parse("1970-01-01T00:00:01.5Z hello, world \r\n", "web", 2, Stream::Out).unwrap();
        assert_eq!(line.time, SystemTime::UNIX_EPOCH + Duration::from_millis(1500));
        assert_eq!((line.replica.as_str(), line.text.as_str()), ("web-2", "hello, world "));
        assert_eq!(parse("1970-01-01T00:00:01Z \n", "web", 1, Stream::Err).unwrap().text, "");
        // What people may write as a time is none of Docker's.
        for line in ["no time", "10m left", "2026-11-23 10:00", "2026-11-23T10:00:00 by the clock"] {
            assert!(parse(line, "web", 1, Stream::Out).is_none(), "{line}");
        }
    }

    #[test]
    fn times_are_told_to_the_nanosecond() {
        assert_eq!(in_full(SystemTime::UNIX_EPOCH + Duration::new(7, 42)), "7.000000042");
    }
}
