//! Carries steps out on an engine and observes what is there.

mod database;
mod error;
mod event;
mod home;
mod lock;
pub mod native;
mod record;
mod site;
mod variables;

pub use database::{Database, DatabaseError};
pub use error::EngineError;
pub use event::{Event, Report};
pub use home::{Home, HomeError};
pub use lock::{Lock, LockError};
pub use native::{Ground, Native, Up};
pub use record::{DatabaseRecord, EngineKind, Filling, Record, RecordError};
pub use site::Site;
