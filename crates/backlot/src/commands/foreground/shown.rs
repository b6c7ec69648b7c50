//! What of a stack in the foreground is shown, and what ends it: the options of `up` that are about that.

use backlot_project::Stack;

use crate::commands::services::unknown;
use crate::context::Context;
use crate::error::CommandError;
use crate::render::LogPrinter;

/// What is shown, and what ends all of it. Most are known from Docker Compose, and mean the same there.
#[derive(Debug, Default, Clone, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of its own")]
pub struct Shown {
    /// Stop everything as soon as a service has ended, and end with its exit code
    #[arg(long, conflicts_with_all = ["detach", "wait", "watch"])]
    abort_on_container_exit: bool,
    /// The same, but only when one has failed
    #[arg(long, conflicts_with_all = ["detach", "wait", "watch", "abort_on_container_exit"], hide_short_help = true)]
    abort_on_container_failure: bool,
    /// Stop everything as soon as a service has ended, and end with the exit code of this one
    #[arg(long, value_name = "SERVICE", conflicts_with_all = ["detach", "wait", "watch"])]
    exit_code_from: Option<String>,
    /// Show what these services print, and no others (repeatable)
    #[arg(long, value_name = "SERVICE", hide_short_help = true, conflicts_with_all = ["detach", "wait", "attach_dependencies"])]
    attach: Vec<String>,
    /// Show what all services but these print (repeatable)
    #[arg(long, value_name = "SERVICE", hide_short_help = true)]
    no_attach: Vec<String>,
    // What all services print is shown anyway.
    #[arg(long, hide = true, conflicts_with_all = ["detach", "wait"])]
    attach_dependencies: bool,
    /// Show when each line was printed
    #[arg(long, hide_short_help = true)]
    timestamps: bool,
    /// Do not show of which replica a line is
    #[arg(long, hide_short_help = true)]
    no_log_prefix: bool,
    /// Print what services print without colours
    #[arg(long, hide_short_help = true)]
    no_color: bool,
}

/// What ends all of a stack in the foreground.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndsWith {
    /// The first end of a service.
    Any,
    /// The first that fails.
    Failure,
}

impl Shown {
    /// Whether services are named that there are.
    ///
    /// # Errors
    /// For the first that is none.
    pub fn check(&self, stack: &Stack) -> Result<(), CommandError> {
        let known = stack.services.keys().chain(&stack.off).cloned().collect();
        let mut named = self.attach.iter().chain(&self.no_attach).chain(&self.exit_code_from);
        named
            .find(|name| !stack.services.contains_key(*name))
            .map_or(Ok(()), |name| Err(unknown(name, &known)))
    }

    /// What prints the lines.
    pub fn printer(&self, context: &Context) -> LogPrinter {
        let colour = context.caller.wants_colour_on_stdout && !self.no_color;
        let printer = LogPrinter::new(colour, self.timestamps);
        match (context.global.json, self.no_log_prefix) {
            (true, _) => printer.with_objects(),
            (false, true) => printer.without_prefix(),
            (false, false) => printer,
        }
    }

    /// Whether what a service prints is shown.
    pub fn shows(&self, service: &String) -> bool {
        (self.attach.is_empty() || self.attach.contains(service)) && !self.no_attach.contains(service)
    }

    /// What ends everything, if something does.
    pub fn ends_with(&self) -> Option<EndsWith> {
        if self.abort_on_container_failure {
            return Some(EndsWith::Failure);
        }
        (self.abort_on_container_exit || self.exit_code_from.is_some()).then_some(EndsWith::Any)
    }

    /// The exit code when `service` has ended with `code`: that of the service that was asked for, which is stopped with the others if
    /// it is another one.
    pub fn exit_code(&self, service: &str, code: i32) -> u8 {
        match &self.exit_code_from {
            Some(chosen) if chosen != service => STOPPED,
            Some(_) | None => u8::try_from(code).unwrap_or(u8::MAX),
        }
    }
}

/// The exit code of what was asked to end.
const STOPPED: u8 = 128 + 15;

#[cfg(test)]
mod tests {
    use super::{EndsWith, Shown};

    #[test]
    fn what_is_shown_is_what_is_attached() {
        let shows = |attach: &[&str], no_attach: &[&str]| {
            let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
            let shown = Shown { attach: names(attach), no_attach: names(no_attach), ..Shown::default() };
            ["db", "web"].map(|name| shown.shows(&name.to_owned()))
        };
        assert_eq!(shows(&[], &[]), [true, true]);
        assert_eq!(shows(&["web"], &[]), [false, true]);
        assert_eq!(shows(&[], &["web"]), [true, false]);
        assert_eq!(shows(&["web"], &["web"]), [false, false]);
    }

    #[test]
    fn the_exit_code_is_that_of_the_service_that_was_asked_for() {
        let from = |service: Option<&str>| Shown {
            abort_on_container_exit: true,
            exit_code_from: service.map(str::to_owned),
            ..Shown::default()
        };
        assert_eq!(from(None).exit_code("web", 3), 3);
        assert_eq!(from(Some("web")).exit_code("web", 0), 0);
        assert_eq!(from(Some("tests")).exit_code("web", 0), 143);
        assert_eq!(from(None).ends_with(), Some(EndsWith::Any));
        assert_eq!(Shown::default().ends_with(), None);
    }
}
