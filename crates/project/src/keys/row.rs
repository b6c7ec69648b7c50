//! What may be said of a key.

use super::container::container;

/// The way out of most.
pub(super) const DOCKER: &str = "--engine docker honours it";

/// What is said of limits.
pub(super) const LIMIT: &str = "a native process has no such limit";

/// What is said of a key that is not honoured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// The stack works as it is.
    Warning,
    /// Without it something else would be done than the file says.
    Error,
}

/// When a key makes a difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Whenever it is there.
    Always,
    /// Unless it is false.
    True,
    /// If it is false.
    False,
    /// If it is one of these words.
    Is(&'static [&'static str]),
    /// If it is another word than these, one that begins with these included.
    IsNot(&'static [&'static str]),
    /// Unless all of it is 0 or -1, which are no limits.
    Limits,
    /// If it is a path that does not begin at the root.
    Relative,
    /// If a service refers to a name in it, where it can be given no names: a text has the name as a word.
    Referred,
    /// If one of its members is of a container, and not of a service.
    OfContainer,
    /// If it gives a service another name, after a colon, where that can be given no names.
    Renames,
    /// Where the machine can give a service no view of its own.
    NoView,
    /// The same, unless it is false.
    TrueNoView,
    /// Where the machine can give a service no names of its own.
    NoNames,
}

impl When {
    /// Whether it can make a difference where services have views of their own, or names besides.
    pub fn holds_with(self, has_views: bool, has_names: bool) -> bool {
        match self {
            Self::NoView | Self::TrueNoView => !has_views,
            Self::NoNames | Self::Referred | Self::Renames => !has_names,
            Self::Always
            | Self::True
            | Self::False
            | Self::Is(_)
            | Self::IsNot(_)
            | Self::Limits
            | Self::OfContainer
            | Self::Relative => true,
        }
    }
}

/// What is not as the file says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    /// When that makes a difference.
    pub when: When,
    /// How bad it is.
    pub level: Level,
    /// What happens.
    pub what: &'static str,
    /// The way out.
    pub instead: &'static str,
}

/// What the native engine does about a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Native {
    /// What the file says is done.
    Honoured,
    /// It changes nothing for a process, and why.
    Void(&'static str),
    /// It is named.
    Named(Gap),
}

/// What a service is, here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunBy {
    /// A program of this machine.
    Program,
    /// A Postgres server of ours.
    Server,
    /// A container beside such.
    Container,
}

/// A key, with all below it that has no row of its own if it is not honoured.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// Its path; `*` is any name, `[]` any member of a list.
    pub key: &'static str,
    /// What is done about it for a program.
    pub process: Native,
    /// The same for a Postgres server.
    pub postgres: Native,
}

pub(super) const fn yes(key: &'static str) -> Row {
    Row { key, process: Native::Honoured, postgres: Native::Honoured }
}

pub(super) const fn void(key: &'static str, why: &'static str) -> Row {
    Row { key, process: Native::Void(why), postgres: Native::Void(why) }
}

pub(super) const fn gap(when: When, what: &'static str, instead: &'static str) -> Native {
    Native::Named(Gap { when, level: Level::Warning, what, instead })
}

pub(super) const fn warn(key: &'static str, what: &'static str) -> Row {
    warn_when(key, When::Always, what, DOCKER)
}

pub(super) const fn warn_when(
    key: &'static str,
    when: When,
    what: &'static str,
    instead: &'static str,
) -> Row {
    Row { key, process: gap(when, what, instead), postgres: gap(when, what, instead) }
}

/// A limit, of which 0 is none.
pub(super) const fn limit(key: &'static str) -> Row {
    warn_when(key, When::Limits, LIMIT, DOCKER)
}

/// Honoured for a program; a database has nothing to run it beside.
pub(super) const fn process_only(key: &'static str) -> Row {
    Row { key, process: Native::Honoured, postgres: gap(When::Always, "it is not run natively", DOCKER) }
}

pub(super) const fn refuse(key: &'static str, what: &'static str, instead: &'static str) -> Row {
    let named = Native::Named(Gap { when: When::Always, level: Level::Error, what, instead });
    Row { key, process: named, postgres: named }
}

pub(super) const fn refuse_when(
    key: &'static str,
    when: When,
    what: &'static str,
    instead: &'static str,
) -> Row {
    let named = Native::Named(Gap { when, level: Level::Error, what, instead });
    Row { key, process: named, postgres: named }
}

impl Row {
    /// What is done about it for a service of this kind.
    pub fn of(&self, kind: RunBy) -> Native {
        match kind {
            RunBy::Program => self.process,
            RunBy::Server => self.postgres,
            RunBy::Container => container(self.key).unwrap_or(self.process),
        }
    }

    /// The same, but nothing for a Postgres server.
    pub(super) const fn void_for_postgres(self, why: &'static str) -> Self {
        Self { postgres: Native::Void(why), ..self }
    }

    /// The same, but honoured for a Postgres server.
    pub(super) const fn with_postgres(self) -> Self {
        Self { postgres: Native::Honoured, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::When;

    #[test]
    fn views_and_names_make_up_for_what_needs_them() {
        // Without a view, with one, and with one that has names.
        let cases = [
            (When::Always, [true; 3]),
            (When::IsNot(&["host"]), [true; 3]),
            (When::Limits, [true; 3]),
            (When::NoView, [true, false, false]),
            (When::TrueNoView, [true, false, false]),
            (When::NoNames, [true, true, false]),
            (When::Referred, [true, true, false]),
            (When::Renames, [true, true, false]),
        ];
        for (when, expected) in cases {
            let holds = [(false, false), (true, false), (true, true)]
                .map(|(has_views, has_names)| when.holds_with(has_views, has_names));
            assert_eq!(holds, expected, "{when:?}");
        }
    }
}
