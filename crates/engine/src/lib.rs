//! Carries steps out on an engine and observes what is there.

mod database;
mod deployment;
pub mod docker;
mod engine;
mod error;
mod event;
mod home;
mod live;
mod lock;
pub mod native;
mod record;
mod site;
mod variables;

pub use database::{Database, DatabaseError};
pub use deployment::{Deployment, why_not_native};
pub use engine::{Beside, Engine};
pub use error::EngineError;
pub use event::{Event, Report};
pub use home::{Home, HomeError};
pub use live::LiveDatabase;
pub use lock::{Lock, LockError};
pub use native::{Ground, Native, Up};
pub use record::{DatabaseRecord, EngineKind, Filling, Record, RecordError};
pub use site::Site;
