//! What is made of every key of a Compose file: it is honoured, or it is named.
//!
//! The Docker engine hands all of them to Compose. What the native engine does is in one table, from which the
//! documentation is made as well, and which a test holds against the keys that the reader knows.

mod container;
mod find;
mod row;
mod table;

use std::fmt;

use backlot_yaml::Location;

pub(crate) use find::unhonoured;
pub use row::{Gap, Level, Native, Row, RunBy, When};
pub use table::ROWS;

/// A key in use that an engine does not honour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unhonoured {
    /// The service that has it, or that it is about; none for one of the whole stack.
    pub service: Option<String>,
    /// Its path: `services.web.cap_add`.
    pub key: String,
    /// What is made of it.
    pub gap: Gap,
    /// Where it stands.
    pub at: Location,
}

/// One line: what is not as the file says, its place, and the way out.
impl fmt::Display for Unhonoured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, gap, at, .. } = self;
        let key = key.strip_prefix("services.").unwrap_or(key);
        write!(f, "{key}: {} ({at}); {}", gap.what, gap.instead)
    }
}
