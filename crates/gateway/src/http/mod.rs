//! HTTP: from a client's connection to a replica's and back.

mod answer;
mod attempt;
mod client;
mod forward;
mod forwarded;
mod headers;
mod hop;
mod response_body;
mod retry;
mod screen;
mod serve;

pub(crate) use retry::ATTEMPTS;
pub(crate) use serve::serve;
