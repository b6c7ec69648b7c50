//! The processes of a world, and how one of them is killed.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use backlot_process::{ProcessId, Signal};

use crate::plan::{How, Kill, Victim};

/// How long a victim is looked for that is not there yet.
const LOOKED_FOR: Duration = Duration::from_millis(1500);
const STEP: Duration = Duration::from_millis(3);

/// A process that has to do with a world.
#[derive(Debug, Clone)]
pub(crate) struct Process {
    pub(crate) id: ProcessId,
    pub(crate) parent: i32,
    pub(crate) words: Vec<String>,
    pub(crate) works_in: PathBuf,
}

impl Process {
    pub(crate) fn line(&self) -> String {
        let line = self.words.join(" ");
        format!("{} (child of {}) {}", self.id.pid, self.parent, line.chars().take(160).collect::<String>())
    }

    fn verb(&self) -> &str {
        let is_ours = self.words.first().is_some_and(|program| program.ends_with("backlot"));
        if is_ours { self.words.get(1).map_or("", String::as_str) } else { "" }
    }

    /// What it is to us.
    pub(crate) fn role(&self) -> Option<Victim> {
        let program = self.words.first().map_or("", String::as_str);
        match self.verb() {
            "__supervisor" => return Some(Victim::Supervisor),
            "__guard" => return Some(Victim::Guard),
            "__janitor" => return Some(Victim::Janitor),
            "__stock" => return Some(Victim::SpareMaker),
            "__door" => return Some(Victim::Door),
            "__checkout" => return Some(Victim::Watcher),
            "" => {}
            _ => return Some(Victim::Client),
        }
        if program.ends_with("/postgres") {
            Some(Victim::Postmaster)
        } else if program.starts_with("postgres:") {
            Some(Victim::Backend)
        } else if self.words.iter().any(|word| word == "web.py") {
            Some(Victim::Replica)
        } else {
            None
        }
    }
}

/// All processes that have to do with `dir` by directory, argument or environment; ourselves excepted.
pub(crate) fn processes(dir: &Path) -> Vec<Process> {
    let needle = dir.as_os_str().as_encoded_bytes();
    let mentions = |bytes: &[u8]| bytes.windows(needle.len()).any(|window| window == needle);
    let numbers = fs::read_dir("/proc").into_iter().flatten().flatten();
    let numbers = numbers.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    numbers
        .filter(|pid| pid.cast_unsigned() != std::process::id())
        .filter_map(|pid| {
            let read = |file: &str| fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
            let works_in = fs::read_link(format!("/proc/{pid}/cwd")).unwrap_or_default();
            let command = read("cmdline");
            if !works_in.starts_with(dir) && !mentions(&command) && !mentions(&read("environ")) {
                return None;
            }
            let stat = String::from_utf8_lossy(&read("stat")).into_owned();
            let parent = stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()?;
            let words = String::from_utf8_lossy(&command);
            let words = words.trim_end_matches('\0').split('\0').map(str::to_owned).collect();
            Some(Process { id: ProcessId::of(pid)?, parent, words, works_in })
        })
        .collect()
}

/// What the servers of a world have had in the system's memory: files in /dev/shm and numbers of System V segments.
#[derive(Debug, Default)]
pub(crate) struct Memory(Mutex<BTreeSet<String>>);

impl Memory {
    /// Notes what the servers of `dir` have now.
    pub(crate) fn note(&self, dir: &Path) {
        let servers = processes(dir)
            .into_iter()
            .filter(|process| matches!(process.role(), Some(Victim::Postmaster | Victim::Backend)));
        for server in servers {
            let maps = fs::read_to_string(format!("/proc/{}/maps", server.id.pid)).unwrap_or_default();
            for line in maps.lines() {
                let mut fields = line.split_whitespace().skip(4);
                let (inode, path) = (fields.next().unwrap_or(""), fields.next().unwrap_or(""));
                if path.starts_with("/dev/shm/PostgreSQL.") {
                    self.add(path.to_owned());
                } else if path.starts_with("/SYSV") {
                    self.add(format!("shmid {inode}"));
                }
            }
        }
    }

    fn add(&self, segment: String) {
        if let Ok(mut segments) = self.0.lock() {
            segments.insert(segment);
        }
    }

    /// What of it is still there.
    pub(crate) fn left(&self) -> Vec<String> {
        let table = fs::read_to_string("/proc/sysvipc/shm").unwrap_or_default();
        let ids: Vec<&str> = table.lines().filter_map(|line| line.split_whitespace().nth(1)).collect();
        let is_there = |segment: &&String| match segment.strip_prefix("shmid ") {
            Some(id) => ids.contains(&id),
            None => Path::new(segment.as_str()).exists(),
        };
        self.0.lock().map(|segments| segments.iter().filter(is_there).cloned().collect()).unwrap_or_default()
    }
}

/// Carries a kill out; what it did, for people. `over` is set when the verbs have ended: then nobody is waited for.
pub(crate) fn carry_out(kill: &Kill, dir: &Path, begun: Instant, over: &AtomicBool) -> String {
    thread::sleep(kill.after.saturating_sub(begun.elapsed()));
    let looked = Instant::now();
    let victim = loop {
        let mut found = processes(dir);
        found.retain(|process| process.role() == Some(kill.victim));
        found.sort_by_key(|process| process.id.pid);
        if !found.is_empty() {
            let which = usize::try_from(kill.which).unwrap_or(0) % found.len();
            break found.swap_remove(which);
        }
        if over.load(Ordering::Relaxed) || looked.elapsed() > LOOKED_FOR {
            return format!("{kill}: there was none");
        }
        thread::sleep(STEP);
    };
    let at = begun.elapsed().as_millis();
    match kill.how {
        How::Kill => {
            let _ = victim.id.signal(Signal::SIGKILL);
        }
        How::Stop { lasting, then_kill } => {
            let _ = victim.id.signal(Signal::SIGSTOP);
            thread::sleep(lasting);
            let _ = victim.id.signal(if then_kill { Signal::SIGKILL } else { Signal::SIGCONT });
        }
    }
    format!("{kill}: at {at} ms {}", victim.line())
}
