//! Which service a name leads to, as far as is known now; what is not is found out.
//!
//! Nothing is looked at while nobody asks. What was looked at a moment ago is taken as it was; a name that is not known, and an
//! address that does not answer, are looked at again.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use backlot_state::{EngineError, EngineKind, Home, Site};
use backlot_supervisor::ServiceReport;
use tokio::sync::Mutex as AsyncMutex;
use tokio::task::{JoinSet, spawn, spawn_blocking};
use tokio::time::timeout;

use crate::claims::{PART, known};
use crate::entrances::{Entrance, entrances};
use crate::houses::{House, Houses};

/// How long what was seen of the home and of processes counts.
const FRESH: Duration = Duration::from_millis(250);
/// The same of what Docker told: it takes tens of milliseconds.
const FRESH_OF_DOCKER: Duration = Duration::from_secs(2);
/// How long an engine is waited for.
const LIMIT: Duration = Duration::from_secs(3);

/// What tells how the services of an environment do.
pub type Ask = Arc<dyn Fn(&Site) -> Result<Vec<ServiceReport>, EngineError> + Send + Sync>;

/// What a name leads to.
#[derive(Debug)]
pub(crate) enum Found {
    /// This service.
    Entrance(Arc<House>, Entrance),
    /// An environment itself.
    House(Arc<House>),
    /// An environment that has no service of that name; what its engine says when it cannot be asked.
    NoService { house: Arc<House>, label: String, why: Option<String> },
    /// An environment that was up once: its project's directory.
    NotUp { root: PathBuf, environment: String },
    /// Nothing.
    Nothing,
}

/// An environment and what of it can be reached.
pub(crate) struct Inhabited {
    pub(crate) house: Arc<House>,
    pub(crate) entrances: Result<Arc<Vec<Entrance>>, String>,
}

/// What was heard of an environment.
#[derive(Debug, Clone)]
struct Heard {
    at: Instant,
    entrances: Result<Arc<Vec<Entrance>>, String>,
}

/// What is known of one environment.
#[derive(Default)]
struct Cell {
    /// Held by whoever asks.
    asking: AsyncMutex<()>,
    heard: Mutex<Option<Heard>>,
}

#[derive(Default)]
struct Seen {
    houses: Houses,
    list: Vec<Arc<House>>,
    at: Option<Instant>,
}

/// All that can be reached.
pub(crate) struct Street {
    home: Home,
    ask: Ask,
    seen: Mutex<Seen>,
    cells: Mutex<HashMap<PathBuf, Arc<Cell>>>,
}

impl fmt::Debug for Street {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Street").field("home", &self.home).finish_non_exhaustive()
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Cell {
    fn latest(&self, fresh: Duration) -> Option<Heard> {
        locked(&self.heard).clone().filter(|heard| heard.at.elapsed() < fresh)
    }
}

impl Street {
    /// All that is on record in `home`, whose engines are asked by `ask`.
    pub(crate) fn new(home: Home, ask: Ask) -> Self {
        Self { home, ask, seen: Mutex::default(), cells: Mutex::default() }
    }

    /// The environments that are on record; seen at most so long ago.
    fn look(&self, fresh: Duration) -> Vec<Arc<House>> {
        let mut seen = locked(&self.seen);
        if seen.at.is_none_or(|at| at.elapsed() >= fresh) {
            seen.list = seen.houses.look(&self.home).into_iter().map(Arc::new).collect();
            // What was said of those that are gone is of no use.
            let is_there = |dir: &Path| seen.list.iter().any(|house| house.site.dir() == dir);
            locked(&self.cells).retain(|dir, _| is_there(dir));
            seen.at = Some(Instant::now());
        }
        seen.list.clone()
    }

    async fn houses(self: &Arc<Self>, fresh: Duration) -> Vec<Arc<House>> {
        let street = Arc::clone(self);
        // It reads files.
        spawn_blocking(move || street.look(fresh)).await.unwrap_or_default()
    }

    /// What can be reached of an environment.
    async fn entrances(self: &Arc<Self>, house: &Arc<House>) -> Result<Arc<Vec<Entrance>>, String> {
        let fresh = match house.engine {
            EngineKind::Native => FRESH,
            EngineKind::Docker => FRESH_OF_DOCKER,
        };
        let cell = Arc::clone(locked(&self.cells).entry(house.site.dir().to_owned()).or_default());
        if let Some(heard) = cell.latest(fresh) {
            return heard.entrances;
        }
        let (ask, site, asked) = (Arc::clone(&self.ask), house.site.clone(), Arc::clone(&cell));
        // Whoever gives up waiting leaves the question to those who come after.
        let asking = spawn(async move {
            let _guard = asked.asking.lock().await;
            if asked.latest(fresh).is_none() {
                let told = spawn_blocking(move || ask(&site)).await;
                let entrances = match told {
                    Ok(Ok(services)) => Ok(Arc::new(entrances(&services))),
                    Ok(Err(error)) => Err(error.to_string()),
                    Err(_) => Err("nobody can be asked".to_owned()),
                };
                *locked(&asked.heard) = Some(Heard { at: Instant::now(), entrances });
            }
        });
        if timeout(LIMIT, asking).await.is_err() && locked(&cell.heard).is_none() {
            return Err(format!("its engine has said nothing for {} s", LIMIT.as_secs()));
        }
        // One who does not answer is taken to be as he was.
        let heard = locked(&cell.heard).clone();
        heard.map_or_else(|| Err("nobody can be asked".to_owned()), |heard| heard.entrances)
    }

