//! Postgres clusters as they were at a moment: copied while they run, kept by name, put back.
//!
//! ```text
//! DIR/lock             held by whoever saves or removes one
//! DIR/NAME/            one snapshot, whole: it comes here in one step
//!     data/            the data directory
//!     snapshot.json    what it is
//! DIR/making-…/        one that is being made; left by a process that died, it is dropped
//! DIR/removed-…/       one that is being removed
//! ```

mod error;
mod freeze;
mod live;
mod place;
mod store;

pub use error::SnapshotError;
pub use live::{Copied, Live, copy_live};
pub use place::put_into_place;
pub use store::{BEFORE_RESTORE, Held, Saved, Snapshot, Store};
