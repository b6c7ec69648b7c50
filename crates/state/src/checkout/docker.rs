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

    /// Keeps what the environment `key`, of the checkout that has the project in `root`, has on Docker.
    pub fn keep_on_docker(
        &self,
        key: String,
        (root, called): (&Path, &str),
        has: OnDocker,
    ) -> Result<(), EngineError> {
        self.keep(root, called, |known, _| drop(known.docker.insert(key, has)))
    }

    /// Forgets what the environment `key` of the checkout `hash` had on Docker.
    pub(crate) fn forget_on_docker(&self, hash: &str, key: &str) -> Result<(), EngineError> {
        if !self.path(hash).exists() {
            return Ok(());
        }
        let _lock = self.hold()?;
        let Some(mut known) = Self::read(&self.path(hash))? else { return Ok(()) };
        if known.docker.remove(key).is_none() {
            return Ok(());
        }
        self.write(&known)
    }
}
