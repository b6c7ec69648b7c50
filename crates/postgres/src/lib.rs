//! Postgres clusters: binaries, templates, servers, databases.
//!
//! The way from nothing to a database: [`SearchPlaces`] → [`Installation`] → [`Templates::ensure`] → [`Template::clone_into`]
//! → [`ClusterStarter::start`] → [`RunningCluster`] → [`Access`] → [`Connection`]. This crate knows no project file, never
//! prints, and never reads the process environment.

mod access;
mod conf;
mod connection;
mod copy;
mod init;
mod locale;
mod locate;
mod lock;
mod log;
mod place;
mod port;
mod ready;
mod recovery;
mod remains;
mod running;
mod settings;
mod spec;
mod spread;
mod sql;
mod start;
mod storage;
mod template;
mod version;

pub use access::Access;
pub use conf::{ConfError, ConfFiles, flatten, settings as settings_in};
pub use connection::{Action, Connection, Creation, DatabaseError};
pub use init::{INIT_DIR, Init, InitError, Onlooker, Script, ScriptContent, Workshop};
pub use locale::{LocaleChoice, LocaleWish};
pub use locate::{Installation, LocateError, OLDEST_MAJOR, SearchPlaces};
pub use place::Place;
pub use port::{DEFAULT_PORT, PortWish};
pub use recovery::is_recovering;
pub use remains::free_shared_memory;
pub use running::{RunningCluster, StopError, StopMode, Stopped};
pub use spec::{ClusterSpec, Durability, SpecError, TRUST};
pub use sql::{quote_identifier, quote_literal};
pub use start::{ClusterStarter, StartError};
pub use storage::StorageError;
pub use template::{Fill, Template, TemplateError, Templates, Unfinished, is_cluster, is_unfinished};
pub use version::Version;
