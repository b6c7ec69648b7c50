//! Threads of the gateway's own, each with its own runtime.
//!
//! A connection stays on the thread that it was given to, and so does everything that is opened for it. On a runtime whose
//! threads share their work a request visits several of them, which costs more than the request itself.

use std::io;
use std::thread;

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

/// Where connections are served.
#[derive(Debug)]
pub(crate) struct Workers {
    handles: Vec<Handle>,
    /// A thread ends when its end of this is dropped.
    running: Vec<oneshot::Sender<()>>,
}

impl Workers {
    /// No threads: everything runs where the listeners run.
    pub(crate) fn on(runtime: Handle) -> Self {
        Self { handles: vec![runtime], running: Vec::new() }
    }

    /// So many threads.
    pub(crate) fn start(count: usize) -> io::Result<Self> {
        let mut workers = Self { handles: Vec::new(), running: Vec::new() };
        for number in 0..count.max(1) {
            let runtime = Builder::new_current_thread().enable_all().build()?;
            let (running, ended) = oneshot::channel::<()>();
            workers.handles.push(runtime.handle().clone());
            workers.running.push(running);
            thread::Builder::new().name(format!("gateway-{number}")).spawn(move || {
                // Nothing is ever sent; it ends when the sender goes.
                let _ = runtime.block_on(ended);
            })?;
        }
        Ok(workers)
    }

    pub(crate) fn count(&self) -> usize {
        self.handles.len()
    }

    pub(crate) fn handle(&self, worker: usize) -> &Handle {
        &self.handles[worker % self.handles.len()]
    }
}
