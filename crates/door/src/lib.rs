//! The front door: one port of this machine at which the services of all environments are reached by their names.
//!
//! `http://web.shop.localhost:7355/` leads to the service `web` of the project `shop`; see [`names`] for what else there is. The door is
//! a process of its own, one a home ([`open()`]), which ends when nothing is up any more. It answers names below `.localhost` alone,
//! and hands requests to nothing but services that are on record.
//!
//! It knows what is on record and how engines are asked ([`Ask`]), and nothing of what runs them.

mod authority;
mod claims;
mod client;
mod entrances;
mod error;
mod headers;
mod houses;
pub mod names;
mod open;
mod pages;
mod place;
mod proxy;
mod seat;
mod serve;
mod street;
mod tls;

pub use authority::Authority;
pub use entrances::{Condition, Entrance, entrances};
pub use error::DoorError;
pub use houses::{House, house};
pub use open::{Door, open, standing};
pub use seat::run;
pub use street::Ask;
