//! Where the state of environments is kept, and what every engine can be asked.
//!
//! On disk: [`Home`], the [`Site`] of each environment, its [`Record`], locks, [`volume`]s. An engine is whoever implements
//! [`Engine`] (an environment that is there, by its site) and [`Deployment`] (one that is to be there, by its files); the
//! crates `native` and `docker` do, and `engine` chooses between them.

mod attend;
pub mod checkout;
mod deployment;
mod engine;
mod error;
mod event;
pub mod fill;
mod ground;
mod home;
pub mod how_far;
mod janitor;
mod live;
mod lock;
pub mod mark;
mod obstacles;
mod on_docker;
mod one_off;
mod ourselves;
mod printed;
mod record;
pub mod runs;
mod site;
mod snapshotting;
mod summary;
mod taken;
pub mod tools;
mod up;
pub mod volume;

pub use attend::{Attendance, Heard};
pub use backlot_snapshots::Saved;
pub use checkout::{Checkout, Checkouts, Known};
pub use deployment::{Deployment, Purpose, in_words};
pub use engine::{Beside, Engine, Exec};
pub use error::EngineError;
pub use event::{Event, HowFar, Outcome, Report, tell};
pub use ground::{Ground, go_on};
pub use home::{Home, HomeError, short_hash, usual_port_of};
pub use janitor::{DONE, Watcher, dismiss, hire, watch_over};
pub use live::{LiveDatabase, installation, label};
pub use lock::{Lock, LockError, holder_at, is_still_at};
pub use obstacles::Obstacles;
pub use one_off::OneOff;
pub use ourselves::{
    CHECKOUT_VERB, DOOR_VERB, GUARD_VERB, JANITOR_VERB, STOCK_VERB, SUPERVISOR_VERB, ourselves,
};
pub use printed::{Lines, LogWish};
pub use record::{
    ContainerDatabase, DatabaseRecord, DockerRecord, EngineKind, Filling, Record, RecordError, VERSION, now,
    read as read_state, write as write_state,
};
pub use site::Site;
pub use snapshotting::Snapshotting;
pub use summary::{State, Summary};
pub use taken::Taken;
pub use up::{Failure, Packages, Started, Wishes};
