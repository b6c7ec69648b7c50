//! Reading, from the files alone: no supervisor need run.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::line::{LogLine, Stream, parse_line, parse_postgres_time};
use crate::write::numbered;

/// The log of the requests that went through the gateway.
pub const GATEWAY_LOG: &str = "gateway";

/// Which lines are wanted.
#[derive(Debug, Clone)]
pub struct LogQuery {
    /// The directory of the logs.
    pub dir: PathBuf,
    /// Logs that others write.
    pub foreign: Vec<ForeignLog>,
    /// The services; none named means all, but for the gateway.
    pub services: Vec<String>,
    /// So many of the last lines of each service.
    pub tail: Option<usize>,
    /// From this time on.
    pub since: Option<SystemTime>,
    /// Until this time.
    pub until: Option<SystemTime>,
}

/// A log that a service writes itself, in the form of Postgres.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignLog {
    /// The service.
    pub service: String,
    /// The file.
    pub path: PathBuf,
}

impl LogQuery {
    /// All lines in the directory `dir`.
    pub fn new(dir: PathBuf) -> Self {
        Self { dir, foreign: Vec::new(), services: Vec::new(), tail: None, since: None, until: None }
    }

    fn wants(&self, service: &str) -> bool {
        // Every request is told by the service, too: the gateway's own word is for those who ask.
        let wants_all = self.services.is_empty() && service != GATEWAY_LOG;
        wants_all || self.services.iter().any(|wanted| wanted == service)
    }

    /// Those of one service's lines that are wanted.
    pub(crate) fn cut(&self, mut lines: Vec<LogLine>) -> Vec<LogLine> {
        lines.retain(|line| {
            self.since.is_none_or(|since| line.time >= since)
                && self.until.is_none_or(|until| line.time <= until)
        });
        let surplus = self.tail.map_or(0, |tail| lines.len().saturating_sub(tail));
        lines.split_off(surplus)
    }

    /// The services that have a log, each with its files, oldest first.
    pub(crate) fn sources(&self) -> io::Result<Vec<Source>> {
        let mut sources: Vec<Source> = Vec::new();
        let entries = match fs::read_dir(&self.dir) {
            Ok(entries) => entries.collect::<io::Result<Vec<_>>>()?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(error),
        };
        for entry in entries {
            let name = entry.file_name().to_string_lossy().into_owned();
            let Some((service, number)) = name.rsplit_once(".log") else { continue };
            if !self.wants(service) || !(number.is_empty() || number.starts_with('.')) {
                continue;
            }
            match sources.iter_mut().find(|source| source.service == service) {
                Some(source) => source.oldest = source.oldest.max(age(&entry.path())),
                None => sources.push(Source {
                    service: service.to_owned(),
                    path: self.dir.join(format!("{service}.log")),
                    oldest: age(&entry.path()),
                    is_foreign: false,
                }),
            }
        }
        for foreign in self.foreign.iter().filter(|foreign| self.wants(&foreign.service)) {
            sources.push(Source {
                service: foreign.service.clone(),
                path: foreign.path.clone(),
                oldest: 1,
                is_foreign: true,
            });
        }
        Ok(sources)
    }
}

/// The number behind a rotated file's name; the newest has none.
fn age(path: &Path) -> u32 {
    path.extension().and_then(|number| number.to_str()?.parse().ok()).unwrap_or(0)
}

/// The files of one service.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) service: String,
    /// The newest; older ones have a number behind their name.
    pub(crate) path: PathBuf,
    /// The greatest such number.
    oldest: u32,
    pub(crate) is_foreign: bool,
}

impl Source {
    /// Its files that are newer than the one with the inode `seen`, oldest first, each with its inode; all, if that one is
    /// not there any more.
    pub(crate) fn newer_than(&self, seen: Option<u64>) -> io::Result<Vec<(u64, File)>> {
        let mut found: Vec<(u64, File)> = Vec::new();
        // Newest first: one that is renamed meanwhile is then met twice, and not missed. There may be one more by now.
        for number in 0..=self.oldest + 1 {
            let opened = match number {
                0 => backlot_files::open(&self.path),
                number => backlot_files::open(&numbered(&self.path, number)),
            };
            let file = match opened {
                // It is being renamed, or was never written.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                opened => opened?,
            };
            let inode = file.metadata()?.ino();
            if Some(inode) == seen {
                break;
            }
            if found.iter().all(|(known, _)| *known != inode) {
                found.push((inode, file));
            }
        }
        found.reverse();
        Ok(found)
    }
}

/// The lines that `query` asks for, by time.
pub fn read_logs(query: &LogQuery) -> io::Result<Vec<LogLine>> {
    let mut all = Vec::new();
    for source in query.sources()? {
        let mut lines = Vec::new();
        for (_, mut file) in source.newer_than(None)? {
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes)?;
            parse(&source, &String::from_utf8_lossy(&bytes), &mut lines);
        }
        all.extend(query.cut(lines));
    }
    // Stable: lines of one service stay in their order.
    all.sort_by_key(|line| line.time);
    Ok(all)
}

/// The lines of `text`, a whole number of them, behind those in `lines`.
pub(crate) fn parse(source: &Source, text: &str, lines: &mut Vec<LogLine>) {
    for line in text.lines() {
        if source.is_foreign {
            lines.push(foreign_line(&source.service, line, lines.last()));
        } else {
            lines.extend(parse_line(&source.service, line));
        }
    }
}

/// A line that does not tell its time is a part of the one before it.
fn foreign_line(service: &str, line: &str, last: Option<&LogLine>) -> LogLine {
    let before = last.map_or(SystemTime::UNIX_EPOCH, |last| last.time);
    LogLine {
        time: parse_postgres_time(line).unwrap_or(before),
        service: service.to_owned(),
        replica: format!("{service}-1"),
        stream: Stream::Err,
        text: line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::{ForeignLog, LogQuery, read_logs};
    use crate::{Cap, LogSet, Stream};
    use std::time::SystemTime;

    #[test]
    fn lines_of_several_services_come_in_the_order_of_time() {
        let dir = tempfile::tempdir().unwrap();
        let postgres = dir.path().join("db.txt");
        let old = "2020-01-01 00:00:00.000 UTC [1] LOG:  starting\n\tmore of it\n";
        std::fs::write(&postgres, old).unwrap();
        let logs = LogSet::new(dir.path(), Cap::default());
        for (service, text) in [("web", "a"), ("worker", "b"), ("web", "c")] {
            logs.line(service, &format!("{service}-1"), Stream::Out, text);
        }
        let mut query = LogQuery::new(dir.path().to_owned());
        query.foreign = vec![ForeignLog { service: "db".into(), path: postgres }];
        let texts = |query: &LogQuery| -> Vec<String> {
            read_logs(query).unwrap().into_iter().map(|line| line.text).collect()
        };
        let started = "2020-01-01 00:00:00.000 UTC [1] LOG:  starting";
        assert_eq!(texts(&query), [started, "\tmore of it", "a", "b", "c"]);
        query.tail = Some(1);
        assert_eq!(texts(&query), ["\tmore of it", "b", "c"]);
        query.services = vec!["web".into()];
        assert_eq!(texts(&query), ["c"]);
        query.since = Some(SystemTime::now());
        assert!(texts(&query).is_empty());
    }
}
