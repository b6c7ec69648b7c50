//! Waiting for ends of processes: one thread for all of them, where the system has files for processes.

use std::io;

use crate::identity::ProcessId;

/// What is to be done when a process has ended; done on a thread of its own.
type Then = Box<dyn FnOnce() + Send>;

/// Waits for ends, without a limit.
#[derive(Debug)]
pub struct Ends(#[cfg(target_os = "linux")] files::Files);

impl Ends {
    /// Nothing is waited for yet.
    pub fn new() -> io::Result<Self> {
        Ok(Self(
            #[cfg(target_os = "linux")]
            files::Files::new()?,
        ))
    }

    /// Does something when a process has ended, which need not be a child of ours. A child's entry in the process table stays,
    /// so that its number is not given to another process before it is waited for.
    pub fn when_over(&self, process: ProcessId, then: impl FnOnce() + Send + 'static) -> io::Result<()> {
        let then: Then = Box::new(then);
        #[cfg(target_os = "linux")]
        let Some(then) = self.0.add(process, then) else { return Ok(()) };
        // No such file can be had.
        let wait = move || {
            while process.is_alive() {
                std::thread::sleep(std::time::Duration::from_millis(100));
            }
            then();
        };
        std::thread::Builder::new().name("wait".into()).spawn(wait).map(drop)
    }
}

#[cfg(target_os = "linux")]
mod files {
    use std::collections::BTreeMap;
    use std::io;
    use std::os::fd::{FromRawFd, OwnedFd};
    use std::sync::{Arc, Mutex, PoisonError};

    use nix::errno::Errno;
    use nix::libc;
    use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

    use super::Then;
    use crate::identity::ProcessId;

    /// Those that only wait, and do what is left to do when a process has ended, need little.
    const STACK: usize = 256 * 1024;

    /// The files of processes, each with what comes after it.
    #[derive(Default)]
    struct Waiting {
        next: u64,
        all: BTreeMap<u64, (OwnedFd, Then)>,
    }

    pub(super) struct Files {
        epoll: Arc<Epoll>,
        waiting: Arc<Mutex<Waiting>>,
    }

    impl std::fmt::Debug for Files {
        fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            to.debug_struct("Files").finish_non_exhaustive()
        }
    }

    impl Files {
        /// Starts the thread; it ends with this process.
        pub(super) fn new() -> io::Result<Self> {
            let epoll = Arc::new(Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?);
            let waiting = Arc::<Mutex<Waiting>>::default();
            let (own, all) = (Arc::clone(&epoll), Arc::clone(&waiting));
            let work = move || wait(&own, &all);
            std::thread::Builder::new().name("ends".into()).stack_size(STACK).spawn(work)?;
            Ok(Self { epoll, waiting })
        }

        /// Gives `then` back where a process has no file that can be waited for.
        pub(super) fn add(&self, process: ProcessId, then: Then) -> Option<Then> {
            let Ok(file) = file_of(process) else { return Some(then) };
            // Before this look, the number may have been given to another process; after it, the file is of the right one.
            if !process.is_alive() {
                start(then);
                return None;
            }
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            let key = waiting.next;
            waiting.next += 1;
            let once = EpollEvent::new(EpollFlags::EPOLLIN | EpollFlags::EPOLLONESHOT, key);
            if self.epoll.add(&file, once).is_err() {
                return Some(then);
            }
            // Whoever is told of it needs this lock to find it.
            waiting.all.insert(key, (file, then));
            None
        }
    }

    fn file_of(process: ProcessId) -> nix::Result<OwnedFd> {
        // SAFETY: a plain system call without pointers.
        let opened = Errno::result(unsafe { libc::syscall(libc::SYS_pidfd_open, process.pid, 0) })?;
        let number = i32::try_from(opened).map_err(|_| Errno::EBADF)?;
        // SAFETY: the kernel has just given us this descriptor.
        Ok(unsafe { OwnedFd::from_raw_fd(number) })
    }

    fn wait(epoll: &Epoll, waiting: &Mutex<Waiting>) {
        let mut events = [EpollEvent::empty(); 64];
        loop {
            let count = match epoll.wait(&mut events, EpollTimeout::NONE) {
                Ok(count) => count,
                Err(Errno::EINTR) => 0,
                Err(_) => return,
            };
            for event in &events[..count] {
                let over = waiting.lock().unwrap_or_else(PoisonError::into_inner).all.remove(&event.data());
                if let Some((_, then)) = over {
                    start(then);
                }
            }
        }
    }

    /// When no thread can be had, the others wait for it.
    fn start(then: Then) {
        let then = Arc::new(Mutex::new(Some(then)));
        let once = Arc::clone(&then);
        let run = move || {
            let taken = once.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(then) = taken {
                then();
            }
        };
        if std::thread::Builder::new().name("wait".into()).stack_size(STACK).spawn(run.clone()).is_err() {
            run();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;
    use std::time::Duration;

    use super::Ends;
    use crate::{Program, SpawnOptions};

    #[test]
    fn each_end_is_told_once_and_a_child_can_be_waited_for_then() {
        let ends = Ends::new().unwrap();
        let (told, ended) = channel();
        let mut children: Vec<_> = (0..20)
            .map(|_| Program::new("/bin/sleep").arg("60").spawn(SpawnOptions::default()).unwrap())
            .collect();
        for (number, child) in children.iter().enumerate() {
            let told = told.clone();
            ends.when_over(child.id(), move || told.send(number).unwrap()).unwrap();
        }
        assert!(ended.recv_timeout(Duration::from_millis(20)).is_err());
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(children[7].id().pid), nix::sys::signal::SIGKILL)
            .unwrap();
        assert_eq!(ended.recv_timeout(Duration::from_secs(20)), Ok(7));
        assert!(!children[7].kill().unwrap().success());
        // One that is over, and whose entry is still there.
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(children[3].id().pid), nix::sys::signal::SIGKILL)
            .unwrap();
        assert_eq!(ended.recv_timeout(Duration::from_secs(20)), Ok(3));
        let late = told.clone();
        ends.when_over(children[3].id(), move || late.send(103).unwrap()).unwrap();
        assert_eq!(ended.recv_timeout(Duration::from_secs(20)), Ok(103));
        for child in &mut children {
            child.kill().unwrap();
        }
    }
}