    /// Forgets how an environment did: what was said of it was not true.
    pub(crate) fn doubt(&self, house: &House) {
        locked(&self.seen).at = None;
        if let Some(cell) = locked(&self.cells).get(house.site.dir()) {
            *locked(&cell.heard) = None;
        }
    }

    /// All environments, and what of them can be reached.
    pub(crate) async fn all(self: &Arc<Self>) -> Vec<Inhabited> {
        let mut asking = JoinSet::new();
        for (place, house) in self.houses(FRESH).await.into_iter().enumerate() {
            let street = Arc::clone(self);
            asking.spawn(async move {
                let entrances = street.entrances(&house).await;
                (place, Inhabited { house, entrances })
            });
        }
        let mut all = asking.join_all().await;
        all.sort_by_key(|(place, _)| *place);
        all.into_iter().map(|(_, inhabited)| inhabited).collect()
    }

    /// What a name leads to. What is before the name of a service is the service's own to understand (`tenant.web.shop`).
    pub(crate) async fn find(self: &Arc<Self>, name: &str) -> Found {
        match self.find_in(&self.houses(FRESH).await, name).await {
            // It may just have come up.
            Found::Nothing | Found::NotUp { .. } => {
                self.find_in(&self.houses(Duration::ZERO).await, name).await
            }
            found => found,
        }
    }

    async fn find_in(self: &Arc<Self>, houses: &[Arc<House>], name: &str) -> Found {
        let at = |of: &str| houses.iter().find(|house| house.name == of);
        // A service may be called as a branch is: the branch has no more than a list to show.
        if let Some((label, of)) = splits(name).next()
            && let Some(house) = at(of)
            && let found @ Found::Entrance(..) = self.service(house, label).await
        {
            return found;
        }
        if let Some(house) = at(name) {
            return Found::House(Arc::clone(house));
        }
        // What ends with the name of an environment that was up once is not for another one to answer.
        let was = self.once(name);
        for (label, of) in splits(name) {
            match (at(of), &was) {
                (Some(house), _) => return self.service(house, label).await,
                (None, Some((claimed, _))) if *claimed == of => break,
                (None, _) => {}
            }
        }
        was.map_or(Found::Nothing, |(_, gone)| gone)
    }

    async fn service(self: &Arc<Self>, house: &Arc<House>, label: &str) -> Found {
        let entrances = self.entrances(house).await;
        let there = entrances.as_ref().ok().and_then(|all| all.iter().find(|one| one.label == label));
        match there {
            Some(entrance) => Found::Entrance(Arc::clone(house), entrance.clone()),
            None => {
                Found::NoService { house: Arc::clone(house), label: label.to_owned(), why: entrances.err() }
            }
        }
    }

    /// The longest name of an environment that was up once which is in a name, and that it is not up.
    fn once<'n>(&self, name: &'n str) -> Option<(&'n str, Found)> {
        let claims = known(&self.home).claims;
        let all = std::iter::once(name).chain(splits(name).map(|(_, of)| of));
        all.into_iter().find_map(|of| {
            let mut environments =
                claims.iter().filter(|(key, claim)| key.contains(PART) && claim.name == of);
            let (key, claim) = environments.find(|(_, claim)| claim.root.is_dir())?;
            let environment = key.rsplit_once(PART).map_or(key.as_str(), |(_, name)| name).to_owned();
            Some((of, Found::NotUp { root: claim.root.clone(), environment }))
        })
    }
}

/// The names of a service and its environment that a name may be, from the longest environment on.
fn splits(name: &str) -> impl Iterator<Item = (&str, &str)> {
    let dots = name.match_indices('.').map(|(place, _)| place);
    let begins = std::iter::once(0).chain(dots.clone().map(|dot| dot + 1));
    begins.zip(dots).map(move |(begin, dot)| (&name[begin..dot], &name[dot + 1..]))
}

#[cfg(test)]
mod tests {
    use super::splits;

    #[test]
    fn a_name_is_read_from_its_end() {
        assert_eq!(
            splits("a.web.x.shop").collect::<Vec<_>>(),
            [("a", "web.x.shop"), ("web", "x.shop"), ("x", "shop")]
        );
        assert_eq!(splits("shop").count(), 0);
    }
}
