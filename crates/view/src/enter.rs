//! The child's side.

use std::ffi::CStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fs, io};

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, OFlag, open};
use nix::libc;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::stat::{Mode, SFlag, mknod, umask};
use nix::sys::statvfs::{FsFlags, statvfs};
use nix::unistd::{
    UnlinkatFlags, chdir, getegid, geteuid, mkdir, pivot_root, sethostname, symlinkat, unlink, unlinkat,
    write,
};

use crate::calls::{Network, Trap, serve};
use crate::error::{EnterError, ViewError};
use crate::machine::Real;
use crate::mount::{Called, Mount};
use crate::steps::{Account, Plan, Step, joining, plan};

/// An error of the child's holds the number of the step above these bits, and the system's own number in them.
const ERRNO_BITS: u32 = 12;
const NONE: Option<&CStr> = None;
/// What the last of all is about.
const TRAPPING: &str = "have its addresses looked after";

/// A world, worked out to the last system call, that a child enters between fork and exec.
#[derive(Debug, Clone)]
pub struct View {
    plan: Plan,
    trap: Option<Arc<Trap>>,
}

/// Those are the same that look the same from within.
impl PartialEq for View {
    fn eq(&self, other: &Self) -> bool {
        self.plan == other.plan && self.trap.is_some() == other.trap.is_some()
    }
}

impl Eq for View {}

impl View {
    /// Works out the world of a program that starts in `directory` (a path of its world), with what the machine has now.
    /// Where a folder has to be spread, what comes into it on the machine later is not seen; so make a view when it is needed.
    pub fn new(mounts: &[Mount], directory: &Path) -> Result<Self, ViewError> {
        let account = Account { user: geteuid().as_raw(), group: getegid().as_raw() };
        Ok(Self { plan: plan(&Real, mounts, directory, &account)?, trap: None })
    }

    /// The very world that a process is in: what it wrote to its own memory is there, too, which another view of the same mounts
    /// does not have. The caller knows that the process is still the one that it means.
    pub fn of(pid: i32, directory: &Path) -> Result<Self, ViewError> {
        let namespace = |process: &str, kind: &str| fs::read_link(format!("/proc/{process}/ns/{kind}"));
        let is_other = |kind: &str| Ok(namespace(&pid.to_string(), kind)? != namespace("self", kind)?);
        let gone = |source| ViewError::Process { pid, source };
        if !is_other("mnt").map_err(gone)? {
            return Err(gone(io::Error::other("it sees the machine as it is")));
        }
        Ok(Self { plan: joining(pid, is_other, directory)?, trap: None })
    }

    /// The same world, in which the machine is called so.
    #[must_use]
    pub fn called(mut self, called: &Called) -> Self {
        self.plan.steps.push(Step::Name(called.clone()));
        self
    }

    /// The same world, in which addresses mean what `network` says. It is for one start of a program: its calls are answered by a
    /// thread of this process, until nobody is left who could make any.
    pub fn with_network(self, network: Arc<Network>) -> io::Result<Self> {
        let (trap, ours) = Trap::new()?;
        serve(ours, network)?;
        Ok(Self { trap: Some(Arc::new(trap)), ..self })
    }

    /// Enters it, for good, and goes to its directory. It makes system calls only (it neither allocates nor takes a lock), so a
    /// child may do this between fork and exec. An ordinary user's process must have one thread only, as that child has.
    ///
    /// # Errors
    /// One whose number tells which step failed, too: [`View::explain`] takes it apart, in the parent.
    pub fn enter(&self) -> io::Result<()> {
        let mask = umask(Mode::empty());
        let failed = self
            .plan
            .steps
            .iter()
            .zip(1..)
            .find_map(|(step, number): (_, i32)| take(step).err().map(|errno| numbered(number, errno)));
        umask(mask);
        match (failed, &self.trap) {
            (Some(error), _) => Err(error),
            (None, None) => Ok(()),
            (None, Some(trap)) => {
                let number = i32::try_from(self.plan.steps.len()).unwrap_or_default() + 1;
                trap.set().map_err(|errno| numbered(number, errno))
            }
        }
    }

    /// What an error of [`View::enter`] is about: an [`EnterError`] within. Any other error is returned as it is.
    pub fn explain(&self, error: io::Error) -> io::Error {
        let Some(number) = error.raw_os_error() else { return error };
        let index = usize::try_from(number >> ERRNO_BITS).ok().and_then(|number| number.checked_sub(1));
        let Some(index) = index.filter(|index| *index <= self.plan.steps.len()) else { return error };
        let doing = self.plan.steps.get(index).map_or_else(|| TRAPPING.to_owned(), ToString::to_string);
        let source = io::Error::from_raw_os_error(number & ((1 << ERRNO_BITS) - 1));
        io::Error::new(source.kind(), EnterError { doing, source })
    }

    /// The folders that are spread: where the program has each, and which folder of the machine's it is. What a program creates
    /// there, beside what exists, is its own and gone with it; it matters where that is a folder of the user's.
    pub fn spread(&self) -> &[(PathBuf, PathBuf)] {
        &self.plan.spread
    }
}

fn numbered(number: i32, errno: Errno) -> io::Error {
    io::Error::from_raw_os_error((number << ERRNO_BITS) | errno as i32)
}

