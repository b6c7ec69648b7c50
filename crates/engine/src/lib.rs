//! Carries steps out on an engine and observes what is there.

mod address;
mod database;
mod deployment;
pub mod docker;
mod engine;
mod error;
mod event;
mod ground;
mod hint;
mod home;
mod live;
mod lock;
pub mod native;
mod record;
mod site;
mod storage;
mod up;
mod variables;
pub mod volume;

pub use database::{Database, DatabaseError};
pub use deployment::{Deployment, why_not_native};
pub use engine::{Beside, Engine};
pub use error::EngineError;
pub use event::{Event, Report};
pub use ground::Ground;
pub use hint::Hint;
pub use home::{Home, HomeError};
pub use live::LiveDatabase;
pub use lock::{Lock, LockError};
pub use native::{Native, Up};
pub use record::{DatabaseRecord, EngineKind, Filling, Record, RecordError};
pub use site::Site;
pub use storage::StorageError;
pub use up::{Failure, Started, Wishes};
