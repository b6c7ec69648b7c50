//! The project's own nginx configuration, as it is for a container, and as it has to be to run natively.
//!
//! A [`Config`] is read with everything that it includes, asked what it refers to ([`Config::references`]) and where it
//! listens ([`Config::listens`]), and written anew as one file ([`Config::rewrite`]), in which services are at their
//! native addresses. Where nginx can be given a world of its own, it has what the project has, as it is, and around it what the
//! official image has ([`image()`]). The grammar is that of nginx: directives of words, ended by `;` or a block.

mod config;
mod error;
mod image;
mod locate;
mod parse;
mod paths;
mod place;
mod rewrite;
mod source;
mod templates;

pub use config::Config;
pub use error::{ConfigError, Place};
pub use image::{Part, image};
pub use locate::{LocateError, Nginx, locate};
pub use rewrite::{Rewrite, Rewritten};
pub use source::Source;
pub use templates::SITE;
