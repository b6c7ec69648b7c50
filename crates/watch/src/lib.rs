//! Files that change, and what is done about it: which rule takes which file ([`Rule`], [`work()`]) is pure; [`Watching`] looks
//! at the files.

mod git;
mod patterns;
mod rule;
mod telling;
mod tree;
mod watching;
mod work;

pub use git::GitIgnored;
pub use patterns::{PatternError, Patterns};
pub use rule::Rule;
pub use watching::Watching;
pub use work::{Todo, Work, work};
