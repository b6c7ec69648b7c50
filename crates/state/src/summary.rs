//! An environment in a listing.

use std::collections::BTreeSet;

use crate::record::EngineKind;

/// How an environment does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// A command is making or removing it right now.
    Busy,
    /// It is up and filled.
    Running,
    /// Its file failed; the half-filled database is up.
    Failed,
    /// Whoever made it was killed in the middle.
    HalfMade,
    /// Its server is gone, its files are there.
    Stopped,
    /// Its state file cannot be read.
    Damaged,
    /// No Docker daemon answers that could tell.
    Unreachable,
    /// What a killed command has left, which the next one removes.
    LeftOver,
    /// It is down, and has data that is kept.
    Down,
    /// The same, and the checkout that it belongs to is not where it was.
    Orphan,
}

impl State {
    /// The state in one word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Busy => "busy",
            Self::Running => "running",
            Self::Failed => "failed",
            Self::HalfMade => "half-made",
            Self::Stopped => "stopped",
            Self::Damaged => "damaged",
            Self::Unreachable => "unreachable",
            Self::LeftOver => "left over",
            Self::Down => "down",
            Self::Orphan => "orphan",
        }
    }
}

/// An environment in a listing.
#[derive(Debug)]
pub struct Summary {
    /// Its name; a scenario's is that of the scenario.
    pub name: String,
    /// Its name on disk.
    pub environment: String,
    /// How it does.
    pub state: State,
    /// What runs it, as far as the record tells.
    pub engine: Option<EngineKind>,
    /// The port of its database.
    pub port: Option<u16>,
    /// The name of its database.
    pub database: Option<String>,
    /// The size of its database, in bytes, when it answers.
    pub size: Option<u64>,
    /// How long ago it was made, in seconds.
    pub age: Option<u64>,
    /// The ports at which its other services are reached.
    pub services: Vec<(String, u16)>,
    /// What their names have in common at the front door, if that is open: `*.shop.localhost:7355`.
    pub names: Option<String>,
    /// Those of them that are not ready yet.
    pub starting: BTreeSet<String>,
    /// Processes that nobody answers for any more, since all who did were killed; the next command ends them.
    pub orphans: Vec<i32>,
}
