//! What services print: one file a service, a line each with its time, replica and stream, and a cap on it all.
//!
//! ```text
//! 2026-11-23T02:18:39.123456Z web-1 out  * Running on http://127.0.0.1:5000
//! ```

mod follow;
mod foreign;
mod line;
mod pump;
mod read;
mod write;

pub use follow::Follower;
pub use foreign::cap_foreign;
pub use line::{LogLine, SinceError, Stream, format_time, parse_since, parse_time};
pub use pump::Pump;
pub use read::{ForeignLog, GATEWAY_LOG, LogQuery, read_logs};
pub use write::{Cap, LogSet, Tail};
