//! HTTP: from a client's connection to a replica's and back.

mod answer;
mod attempt;
mod client;
mod forward;
mod presence;
mod relay;
mod serve;
mod upload;

pub(crate) use serve::serve;
