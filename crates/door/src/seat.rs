//! What the door's process does: it serves for as long as something is up that can be reached through it.

use std::net::TcpListener as StdListener;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use backlot_process::{handed_file_after, raise_file_limit};
use backlot_state::{EngineError, EngineKind, Home, Lock, Site};
use signal_hook::consts::SIGTERM;
use tokio::net::{TcpListener, UnixStream as AsyncStream};
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use crate::error::DoorError;
use crate::open::{listen_at, port_of};
use crate::place;
use crate::proxy::Proxy;
use crate::serve::{Clients, serve};
use crate::street::{Ask, Street};
use crate::tls::Tls;

/// How often it is looked whether something is up.
const STEP: Duration = Duration::from_secs(1);
/// How long what it was opened for may take to be there.
const BEGIN: Duration = Duration::from_secs(3);
/// How often Docker is asked whether something is up: it costs tens of milliseconds.
const STEP_OF_DOCKER: Duration = Duration::from_mins(1);

/// Serves with what we were handed: the lock, and so many listeners. Returns when nothing is up any more, or another door takes the
/// place of this one.
///
/// # Errors
/// When it cannot begin.
pub fn run(home: &Home, listeners: u16, ask: Ask) -> Result<(), DoorError> {
    let failed = DoorError::io("begin");
    let mut lock = Lock::handed(&place::lock(home)).map_err(EngineError::from)?;
    let handed =
        (1..=listeners).map(|number| Ok(StdListener::from(OwnedFd::from(handed_file_after(number)?))));
    let mut listeners = handed.collect::<std::io::Result<Vec<_>>>().map_err(&failed)?;
    raise_file_limit();
    let (told, ended) = UnixStream::pair().map_err(&failed)?;
    ended.set_nonblocking(true).map_err(&failed)?;
    signal_hook::low_level::pipe::register(SIGTERM, told).map_err(&failed)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(&failed)?;
    let port = port_of(&listeners).unwrap_or_default();
    let street = Arc::new(Street::new(home.clone(), Arc::clone(&ask)));
    let proxy = Arc::new(Proxy::new(street, Tls::new(home.clone()), port));
    let mut life = Life { home: home.clone(), ask, begun: Instant::now(), last: None, docker: None };
    let outcome = runtime.block_on(async {
        loop {
            let ended = ended.try_clone().map_err(&failed)?;
            let (clients, why) = until_over(&proxy, listeners, &lock, &mut life, ended).await?;
            drop(lock);
            // Whoever came up while this was closing has seen it open.
            let again = if why == Why::Empty && life.is_needed().await { reopen(home, port) } else { None };
            match again {
                None => {
                    clients.finish().await;
                    return Ok(());
                }
                Some(again) => (lock, listeners) = again,
            }
        }
    });
    // An engine that does not answer is not waited for.
    runtime.shutdown_background();
    outcome
}

/// Why a door closes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Why {
    /// Nothing is up.
    Empty,
    /// It was told to.
    Told,
}

fn reopen(home: &Home, port: u16) -> Option<(Lock, Vec<StdListener>)> {
    let lock = Lock::acquire(&place::lock(home), Duration::ZERO).ok()?;
    Some((lock, listen_at(port).ok()?))
}

/// Serves until nothing is up or we are told to end.
async fn until_over(
    proxy: &Arc<Proxy>,
    listeners: Vec<StdListener>,
    lock: &Lock,
    life: &mut Life,
    ended: UnixStream,
) -> Result<(Clients, Why), DoorError> {
    let listeners = listeners.into_iter().map(|listener| {
        listener.set_nonblocking(true)?;
        TcpListener::from_std(listener)
    });
    let listeners = listeners.collect::<std::io::Result<Vec<_>>>().map_err(DoorError::io("begin"))?;
    let ended = AsyncStream::from_std(ended).map_err(DoorError::io("begin"))?;
    let mut why = Why::Told;
    let over = async {
        let empty = async {
            // Without the home there is nothing to serve, and nobody to serve it for.
            while lock.counts() && life.goes_on().await {
                sleep(STEP).await;
            }
        };
        tokio::select! {
            _ = ended.readable() => {}
            () = empty => why = Why::Empty,
        }
    };
    let clients = serve(Arc::clone(proxy), &listeners, over).await;
    Ok((clients, why))
}

/// What the door lives for.
struct Life {
    home: Home,
    ask: Ask,
    begun: Instant,
    /// What was up when it was looked last.
    last: Option<Site>,
    /// When Docker was asked last, and said that this is up.
    docker: Option<(Instant, Site)>,
}

impl Life {
    async fn goes_on(&mut self) -> bool {
        self.is_needed().await || self.begun.elapsed() < BEGIN
    }

    /// Whether something is up.
    async fn is_needed(&mut self) -> bool {
        let is_up = |site: &Site| site.is_supervised().unwrap_or(false);
        let still =
            |(at, site): &(Instant, Site)| at.elapsed() < STEP_OF_DOCKER && site.record_path().exists();
        if self.last.as_ref().is_some_and(is_up) || self.docker.as_ref().is_some_and(still) {
            return true;
        }
        let (home, ask) = (self.home.clone(), Arc::clone(&self.ask));
        let look = move || {
            let all = crate::houses::Houses::default().look(&home);
            let up = all.iter().find(|house| house.engine == EngineKind::Native && is_up(&house.site));
            let runs = |site: &Site| {
                ask(site).is_ok_and(|all| all.iter().any(|service| !service.replicas.is_empty()))
            };
            let of_docker = all.iter().filter(|house| house.engine == EngineKind::Docker);
            match up {
                Some(house) => (Some(house.site.clone()), None),
                None => (None, of_docker.map(|house| house.site.clone()).find(runs)),
            }
        };
        let (last, docker) = spawn_blocking(look).await.unwrap_or_default();
        (self.last, self.docker) = (last, docker.map(|site| (Instant::now(), site)));
        self.last.is_some() || self.docker.is_some()
    }
}
