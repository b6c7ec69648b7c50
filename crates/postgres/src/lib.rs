//! Postgres clusters: binaries, servers, databases.
//!
//! The way from nothing to a database: [`SearchPlaces`] → [`Installation`] → a cluster, which `backlot-templates` makes →
//! [`ClusterStarter::start`] → [`RunningCluster`] → [`Access`] → [`Connection`]. This crate knows no project file, never
//! prints, and never reads the process environment.

mod access;
mod authid;
mod conf;
mod connection;
mod init;
mod locale;
mod locate;
mod log;
mod place;
mod port;
mod ready;
mod recovery;
mod remains;
mod running;
mod settings;
mod spec;
mod sql;
mod start;
mod storage;
mod version;

pub use access::Access;
pub use authid::lets_in;
pub use conf::{ConfError, ConfFiles, flatten, settings as settings_in, with_host_auth};
pub use connection::{Action, Connection, Creation, DatabaseError};
pub use init::{
    INIT_DIR, Init, InitError, Onlooker, Places, Script, ScriptContent, Syncing, Workshop, start_aside,
};
pub use locale::{LocaleChoice, LocaleWish};
pub use locate::{Installation, LocateError, OLDEST_MAJOR, SearchPlaces};
pub use log::tells_full_disk;
pub use place::Place;
pub use port::{DEFAULT_PORT, PortWish};
pub use recovery::is_recovering;
pub use remains::free_shared_memory;
pub use running::{RunningCluster, StopError, StopMode, Stopped};
pub use spec::{ClusterSpec, Durability, SpecError, TRUST};
pub use sql::{identifier_in_any_encoding, quote_identifier, quote_literal};
pub use start::{ClusterStarter, StartError};
pub use storage::{StorageError, make_private, remove_tree};
pub use version::Version;
