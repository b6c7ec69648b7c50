//! What the process ends with.

/// The exit code of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// 0: done.
    Done,
    /// 1: failed.
    Failed,
    /// 2: the command line or a name on it makes no sense.
    Usage,
    /// 130: interrupted by Ctrl-C or another signal that asks to stop.
    Interrupted,
    /// The code of the program that was run, 128 + signal when a signal ended it.
    Child(u8),
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::Interrupted => 130,
            Exit::Child(code) => code,
        })
    }
}
