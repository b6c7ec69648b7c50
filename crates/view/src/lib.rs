//! A world of its own for one program: what the machine has, and over it what the program is to find at paths of its own.
//!
//! A [`View`] is worked out in whole before anything is started ([`View::new`]): a list of system calls, which a child makes
//! between fork and exec ([`View::enter`]) and which touch nothing outside of it. Nothing is created on the machine: where a
//! path does not exist there, its folder is *spread*, which is to say that a file system in memory stands in for it, holding
//! all of its entries as they were when the view was made, and the new one.
//!
//! With a [`Network`] the program has addresses of its own, too ([`View::with_network`]): what it binds and where it connects is
//! carried out for it with the addresses that are meant (`calls`).
//!
//! Below here are a tree of what the program will see (`tree`), made from what the machine has (`machine`), and the system
//! calls that bring it about (`steps`).

mod calls;
#[cfg(not(target_os = "linux"))]
mod elsewhere;
#[cfg(target_os = "linux")]
mod enter;
mod error;
#[cfg(target_os = "linux")]
mod machine;
mod mount;
mod names;
#[cfg(target_os = "linux")]
mod probe;
#[cfg(target_os = "linux")]
mod steps;
#[cfg(target_os = "linux")]
mod tree;

pub use calls::{Network, Route, Router, Transport};
#[cfg(not(target_os = "linux"))]
pub use elsewhere::{View, obstacle, rung, why_not};
#[cfg(target_os = "linux")]
pub use enter::View;
pub use error::{EnterError, Reason, ViewError};
pub use mount::{Called, Mount, Rung, Setting, What};
pub use names::{NAME_SERVER, Names, serve_names};
#[cfg(target_os = "linux")]
pub use probe::{obstacle, rung, why_not};
