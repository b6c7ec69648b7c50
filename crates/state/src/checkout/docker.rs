//! What a checkout has on Docker, where names and ports are the whole machine's. It is kept for as long as volumes of that name may be
//! there: a plain second clone has names of its own beside it, and finds them again.

use std::collections::BTreeSet;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{Checkouts, Known};
use crate::error::EngineError;

/// An environment on Docker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OnDocker {
    /// The name that Compose knows it by.
    pub project: String,
    /// The ports of this machine that it publishes.
    pub ports: BTreeSet<u16>,
    /// The volumes of its files there, whose data stays.
    #[serde(default)]
    pub volumes: BTreeSet<String>,
    /// Whether it was brought up natively since.
    #[serde(default)]
    pub is_left: bool,
}

impl Checkouts {
    /// The end that names of the environment `key` have on Docker, of which the files make a project called `usual`: the one that it has
    /// already; else one of its own where a checkout that is still there has that name; else none.
    pub fn end_on_docker(&self, key: &str, root: &Path, usual: &str) -> Option<String> {
        let place = self.place(root);
        if let Some(own) = place.known.as_ref().and_then(|known| known.docker.get(key)) {
            return own.project.strip_prefix(usual)?.strip_prefix('-').map(str::to_owned);
        }
        let is_other = |known: &Known| known.hash != place.hash && known.root != root && !known.has_left();
        let has_name = |known: &Known| known.docker.values().any(|other| other.project == usual);
        self.all().iter().any(|known| is_other(known) && has_name(known)).then_some(place.hash)
    }

    /// Keeps what the environment `key`, of the checkout that has the project in `root`, has on Docker. Volumes that its files had
    /// earlier count until they are known to be gone.
    pub fn keep_on_docker(
        &self,
        key: String,
        (root, called): (&Path, &str),
        has: OnDocker,
    ) -> Result<(), EngineError> {
        self.keep(root, called, |known, _| {
            let earlier = known.docker.remove(&key).map(|earlier| earlier.volumes).unwrap_or_default();
            let volumes = has.volumes.into_iter().chain(earlier).collect();
            known.docker.insert(key, OnDocker { volumes, ..has });
        })
    }

    /// What the environment `key` of the checkout `hash` has on Docker.
    pub(crate) fn on_docker(&self, hash: &str, key: &str) -> Result<Option<OnDocker>, EngineError> {
        let known = Self::read(&self.path(hash))?;
        Ok(known.and_then(|mut known| known.docker.remove(key)))
    }

    /// Changes what is kept of what the environment `key` of the checkout `hash` has on Docker, or forgets it.
    pub(crate) fn change_on_docker(
        &self,
        hash: &str,
        key: &str,
        change: impl FnOnce(OnDocker) -> Option<OnDocker>,
    ) -> Result<(), EngineError> {
        if !self.path(hash).exists() {
            return Ok(());
        }
        let _lock = self.hold()?;
        let Some(before) = Self::read(&self.path(hash))? else { return Ok(()) };
        let mut known = before.clone();
        if let Some(has) = known.docker.remove(key).and_then(change) {
            known.docker.insert(key.to_owned(), has);
        }
        if known == before {
            return Ok(());
        }
        self.write(&known)
    }
}
