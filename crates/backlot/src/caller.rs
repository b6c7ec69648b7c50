//! What the caller gave us besides the arguments: read once, here, and nowhere else.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::io::IsTerminal;
use std::path::PathBuf;

use backlot_process::is_of_libpq;

/// The caller's environment and terminal.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is about another stream")]
pub struct Caller {
    /// The arguments, without the program's name.
    pub arguments: Vec<OsString>,
    /// Environment variables; one that is no UTF-8 is left out, since no config file could name it. What libpq reads is left
    /// out, too: it is about some other Postgres, and would have ours write there.
    pub variables: BTreeMap<String, String>,
    /// The names of those of libpq.
    pub withheld: BTreeSet<String>,
    /// The current directory, as the shell names it where that is true.
    pub directory: std::io::Result<PathBuf>,
    /// Whether standard input is a terminal: somebody can be asked.
    pub can_ask: bool,
    /// Whether standard output is a terminal.
    pub has_terminal: bool,
    /// Whether standard output is a terminal that wants colour.
    pub wants_colour_on_stdout: bool,
    /// Whether standard error is a terminal that wants colour.
    pub wants_colour: bool,
}

impl Caller {
    /// Reads them.
    pub fn read() -> Self {
        let all = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        let (libpq, variables): (BTreeMap<_, _>, BTreeMap<_, _>) =
            all.partition(|(name, _)| is_of_libpq(name));
        let no_colour = variables.get("NO_COLOR").is_some_and(|value| !value.is_empty())
            || variables.get("TERM").is_some_and(|term| term == "dumb");
        Self {
            arguments: std::env::args_os().skip(1).collect(),
            directory: std::env::current_dir(),
            can_ask: std::io::stdin().is_terminal(),
            has_terminal: std::io::stdout().is_terminal(),
            wants_colour_on_stdout: std::io::stdout().is_terminal() && !no_colour,
            wants_colour: std::io::stderr().is_terminal() && !no_colour,
            variables,
            withheld: libpq.into_keys().collect(),
        }
    }
}
