//! Which replica is given what, what each of them has not finished, and connections to it at rest.

mod balance;
pub(crate) mod in_flight;
pub(crate) mod pool;
pub(crate) mod recheck;
pub(crate) mod replica;
pub(crate) mod rotation;
pub(crate) mod state;
