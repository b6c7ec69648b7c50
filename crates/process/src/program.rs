//! A program to run, as a value.

use std::collections::BTreeMap;
use std::ffi::{CString, OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::{fmt, io};

use backlot_view::View;
use nix::unistd::{Gid, Uid};

use crate::error::ProcessError;
use crate::owner::Owner;
use crate::quote::shell_quote;

/// A program to run, as a value that can be shown, tested and run.
///
/// The environment starts out empty. A name without a slash is looked up in the `PATH` that the program was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    path: PathBuf,
    args: Vec<OsString>,
    env: BTreeMap<OsString, OsString>,
    current_dir: Option<PathBuf>,
    owner: Owner,
    view: Option<Arc<View>>,
}

impl Program {
    /// The program at `path`, without arguments and with an empty environment.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        let (args, env) = (Vec::new(), BTreeMap::new());
        Self { path: path.into(), args, env, current_dir: None, owner: Owner::Caller, view: None }
    }

    /// Adds one argument.
    #[must_use]
    pub fn arg(mut self, arg: impl Into<OsString>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// Adds several arguments.
    #[must_use]
    pub fn args<A: Into<OsString>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Sets one variable of the environment.
    #[must_use]
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.env.insert(name.into(), value.into());
        self
    }

    /// Sets several variables of the environment; a later one of the same name wins.
    #[must_use]
    pub fn envs<N: Into<OsString>, V: Into<OsString>>(
        mut self,
        env: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        self.env.extend(env.into_iter().map(|(name, value)| (name.into(), value.into())));
        self
    }

    /// The directory that the program starts in; if it is not set, the caller's, or its view's. In a view it is a path there.
    #[must_use]
    pub fn current_dir(mut self, dir: impl Into<PathBuf>) -> Self {
        self.current_dir = Some(dir.into());
        self
    }

    /// The account that the program runs as.
    #[must_use]
    pub fn run_as(mut self, owner: &Owner) -> Self {
        self.owner = owner.clone();
        self
    }

    /// The world that the program runs in, instead of the machine as it is; it is looked up there, too. Only root can make one for
    /// another account.
    #[must_use]
    pub fn within(mut self, view: Arc<View>) -> Self {
        self.view = Some(view);
        self
    }

    /// The program as it was named.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What it is called by, and its arguments.
    pub fn words(&self) -> Vec<OsString> {
        std::iter::once(self.path.clone().into_os_string()).chain(self.args.iter().cloned()).collect()
    }

    /// The arguments, without the program itself.
    pub fn arguments(&self) -> &[OsString] {
        &self.args
    }

    /// A variable that the program was given.
    pub fn variable(&self, name: &str) -> Option<&OsStr> {
        self.env.get(OsStr::new(name)).map(OsString::as_os_str)
    }

    /// True if any part holds a NUL byte, which the system could not pass on.
    pub(crate) fn has_nul_byte(&self) -> bool {
        let variables = self.env.iter().flat_map(|(name, value)| [name.as_os_str(), value.as_os_str()]);
        let words = self.args.iter().map(OsString::as_os_str).chain([self.path.as_os_str()]).chain(variables);
        words
            .chain(self.current_dir.iter().map(|dir| dir.as_os_str()))
            .any(|word| word.as_encoded_bytes().contains(&0))
    }

    /// That it can be started as it is, as far as we can see.
    pub(crate) fn check(&self) -> Result<(), ProcessError> {
        if self.has_nul_byte() {
            return Err(ProcessError::NulByte { program: self.path.clone() });
        }
        match (&self.view, &self.owner) {
            (Some(_), Owner::User { name, .. }) if !nix::unistd::geteuid().is_root() => {
                Err(ProcessError::ViewOfAnother { program: self.path.clone(), account: name.clone() })
            }
            (Some(_), Owner::Caller | Owner::User { .. }) | (None, _) => Ok(()),
        }
    }

    /// Has the child enter its view, after all that it does before; so this comes last.
    pub(crate) fn enter_view(&self, command: &mut Command) {
        let Some(view) = self.view.clone() else { return };
        // NUL bytes have been looked for.
        let directory =
            self.current_dir.as_ref().and_then(|dir| CString::new(dir.as_os_str().as_bytes()).ok());
        let account = match self.owner {
            Owner::Caller => None,
            Owner::User { uid, gid, .. } => Some((Uid::from_raw(uid), Gid::from_raw(gid))),
        };
        let enter = move || -> io::Result<()> {
            view.enter()?;
            if let Some((user, group)) = account {
                become_another(user, group)?;
            }
            directory.as_deref().map_or(Ok(()), |dir| Ok(nix::unistd::chdir(dir)?))
        };
        // SAFETY: the closure makes system calls only; it neither allocates nor takes a lock.
        unsafe { command.pre_exec(enter) };
    }

    /// The error of a start.
    pub(crate) fn start_error(&self, source: io::Error) -> ProcessError {
        let source = match &self.view {
            Some(view) => view.explain(source),
            None => source,
        };
        ProcessError::Start { program: self.path.clone(), source }
    }

    /// The standard library's form of it, with everything set but the streams and the view.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that may")]
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(&self.path);
        command.args(&self.args).env_clear().envs(&self.env);
        // The standard library would go there before the view is entered.
        if let Some(dir) = self.current_dir.as_ref().filter(|_| self.view.is_none()) {
            command.current_dir(dir);
        }
        match &self.owner {
            Owner::Caller => {}
            // Only root enters a view, and becomes another one there.
            Owner::User { .. } if self.view.is_some() => {}
            Owner::User { uid, gid, .. } => {
                // As root the standard library drops the supplementary groups along with this.
                command.uid(*uid).gid(*gid);
            }
        }
        command
    }
}

/// Becomes another account for good. Whoever does that is not killed with its parent any more, unless it asks for that again.
#[cfg(target_os = "linux")]
fn become_another(user: Uid, group: Gid) -> nix::Result<()> {
    let dies_by = nix::sys::prctl::get_pdeathsig()?;
    nix::unistd::setgroups(&[])?;
    nix::unistd::setgid(group)?;
    nix::unistd::setuid(user)?;
    if dies_by.is_some() {
        nix::sys::prctl::set_pdeathsig(dies_by)?;
    }
    Ok(())
}

/// Elsewhere there are no views.
#[cfg(not(target_os = "linux"))]
fn become_another(_: Uid, _: Gid) -> nix::Result<()> {
    Err(nix::errno::Errno::ENOSYS)
}

/// The command line as one would type it, quoted for a POSIX shell. Variables are left out: their values may be secret.
impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", shell_quote(&self.path.to_string_lossy()))?;
        self.args.iter().try_for_each(|arg| write!(f, " {}", shell_quote(&arg.to_string_lossy())))
    }
}

#[cfg(test)]
mod tests {
    use super::Program;

    #[test]
    fn shows_what_one_would_type_and_no_values_of_variables() {
        let program = Program::new("/usr/bin/psql").args(["-c", "select 'a'"]).env("PGPASSWORD", "hunter2");
        assert_eq!(program.to_string(), r"/usr/bin/psql -c 'select '\''a'\'''");
    }

    #[test]
    fn finds_nul_bytes_everywhere() {
        assert!(!Program::new("x").arg("a").env("b", "c").has_nul_byte());
        for program in [
            Program::new("x\0"),
            Program::new("x").arg("\0"),
            Program::new("x").env("a\0", ""),
            Program::new("x").env("a", "\0"),
            Program::new("x").current_dir("/\0"),
        ] {
            assert!(program.has_nul_byte(), "{program:?}");
        }
    }
}
