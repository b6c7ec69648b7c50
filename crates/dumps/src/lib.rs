//! What `pg_dump` has written: read as SQL, whatever its form, and loaded into a server.
//!
//! A [`Dump`] is plain SQL, an archive (`-Fc`, `-Ft`) or a folder (`-Fd`), and may be packed by gzip or zstd. It is loaded by psql,
//! which stops at the first error; archives go through `pg_restore` on the way. A dump that was cut short is an error, too: psql
//! itself would take what is there for all of it.

mod error;
mod form;
mod load;
mod text;

pub use error::DumpError;
pub use form::Dump;
pub use load::{Loaded, Loader};
