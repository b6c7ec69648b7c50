//! Errors that explain themselves: each knows a stable name for programs, and the way out.
//!
//! The way out is text, with command lines of Backlot's own in it.
//! An error knows the words of a command, and not by which options its caller has named the project: those are added where
//! it is shown.

use std::error::Error;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use backlot_process::shell_quote;

/// An error that knows its name and the way out of it.
pub trait Explain: Error + Send + Sync {
    /// A stable name of the kind of error, for programs.
    fn code(&self) -> &'static str;

    /// The way out.
    fn hint(&self) -> Option<Hint>;

    /// What it is made of, where that is more than one thing.
    fn obstacles(&self) -> Vec<Obstacle> {
        Vec::new()
    }
}

/// One of several things that are in the way.
#[derive(Debug)]
pub struct Obstacle {
    /// Its stable name.
    pub code: &'static str,
    /// What it is, with its causes.
    pub message: String,
    /// The way out of it.
    pub hint: Option<Hint>,
}

impl<E: Explain> Explain for Arc<E> {
    fn code(&self) -> &'static str {
        E::code(self)
    }

    fn hint(&self) -> Option<Hint> {
        E::hint(self)
    }

    fn obstacles(&self) -> Vec<Obstacle> {
        E::obstacles(self)
    }
}

/// Some such error, without saying which.
#[derive(Debug)]
pub struct Explained(Box<dyn Explain>);

impl Explained {
    /// That error, whose type does not matter any more.
    pub fn of(error: impl Explain + 'static) -> Self {
        Self(Box::new(error))
    }

    /// Its stable name.
    pub fn code(&self) -> &'static str {
        self.0.code()
    }

    /// The way out.
    pub fn hint(&self) -> Option<Hint> {
        self.0.hint()
    }

    /// What it is made of, where that is more than one thing.
    pub fn obstacles(&self) -> Vec<Obstacle> {
        self.0.obstacles()
    }
}

impl fmt::Display for Explained {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for Explained {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}

/// What to do about an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hint(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Command {
        /// What follows `backlot`.
        words: Vec<String>,
        /// Whether it is about the caller's project.
        is_of_project: bool,
    },
}

impl Hint {
    /// A command about the caller's project, by its words after `backlot`.
    pub fn command(words: &[&str]) -> Self {
        Self::of_words(words, true)
    }

    /// A command that means the same wherever it is said: about no project, or about one that its words name.
    pub fn anywhere(words: &[&str]) -> Self {
        Self::of_words(words, false)
    }

    fn of_words(words: &[&str], is_of_project: bool) -> Self {
        let words = words.iter().map(|word| (*word).to_owned()).collect();
        Self(vec![Part::Command { words, is_of_project }])
    }

    /// The command that removes an environment.
    pub fn down(environment: &str) -> Self {
        Self::command(&down(environment))
    }

    /// The last lines of what failed, if it has said any: often the best hint that there is.
    pub fn last_lines(lines: &[String]) -> Option<Self> {
        (!lines.is_empty()).then(|| format!("its last lines were\n{}", lines.join("\n")).into())
    }

    /// The same with more after it.
    #[must_use]
    pub fn then(mut self, next: impl Into<Self>) -> Self {
        self.0.extend(next.into().0);
        self
    }

    /// Its text; `options` name the caller's project, each with a space after it.
    pub fn render(&self, options: &str) -> String {
        let part = |part: &Part| match part {
            Part::Text(text) => text.clone(),
            Part::Command { words, is_of_project } => {
                let words: Vec<_> = words.iter().map(|word| shell_quote(word)).collect();
                format!("backlot {}{}", if *is_of_project { options } else { "" }, words.join(" "))
            }
        };
        self.0.iter().map(part).collect()
    }
}

impl From<String> for Hint {
    fn from(text: String) -> Self {
        Self(vec![Part::Text(text)])
    }
}

impl From<&str> for Hint {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

/// The words of the command that removes an environment.
pub fn down(environment: &str) -> Vec<&str> {
    match environment.strip_prefix("scenario_") {
        Some(scenario) => vec!["scenario", "down", scenario],
        None => vec!["-e", environment, "down"],
    }
}

/// A path as a word of a shell's command line.
pub fn quoted(path: &Path) -> String {
    shell_quote(&path.display().to_string()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::Hint;

    #[test]
    fn commands_about_the_project_have_the_callers_options() {
        let hint = Hint::from("remove it (").then(Hint::down("scenario_it")).then("), or `backlot -e x`");
        assert_eq!(hint.render(""), "remove it (backlot scenario down it), or `backlot -e x`");
        assert_eq!(
            hint.render("-p other "),
            "remove it (backlot -p other scenario down it), or `backlot -e x`"
        );
        assert_eq!(Hint::down("testing").render("-C dir "), "backlot -C dir -e testing down");
        let elsewhere = Hint::anywhere(&["-C", "/a b", "down"]);
        assert_eq!(elsewhere.render("-p other "), "backlot -C '/a b' down");
    }
}
