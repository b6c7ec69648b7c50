//! Carries steps out on an engine and observes what is there.
//!
//! What all engines share is here: where state lives (`home`, `site`, `record`, `lock`, `volume`), what the files say of
//! services (`facts`), and what can be asked whatever runs an environment (`deployment`, `engine`, `choose`, `attend`,
//! `printed`, `testing`). The engines themselves, `native` and `docker`, are private.

mod attend;
mod choose;
mod deployment;
mod docker;
mod engine;
mod error;
mod event;
mod facts;
mod fill;
mod ground;
mod hint;
mod home;
mod janitor;
mod list;
mod live;
mod lock;
mod native;
mod ourselves;
mod printed;
mod record;
mod runner;
mod runs;
mod site;
mod testing;
pub mod tools;
mod up;
mod variables;
pub mod volume;

pub use attend::{Attendance, Heard};
pub use choose::{deployment, engine_at};
pub use deployment::Deployment;
pub use docker::{Client, ComposeProject, DockerError, named_daemon};
pub use engine::{Beside, Engine, Exec};
pub use error::EngineError;
pub use event::{Event, Report};
pub use facts::database::{Database, DatabaseError};
pub use facts::storage::StorageError;
pub use ground::Ground;
pub use hint::Hint;
pub use home::{Home, HomeError};
pub use janitor::Watcher;
pub use list::{State, Summary, list, list_all};
pub use live::LiveDatabase;
pub use lock::{Lock, LockError};
pub use native::{
    ChangeError, PortError, PortTrouble, StackError, Tenant, fill_up, guard, locate, supervise,
};
pub use ourselves::{GUARD_VERB, JANITOR_VERB, STOCK_VERB, SUPERVISOR_VERB};
pub use printed::{Lines, LogWish};
pub use record::{DatabaseRecord, EngineKind, Filling, Record, RecordError};
pub use runner::test_command;
pub use runs::{INNER, new_mark};
pub use site::Site;
pub use testing::{TestRun, finish_for, tidy_up_after};
pub use up::{Failure, Started, Wishes};
