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
    /// Whether standard error is a terminal on which lines can be drawn again.
    pub can_redraw: bool,
    /// Whether its locale has no other signs than those of ASCII.
    pub wants_ascii: bool,
}

/// All variables, as they are handed on by what only stands in for another program.
pub fn handed_on() -> BTreeMap<OsString, OsString> {
    std::env::vars_os().collect()
}

impl Caller {
    /// Reads them.
    pub fn read() -> Self {
        let all = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        let (libpq, variables): (BTreeMap<_, _>, BTreeMap<_, _>) =
            all.partition(|(name, _)| is_of_libpq(name));
        let (stdout, stderr) = (std::io::stdout().is_terminal(), std::io::stderr().is_terminal());
        let is_dumb = variables.get("TERM").is_some_and(|term| term == "dumb");
        Self {
            arguments: std::env::args_os().skip(1).collect(),
            directory: std::env::current_dir(),
            can_ask: std::io::stdin().is_terminal(),
            has_terminal: stdout,
            wants_colour_on_stdout: wants_colour(stdout, &variables),
            wants_colour: wants_colour(stderr, &variables),
            can_redraw: stderr && !is_dumb,
            wants_ascii: wants_ascii(&variables),
            variables,
            withheld: libpq.into_keys().collect(),
        }
    }
}

/// Whether a stream is to be coloured: `NO_COLOR` says no, `FORCE_COLOR` and `CLICOLOR_FORCE` say yes (or, as 0, no) of all, and else a terminal
/// is that is not dumb.
fn wants_colour(is_terminal: bool, variables: &BTreeMap<String, String>) -> bool {
    let set = |name: &str| variables.get(name).map(String::as_str).filter(|value| !value.is_empty());
    let is_off = |value: &str| matches!(value, "0" | "false");
    if set("NO_COLOR").is_some() {
        return false;
    }
    match set("FORCE_COLOR").or_else(|| set("CLICOLOR_FORCE").filter(|value| !is_off(value))) {
        Some(value) => !is_off(value),
        None => is_terminal && set("TERM") != Some("dumb") && !set("CLICOLOR").is_some_and(is_off),
    }
}

/// Whether the locale that is chosen for characters has ASCII only, as far as is known; where none is chosen, UTF-8 it is.
fn wants_ascii(variables: &BTreeMap<String, String>) -> bool {
    let names = ["LC_ALL", "LC_CTYPE", "LANG"];
    let chosen = names.iter().filter_map(|name| variables.get(*name)).find(|value| !value.is_empty());
    let is_utf8 = |locale: &str| locale.ends_with("utf8") || locale.ends_with("utf-8");
    chosen.is_some_and(|locale| !is_utf8(&locale.split('@').next().unwrap_or_default().to_ascii_lowercase()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{wants_ascii, wants_colour};

    fn variables(said: &str) -> BTreeMap<String, String> {
        said.split_whitespace()
            .filter_map(|word| word.split_once('='))
            .map(|(name, value)| (name.into(), value.into()))
            .collect()
    }

    #[test]
    fn colour_is_for_terminals_unless_something_is_said() {
        for (said, on_terminal, elsewhere) in [
            ("", true, false),
            ("TERM=dumb", false, false),
            ("NO_COLOR=1", false, false),
            ("NO_COLOR=", true, false),
            ("FORCE_COLOR=1", true, true),
            ("FORCE_COLOR=0", false, false),
            ("CLICOLOR_FORCE=1 TERM=dumb", true, true),
            ("CLICOLOR_FORCE=0", true, false),
            ("CLICOLOR=0", false, false),
            ("CLICOLOR=0 FORCE_COLOR=1", true, true),
            ("NO_COLOR=1 FORCE_COLOR=1", false, false),
        ] {
            let variables = variables(said);
            assert_eq!(
                (wants_colour(true, &variables), wants_colour(false, &variables)),
                (on_terminal, elsewhere),
                "{said}"
            );
        }
    }

    #[test]
    fn ascii_is_for_locales_without_more() {
        for (said, ascii) in [
            ("", false),
            ("LANG=C.UTF-8", false),
            ("LANG=en_US.utf8@euro", false),
            ("LC_ALL=C LANG=en_US.UTF-8", true),
            ("LC_ALL= LC_CTYPE=POSIX", true),
            ("LANG=de_DE.ISO-8859-1", true),
        ] {
            assert_eq!(wants_ascii(&variables(said)), ascii, "{said}");
        }
    }
}
