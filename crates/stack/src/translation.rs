//! What turns an environment into processes of this machine.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use backlot_nginx::{LocateError, Nginx};
use backlot_project::Environment;
use backlot_state::tools::Litter;
use backlot_state::{DatabaseRecord, Site};
use backlot_view::Rung;

use crate::containers::Containers;
use crate::packages::Provided;

/// An environment that is to run natively.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is about something else")]
pub struct Translation<'a> {
    /// It, as its files are read.
    pub environment: &'a Environment,
    /// The project's directory.
    pub root: &'a Path,
    /// The caller's variables.
    pub caller: &'a BTreeMap<String, String>,
    /// The nginx of this machine, or how to get one.
    pub nginx: Result<Nginx, LocateError>,
    /// Its databases, once they run.
    pub running: &'a [DatabaseRecord],
    /// The names of its databases' services, that of its own first.
    pub databases: Vec<&'a str>,
    /// The most that services are to have of a view.
    pub most: Rung,
    /// The scenario's name, for one.
    pub scenario: Option<&'a str>,
    /// Its place on disk.
    pub site: &'a Site,
    /// Whether its ports are free ones, whatever its files publish.
    pub throwaway: bool,
    /// How many replicas of a service run, where that is not what the files say.
    pub scale: &'a BTreeMap<String, u32>,
    /// The endpoints that are open now: they stay.
    pub current: BTreeMap<(String, u16), u16>,
    /// Whether what is only an image can be had as a container; for the question what runs at all.
    pub contains: bool,
    /// Why it cannot.
    pub no_containers: Option<&'a str>,
    /// What containers are run with, once that is known.
    pub containers: Option<&'a Containers>,
    /// Whether files are written that services read; not when it is only to be seen what would change.
    pub writes: bool,
    /// What services have of packages.
    pub provided: &'a BTreeMap<String, Provided>,
    /// Whether what is missing of that is installed before a service starts.
    pub installs: bool,
    /// What Python must not leave in the source tree, once somebody has asked.
    pub litter: &'a OnceCell<Litter>,
}

impl Translation<'_> {
    /// How much of a view they have. What this machine can give is tried out, which takes its time: not where nobody asks.
    fn rung(&self) -> Rung {
        if self.most == Rung::None { Rung::None } else { self.most.min(backlot_view::rung()) }
    }

    /// Whether services have what is mounted for them where their file says.
    pub(crate) fn has_views(&self) -> bool {
        self.rung() != Rung::None
    }

    /// Whether their addresses are their own there.
    pub(crate) fn has_addresses(&self) -> bool {
        self.rung() == Rung::Whole
    }

    /// Whether the service `name` is a database server of this engine.
    pub(crate) fn is_database(&self, name: &str) -> bool {
        self.databases.contains(&name)
    }

    /// The server of the service `name`, once it runs.
    pub(crate) fn server(&self, name: &str) -> Option<&DatabaseRecord> {
        self.running.iter().find(|database| database.service == name)
    }

    /// The environment's own database, once it runs.
    pub(crate) fn database(&self) -> Option<&DatabaseRecord> {
        self.databases.first().and_then(|name| self.server(name))
    }

    /// The names of all services.
    pub(crate) fn names(&self) -> BTreeSet<&str> {
        self.environment.stack.services.keys().map(String::as_str).collect()
    }
}
