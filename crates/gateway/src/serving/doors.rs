//! How many clients there are, on which of the gateway's threads, and how they get from one thread to another.

use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// A client that another thread has taken in.
pub(crate) type Handed = (TcpStream, SocketAddr, Place);

/// So many more clients than another thread may one have before it hands them over, which costs the client time.
const UNEVEN: usize = 4;

/// The threads of an endpoint, each of which takes clients in.
#[derive(Debug)]
pub(crate) struct Doors {
    most: usize,
    workers: Vec<(AtomicUsize, UnboundedSender<Handed>)>,
    /// Rings when there is room again.
    freed: Notify,
    /// Threads that still serve, and connections that had to be cut.
    open: AtomicUsize,
    cut: AtomicUsize,
}

impl Doors {
    /// One for each of `workers` threads, with what is handed to it, for at most `most` clients.
    pub(crate) fn new(workers: usize, most: usize) -> (Arc<Self>, Vec<UnboundedReceiver<Handed>>) {
        let (senders, receivers): (Vec<_>, Vec<_>) = (0..workers).map(|_| unbounded_channel()).unzip();
        let workers = senders.into_iter().map(|sender| (AtomicUsize::new(0), sender)).collect::<Vec<_>>();
        let open = AtomicUsize::new(workers.len());
        (Arc::new(Self { most, workers, freed: Notify::new(), open, cut: AtomicUsize::new(0) }), receivers)
    }

    /// Whether one more may be taken in. Two threads that ask at the same time may take in one too many.
    fn has_room(&self) -> bool {
        let clients = self.workers.iter().map(|(count, _)| count.load(Ordering::Acquire));
        clients.sum::<usize>() < self.most
    }

    /// Waits until there is room.
    pub(crate) async fn room(&self) {
        while !self.has_room() {
            let mut freed = std::pin::pin!(self.freed.notified());
            // Registered before the look: nobody can leave unnoticed in between.
            freed.as_mut().enable();
            if !self.has_room() {
                freed.await;
            }
        }
    }

    /// Where a client is served that `worker` has taken in: there, unless others have much less to do.
    pub(crate) fn place(self: &Arc<Self>, worker: usize) -> Place {
        let count = |worker: usize| self.workers[worker].0.load(Ordering::Relaxed);
        let idlest = (0..self.workers.len()).min_by_key(|other| count(*other)).unwrap_or(worker);
        let worker = if count(worker) >= count(idlest) + UNEVEN { idlest } else { worker };
        self.workers[worker].0.fetch_add(1, Ordering::AcqRel);
        Place { doors: Arc::clone(self), worker }
    }

    /// Hands a client over, or gives it back if that thread takes none any more.
    pub(crate) fn hand(&self, client: Handed) -> Result<(), Handed> {
        let worker = client.2.worker;
        self.workers[worker].1.send(client).map_err(|refused| refused.0)
    }

    /// A thread has ended and has cut so many. The last one is told how many there were in all.
    pub(crate) fn shut(&self, cut: usize) -> Option<usize> {
        self.cut.fetch_add(cut, Ordering::AcqRel);
        (self.open.fetch_sub(1, Ordering::AcqRel) == 1).then(|| self.cut.load(Ordering::Acquire))
    }
}

/// One client among those of a thread, until this is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    doors: Arc<Doors>,
    pub(crate) worker: usize,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.doors.workers[self.worker].0.fetch_sub(1, Ordering::AcqRel);
        self.doors.freed.notify_waiters();
    }
}
