//! Which replica is given what, and what each of them has not finished.

mod balance;
pub(crate) mod in_flight;
pub(crate) mod recheck;
pub(crate) mod replica;
pub(crate) mod rotation;
pub(crate) mod state;
