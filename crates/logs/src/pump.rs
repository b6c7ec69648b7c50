//! Copying what processes print: one thread for all of them, however many there are.

use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Registry, Token};

/// A longer line is split, so that one without an end cannot take all memory.
const LONGEST_LINE: usize = 64 * 1024;
/// So much is taken from one of them before the next one's turn.
const AT_ONCE: usize = 64 * 1024;
/// A thread that only copies lines needs little beside what it copies.
const STACK: usize = 256 * 1024;

/// What becomes of a line, without its end.
pub(crate) type Sink = Box<dyn FnMut(&[u8]) + Send>;

/// What is copied of one stream.
#[derive(Debug)]
pub struct Pump {
    over: Arc<AtomicBool>,
}

impl Pump {
    /// Whether the process, and all to which it has given its stream, have closed it, and the last line is written.
    pub fn is_done(&self) -> bool {
        self.over.load(Ordering::Acquire)
    }
}

/// The thread that copies, and what it copies from.
#[derive(Debug)]
pub(crate) struct Pumps {
    registry: Registry,
    copies: Arc<Mutex<Copies>>,
}

#[derive(Default)]
struct Copies {
    next: usize,
    streams: BTreeMap<usize, Copying>,
}

impl std::fmt::Debug for Copies {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        to.debug_set().entries(self.streams.keys()).finish()
    }
}

/// A stream, and what of its last line has come.
struct Copying {
    from: File,
    line: Vec<u8>,
    sink: Sink,
    over: Arc<AtomicBool>,
}

impl Pumps {
    /// Starts the thread. It ends with the process.
    pub(crate) fn start() -> io::Result<Self> {
        let poll = Poll::new()?;
        let registry = poll.registry().try_clone()?;
        let copies = Arc::new(Mutex::new(Copies::default()));
        let shared = Arc::clone(&copies);
        let work = move || copy_all(poll, &shared);
        std::thread::Builder::new().name("log".into()).stack_size(STACK).spawn(work)?;
        Ok(Self { registry, copies })
    }

    /// Has what comes from `stream` copied to its end.
    pub(crate) fn add(&self, stream: OwnedFd, sink: Sink) -> io::Result<Pump> {
        let from = File::from(stream);
        let number = from.as_raw_fd();
        set_nonblocking(&from)?;
        let over = Arc::new(AtomicBool::new(false));
        let copy = Copying { from, line: Vec::new(), sink, over: Arc::clone(&over) };
        let key = {
            let mut copies = self.copies.lock().unwrap_or_else(PoisonError::into_inner);
            let key = copies.next;
            copies.next += 1;
            copies.streams.insert(key, copy);
            key
        };
        let added = self.registry.register(&mut SourceFd(&number), Token(key), Interest::READABLE);
        if added.is_err() {
            self.copies.lock().unwrap_or_else(PoisonError::into_inner).streams.remove(&key);
        }
        added.map(|()| Pump { over })
    }
}

fn set_nonblocking(file: &File) -> io::Result<()> {
    use nix::fcntl::{FcntlArg, OFlag, fcntl};
    let flags = OFlag::from_bits_retain(fcntl(file, FcntlArg::F_GETFL)?);
    fcntl(file, FcntlArg::F_SETFL(flags | OFlag::O_NONBLOCK))?;
    Ok(())
}

/// Whoever has something is asked in turn until nothing is left.
fn copy_all(mut poll: Poll, copies: &Mutex<Copies>) {
    let mut events = Events::with_capacity(256);
    let mut waiting: VecDeque<usize> = VecDeque::new();
    let mut buffer = vec![0; AT_ONCE];
    loop {
        let limit = if waiting.is_empty() { None } else { Some(Duration::ZERO) };
        match poll.poll(&mut events, limit) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => return,
            Ok(()) | Err(_) => {}
        }
        for event in &events {
            if !waiting.contains(&event.token().0) {
                waiting.push_back(event.token().0);
            }
        }
        for _ in 0..waiting.len() {
            let Some(key) = waiting.pop_front() else { break };
            // Taken out while it is copied: nobody who adds another one waits for the disk.
            let taken = copies.lock().unwrap_or_else(PoisonError::into_inner).streams.remove(&key);
            let Some(mut copy) = taken else { continue };
            match copy.some(&mut buffer) {
                More::Now => waiting.push_back(key),
                More::Later => {}
                More::Never => {
                    copy.over.store(true, Ordering::Release);
                    continue;
                }
            }
            copies.lock().unwrap_or_else(PoisonError::into_inner).streams.insert(key, copy);
        }
    }
}

/// When there is more to be had.
enum More {
    Now,
    Later,
    Never,
}

impl Copying {
    /// Copies what is there, or a part of it.
    fn some(&mut self, buffer: &mut [u8]) -> More {
        match self.from.read(buffer) {
            Ok(0) => {
                self.end_line();
                More::Never
            }
            Ok(length) => {
                self.take(&buffer[..length]);
                More::Now
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => More::Later,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => More::Now,
            Err(_) => {
                self.end_line();
                More::Never
            }
        }
    }

    fn take(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let room = LONGEST_LINE - self.line.len();
            let reach = &bytes[..bytes.len().min(room)];
            let end = reach.iter().position(|byte| *byte == b'\n');
            let taken = end.map_or(reach.len(), |end| end + 1);
            self.line.extend_from_slice(&bytes[..taken]);
            bytes = &bytes[taken..];
            if end.is_some() || self.line.len() == LONGEST_LINE {
                self.end_line();
            }
        }
    }

    fn end_line(&mut self) {
        if self.line.is_empty() {
            return;
        }
        let line = self.line.strip_suffix(b"\n").unwrap_or(&self.line);
        (self.sink)(line.strip_suffix(b"\r").unwrap_or(line));
        self.line.clear();
        if self.line.capacity() > AT_ONCE / 8 {
            self.line = Vec::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::mpsc::channel;
    use std::time::Duration;

    use super::Pumps;

    #[test]
    fn who_prints_without_end_does_not_keep_the_others_waiting() {
        let pumps = Pumps::start().unwrap();
        let (from, mut flood) = std::io::pipe().unwrap();
        let endless = pumps.add(from.into(), Box::new(|_| {})).unwrap();
        let (told, said) = channel();
        std::thread::spawn(move || {
            let text = vec![b'x'; 70_000];
            while flood.write_all(&text).is_ok() {}
        });
        let mut calm = Vec::new();
        for number in 0..100 {
            let (from, mut to) = std::io::pipe().unwrap();
            let told = told.clone();
            let sink = move |line: &[u8]| told.send((number, line.to_vec())).unwrap();
            calm.push(pumps.add(from.into(), Box::new(sink)).unwrap());
            to.write_all(b"one\r\ntwo").unwrap();
        }
        let mut all: Vec<_> = (0..200).map(|_| said.recv_timeout(Duration::from_secs(20)).unwrap()).collect();
        all.sort();
        for (number, pair) in all.chunks(2).enumerate() {
            assert_eq!(pair, [(number, b"one".to_vec()), (number, b"two".to_vec())]);
        }
        assert!(!endless.is_done());
        let begun = std::time::Instant::now();
        while !calm.iter().all(super::Pump::is_done) {
            assert!(begun.elapsed() < Duration::from_secs(20));
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}
