//! Containers beside processes: how Docker or Podman is called for the services that exist only as images. A container is
//! the child of whoever runs its client in the foreground; here are the client, images, the network, what a Compose file's keys are
//! as options, and the removal of what a killed client has left.

mod build;
mod client;
mod error;
mod image;
mod network;
mod options;
mod remove;

pub use build::{Recipe, build};
pub use client::{Client, Kind, label};
pub use error::ContainersError;
pub use image::{Image, Pull, find, pull};
pub use network::{Gateway, Network, Way, know_volume, network};
pub use options::options;
pub use remove::{remove, remove_all, remove_image};
