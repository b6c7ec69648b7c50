//! What nobody sets.

use std::collections::BTreeMap;

use backlot_yaml::Span;

/// The names that texts refer to and nobody sets, even if the text says what is taken then, each with its first place.
#[derive(Debug, Default)]
pub struct Missed(pub BTreeMap<String, Span>);

impl Missed {
    pub(crate) fn add(&mut self, name: &str, at: &Span) {
        if !self.0.contains_key(name) {
            self.0.insert(name.to_owned(), at.clone());
        }
    }

    /// Adds those of others; the first place counts.
    pub fn extend(&mut self, other: Self) {
        for (name, at) in other.0 {
            self.0.entry(name).or_insert(at);
        }
    }
}
