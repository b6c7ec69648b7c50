//! Something that is done, where no plan has a step for it.

use std::fmt;

use backlot_plan::Told;

/// What it is, as people are told of it.
#[derive(Debug)]
pub(crate) struct Doing {
    /// The word before what came of it: `saved`.
    pub(crate) heading: &'static str,
    /// What is done.
    pub(crate) what: String,
}

impl fmt::Display for Doing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl Told for Doing {
    fn heading(&self) -> &'static str {
        self.heading
    }
}
