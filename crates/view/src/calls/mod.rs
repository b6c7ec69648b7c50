//! Addresses of a program's own: the system calls that name addresses are carried out for it, with those that are meant.
//!
//! The child puts a [`filter`] over itself before it becomes its program, and hands the listener of that filter over a socket.
//! A thread of ours, one for each program, then gets each such call ([`listener`]), reads what was asked ([`asked`]), and
//! answers it ([`answer`]) by what a [`Network`] says: where the program's own ports really are ([`table`]), and where other
//! services are. The data of a connection never passes through us.
//!
//! This keeps honest programs apart. It is no wall: a program that wants to can get around it.

#[cfg(target_os = "linux")]
mod answer;
#[cfg(target_os = "linux")]
mod asked;
#[cfg(target_os = "linux")]
mod filter;
#[cfg(target_os = "linux")]
mod listener;
#[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "no calls are looked at there"))]
mod network;
#[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "no calls are looked at there"))]
mod table;

#[cfg(target_os = "linux")]
pub(crate) use filter::Trap;
#[cfg(target_os = "linux")]
pub(crate) use listener::serve;
pub use network::{Network, Route, Router, Transport};
