//! For services without addresses of their own: what texts say of hosts and ports is rewritten to what is so on this machine.
//! Those are all where a machine gives no addresses, and everywhere databases and what is on the machine's own network.

mod beyond;
mod check;
mod command;
mod databases;
mod front;
mod variables;

pub(crate) use command::port_variables;