/// Makes the system calls of one step.
fn take(step: &Step) -> nix::Result<()> {
    match step {
        Step::Part { users, groups } => part(users, groups),
        Step::Join { users, names, mounts } => join(users.as_deref(), names.as_deref(), mounts),
        Step::Seclude => mount(NONE, c"/", NONE, MsFlags::MS_SLAVE | MsFlags::MS_REC, NONE),
        Step::Tmpfs { at, options } => {
            let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
            mount(Some(c"view"), at.as_c_str(), Some(c"tmpfs"), flags, Some(options.as_c_str()))
        }
        Step::Folder { at, mode } => mkdir(at.as_c_str(), Mode::from_bits_truncate(*mode)),
        Step::File { at } => mknod(at.as_c_str(), SFlag::S_IFREG, Mode::from_bits_truncate(0o644), 0),
        Step::Link { at, target } => symlinkat(target.as_c_str(), AT_FDCWD, at.as_c_str()),
        Step::Bind { from, at, read_only, may_have_gone } => bind(from, at, *read_only, *may_have_gone),
        Step::ReadOnly { at } => refuse_writing(at, false),
        Step::Turn { stage, machine } => {
            pivot_root(stage.as_c_str(), machine.as_c_str())?;
            chdir(c"/")
        }
        Step::Leave { machine } => {
            umount2(machine.as_c_str(), MntFlags::MNT_DETACH)?;
            rmdir(machine)
        }
        Step::Start { at } => chdir(at.as_c_str()),
        Step::Name(called) => name(called),
    }
}

fn part(users: &CStr, groups: &CStr) -> nix::Result<()> {
    match unshare(CloneFlags::CLONE_NEWNS) {
        Err(Errno::EPERM) => {}
        done => return done,
    }
    unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNS)?;
    for (path, text) in
        [(c"/proc/self/setgroups", c"deny"), (c"/proc/self/uid_map", users), (c"/proc/self/gid_map", groups)]
    {
        let file = open(path, OFlag::O_WRONLY | OFlag::O_CLOEXEC, Mode::empty())?;
        write(&file, text.to_bytes())?;
    }
    Ok(())
}

fn name(called: &Called) -> nix::Result<()> {
    unshare(CloneFlags::CLONE_NEWUTS)?;
    called.host.as_deref().map_or(Ok(()), sethostname)?;
    let Some(domain) = &called.domain else { return Ok(()) };
    // SAFETY: the bytes live through the call, which only reads them.
    Errno::result(unsafe { libc::setdomainname(domain.as_ptr().cast(), domain.len()) }).map(drop)
}

fn join(users: Option<&CStr>, names: Option<&CStr>, mounts: &CStr) -> nix::Result<()> {
    let open = |path: &CStr| open(path, OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty());
    let mounts = open(mounts)?;
    let names = names.map(open).transpose()?;
    if let Some(users) = users {
        setns(open(users)?, CloneFlags::CLONE_NEWUSER)?;
    }
    if let Some(names) = names {
        setns(names, CloneFlags::CLONE_NEWUTS)?;
    }
    setns(mounts, CloneFlags::CLONE_NEWNS)
}

fn bind(from: &CStr, at: &CStr, read_only: bool, may_have_gone: bool) -> nix::Result<()> {
    match mount(Some(from), at, NONE, MsFlags::MS_BIND | MsFlags::MS_REC, NONE) {
        Ok(()) if read_only => refuse_writing(at, true),
        Ok(()) => Ok(()),
        // What was there has ended since the view was made: so it is not there.
        Err(Errno::ENOENT) if may_have_gone => unlink(at).or_else(|_| rmdir(at)),
        Err(errno) => Err(errno),
    }
}

fn rmdir(at: &CStr) -> nix::Result<()> {
    unlinkat(AT_FDCWD, at, UnlinkatFlags::RemoveDir)
}

/// Refuses writing below a mount; with all that is mounted within it, if the kernel can do that (Linux 5.12).
fn refuse_writing(at: &CStr, within: bool) -> nix::Result<()> {
    #[repr(C)]
    struct Attributes {
        set: u64,
        clear: u64,
        propagation: u64,
        user_namespace: u64,
    }
    let change = Attributes { set: libc::MOUNT_ATTR_RDONLY, clear: 0, propagation: 0, user_namespace: 0 };
    let flags = if within { libc::AT_RECURSIVE } else { 0 };
    // SAFETY: both pointers are to memory that lives through the call, which only reads from it.
    let done = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            libc::AT_FDCWD,
            at.as_ptr(),
            flags,
            &raw const change,
            size_of::<Attributes>(),
        )
    };
    match Errno::result(done) {
        Ok(_) => Ok(()),
        Err(Errno::ENOSYS) => remount(at),
        Err(errno) => Err(errno),
    }
}

/// The older way, which has to repeat what the mount refuses already.
fn remount(at: &CStr) -> nix::Result<()> {
    let now = statvfs(at)?.flags();
    let kept = [
        (FsFlags::ST_NOSUID, MsFlags::MS_NOSUID),
        (FsFlags::ST_NODEV, MsFlags::MS_NODEV),
        (FsFlags::ST_NOEXEC, MsFlags::MS_NOEXEC),
        (FsFlags::ST_NOATIME, MsFlags::MS_NOATIME),
        (FsFlags::ST_NODIRATIME, MsFlags::MS_NODIRATIME),
    ];
    let same = MsFlags::MS_REMOUNT | MsFlags::MS_BIND | MsFlags::MS_RDONLY;
    let flags =
        kept.into_iter().filter(|(flag, _)| now.contains(*flag)).fold(same, |all, (_, flag)| all | flag);
    mount(NONE, at, NONE, flags, NONE)
}
