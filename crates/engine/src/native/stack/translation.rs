//! What turns an environment into processes of this machine.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use backlot_nginx::{LocateError, Nginx};
use backlot_project::Environment;

use crate::record::DatabaseRecord;
use crate::site::Site;

/// An environment that is to run natively.
#[derive(Debug)]
pub(crate) struct Translation<'a> {
    pub(crate) environment: &'a Environment,
    /// The project's directory.
    pub(crate) root: &'a Path,
    /// The caller's variables.
    pub(crate) caller: &'a BTreeMap<String, String>,
    /// The nginx of this machine, or how to get one.
    pub(crate) nginx: Result<Nginx, LocateError>,
    /// Its database, once that runs.
    pub(crate) database: Option<&'a DatabaseRecord>,
    /// The name of its database's service.
    pub(crate) database_service: Option<&'a str>,
    /// The scenario's name, for one.
    pub(crate) scenario: Option<&'a str>,
    pub(crate) site: &'a Site,
    /// Whether its ports are free ones, whatever its files publish.
    pub(crate) throwaway: bool,
    /// How many replicas of a service run, where that is not what the files say.
    pub(crate) scale: &'a BTreeMap<String, u32>,
    /// The endpoints that are open now: they stay.
    pub(crate) current: BTreeMap<(String, u16), u16>,
    /// Whether files are written that services read; not when it is only to be seen what would change.
    pub(crate) writes: bool,
}

impl Translation<'_> {
    /// The names of all services.
    pub(super) fn names(&self) -> BTreeSet<&str> {
        self.environment.stack.services.keys().map(String::as_str).collect()
    }
}
