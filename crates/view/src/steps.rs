//! The system calls that bring a tree about, in order.

use std::collections::BTreeMap;
use std::ffi::{CStr, CString, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::{fmt, io};

use crate::error::{Reason, ViewError};
use crate::machine::{Entry, Machine};
use crate::mount::{Called, Mount, OPEN_TO_ALL, What};
use crate::tree::{Asked, Folder, Found, Node, Place, Tree};

/// Where the machine's own file system is found while the new one is made.
const MACHINE: &str = "/.backlot-machine";
/// Folders that the new root can stand over for a moment; nothing of them is hidden when it has become the root.
const STAGES: [&str; 4] = ["/tmp", "/usr", "/etc", "/proc"];
/// The system's own folders, where no mount of a service's has any business.
const SYSTEM: [&str; 4] = ["/proc", "/sys", "/dev", MACHINE];
/// The one folder in there that projects do ask for.
const SHARED_MEMORY: &str = "/dev/shm";

/// One thing that the child does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// Take mounts of its own, as an ordinary user also a user namespace in which it is who it was.
    Part { users: CString, groups: CString },
    /// Go to the mounts of another process, and to its user namespace and names where those are not ours.
    Join { users: Option<CString>, names: Option<CString>, mounts: CString },
    /// Nothing that is mounted from here on is seen by the machine.
    Seclude,
    /// Mount an empty file system in memory.
    Tmpfs { at: CString, options: CString },
    /// Make a folder.
    Folder { at: CString, mode: u32 },
    /// Make an empty file.
    File { at: CString },
    /// Make a symbolic link.
    Link { at: CString, target: CString },
    /// Have a file or folder of the machine at a path.
    Bind { from: CString, at: CString, read_only: bool, may_have_gone: bool },
    /// Refuse writing to a file system.
    ReadOnly { at: CString },
    /// Make the file system at `stage` the root, with the machine's at `machine` in it.
    Turn { stage: CString, machine: CString },
    /// Let go of the machine's file system.
    Leave { machine: CString },
    /// Go to the directory that the program starts in.
    Start { at: CString },
    /// Take the machine to be called so.
    Name(Called),
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let show = |path: &CStr| {
            let path = path.to_string_lossy().into_owned();
            let inside = path.strip_prefix(MACHINE).filter(|rest| rest.starts_with('/'));
            inside.map_or(path.clone(), str::to_owned)
        };
        match self {
            Self::Part { .. } => write!(f, "take mounts of its own"),
            Self::Join { mounts, .. } => write!(f, "join {}", show(mounts)),
            Self::Seclude => write!(f, "keep mounts to itself"),
            Self::Tmpfs { at, options } => {
                write!(f, "mount memory at {} ({})", show(at), options.to_string_lossy())
            }
            Self::Folder { at, mode } => write!(f, "make the folder {} ({mode:o})", show(at)),
            Self::File { at } => write!(f, "make the file {}", show(at)),
            Self::Link { at, target } => write!(f, "make the link {} to {}", show(at), show(target)),
            Self::Bind { from, at, read_only, .. } => {
                let how = if *read_only { " read-only" } else { "" };
                write!(f, "mount {} at {}{how}", show(from), show(at))
            }
            Self::ReadOnly { at } => write!(f, "make {} read-only", show(at)),
            Self::Turn { stage, .. } => write!(f, "make {} the root", show(stage)),
            Self::Leave { .. } => write!(f, "leave the machine's file system"),
            Self::Start { at } => write!(f, "start in {}", show(at)),
            Self::Name(called) => {
                let all: Vec<&str> = called.host.iter().chain(&called.domain).map(String::as_str).collect();
                write!(f, "be called {}", all.join(" in "))
            }
        }
    }
}

/// All that a view does, worked out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) steps: Vec<Step>,
    /// The folders of the machine that are spread: where the program has each, and which it is.
    pub(crate) spread: Vec<(PathBuf, PathBuf)>,
}

/// Who the child is, as the maps of a user namespace want it.
pub(crate) struct Account {
    pub(crate) user: u32,
    pub(crate) group: u32,
}

/// Works out the way into a view.
pub(crate) fn plan<M: Machine>(
    machine: &M,
    mounts: &[Mount],
    directory: &Path,
    account: &Account,
) -> Result<Plan, ViewError> {
    let tree = tree_of(machine, mounts)?;
    let in_directory = |reason| ViewError::Directory { directory: directory.to_owned(), reason };
    let start = tree.find(directory).and_then(|place| match place.found {
        Found::Folder => Ok(Step::Start { at: text(directory)? }),
        Found::File => Err(Reason::BelowFile(place.path())),
        Found::Nothing => Err(Reason::Missing(place.path())),
        Found::Closed => Err(Reason::Closed(place.path())),
    });
    let start = start.map_err(in_directory)?;

    let mut layout = Layout { machine, steps: Vec::new(), spread: Vec::new() };
    layout.steps.extend(opening(machine, account)?);
    let spread = layout.spread(Path::new("/"), &tree.root, false);
    spread
        .and_then(|()| layout.entries(&tree.root.entries, Path::new("/"), true, false))
        .map_err(ViewError::Machine)?;
    layout.steps.push(Step::Leave { machine: known(MACHINE) });
    layout.steps.push(start);
    Ok(Plan { steps: layout.steps, spread: layout.spread })
}

/// The way into the view that a process is in. `is_other` says whether a namespace of this kind is another one than ours.
pub(crate) fn joining(
    pid: i32,
    is_other: impl Fn(&str) -> io::Result<bool>,
    directory: &Path,
) -> Result<Plan, ViewError> {
    let namespace = |name: &str| known(&format!("/proc/{pid}/ns/{name}"));
    let in_directory = |reason| ViewError::Directory { directory: directory.to_owned(), reason };
    let at = text(directory).map_err(in_directory)?;
    let gone = |source| ViewError::Process { pid, source };
    let other = |name| Ok(is_other(name).map_err(gone)?.then(|| namespace(name)));
    let join = Step::Join { users: other("user")?, names: other("uts")?, mounts: namespace("mnt") };
    Ok(Plan { steps: vec![join, Step::Start { at }], spread: Vec::new() })
}

fn opening<M: Machine>(machine: &M, account: &Account) -> Result<[Step; 5], ViewError> {
    let is_folder = |stage: &&&str| matches!(machine.look(Path::new(stage)), Ok(Some(Entry::Folder)));
    let Some(stage) = STAGES.iter().find(is_folder) else {
        return Err(ViewError::Machine(Reason::NoStage(STAGES.join(", "))));
    };
    let map = |id: u32| known(&format!("{id} {id} 1"));
    let behind = format!("{stage}{MACHINE}");
    Ok([
        Step::Part { users: map(account.user), groups: map(account.group) },
        Step::Seclude,
        Step::Tmpfs { at: known(stage), options: known("mode=755") },
        Step::Folder { at: known(&behind), mode: 0o755 },
        Step::Turn { stage: known(stage), machine: known(&behind) },
    ])
}

/// What the program will see.
fn tree_of<'m, M: Machine>(machine: &'m M, mounts: &[Mount]) -> Result<Tree<'m, M>, ViewError> {
    let mut tree = Tree::of(machine);
    let mut ordered = Vec::new();
    for mount in mounts {
        let in_mount = |reason| ViewError::Mount { target: mount.target.clone(), reason };
        let node = node_of(&tree, mount).map_err(in_mount)?;
        // Where it is on the machine: a mount within a mount comes after that.
        let depth = tree.find(&mount.target).map(|place| place.names.len());
        ordered.push((depth.unwrap_or(usize::MAX), mount, node));
    }
    ordered.sort_by_key(|(depth, _, _)| *depth);
    for (_, mount, node) in ordered {
        let put = tree.find(&mount.target).and_then(|place| {
            allowed(&place)?;
            tree.put(&place, node)
        });
        put.map_err(|reason| ViewError::Mount { target: mount.target.clone(), reason })?;
    }
    Ok(tree)
}

fn allowed(place: &Place) -> Result<(), Reason> {
    let path = place.path();
    if path == Path::new("/") {
        return Err(Reason::Root);
    }
    if path == Path::new(SHARED_MEMORY) {
        return Ok(());
    }
    match SYSTEM.iter().find(|own| path.starts_with(own)) {
        Some(own) => Err(Reason::System(own.into())),
        None => Ok(()),
    }
}

fn node_of<M: Machine>(tree: &Tree<'_, M>, mount: &Mount) -> Result<Node, Reason> {
    text(&mount.target)?;
    let read_only = mount.read_only;
    match &mount.what {
        What::Path(source) => {
            let place = tree.find(source)?;
            let source = place.path();
            text(&source)?;
            match place.found {
                Found::Folder => {
                    let asked = Some(Asked { read_only, tmpfs: None });
                    Ok(Node::Folder(Folder { source: Some(source), asked, ..Folder::default() }))
                }
                Found::File => Ok(Node::File { source, read_only }),
                Found::Nothing => Err(Reason::Missing(source)),
                Found::Closed => Err(Reason::Closed(source)),
            }
        }
        What::Kept(_) => Ok(node_of_memory(None, None, read_only)),
        What::Tmpfs { size, mode } => Ok(node_of_memory(*size, *mode, read_only)),
    }
}

fn node_of_memory(size: Option<u64>, mode: Option<u32>, read_only: bool) -> Node {
    let size = size.map(|bytes| format!(",size={bytes}")).unwrap_or_default();
    let options = format!("mode={:o}{size}", mode.unwrap_or(OPEN_TO_ALL));
    let asked = Some(Asked { read_only, tmpfs: Some(options) });
    Node::Folder(Folder { is_spread: true, asked, ..Folder::default() })
}

/// The steps from a tree, as far as they are there.
struct Layout<'m, M> {
    machine: &'m M,
    steps: Vec<Step>,
    spread: Vec<(PathBuf, PathBuf)>,
}

impl<M: Machine> Layout<'_, M> {
    /// The entries of a folder that are not just as its source has them. In a spread one there is nothing yet to mount on.
    fn entries(
        &mut self,
        entries: &BTreeMap<OsString, Node>,
        folder: &Path,
        in_spread: bool,
        read_only: bool,
    ) -> Result<(), Reason> {
        for (name, node) in entries {
            let at = folder.join(name);
            match node {
                Node::Folder(inner) => self.folder(&at, inner, in_spread, read_only)?,
                Node::File { source, read_only } => {
                    if in_spread {
                        self.steps.push(Step::File { at: text(&at)? });
                    }
                    self.bind(source, &at, *read_only, false)?;
                }
            }
        }
        Ok(())
    }

    fn folder(
        &mut self,
        at: &Path,
        folder: &Folder,
        in_spread: bool,
        outer_read_only: bool,
    ) -> Result<(), Reason> {
        let asked = folder.asked.as_ref();
        let read_only = asked.map_or(outer_read_only, |asked| asked.read_only);
        let mode = self.mode(folder)?;
        if in_spread {
            self.steps.push(Step::Folder { at: text(at)?, mode });
        }
        if !folder.is_spread {
            if let Some(source) = &folder.source
                && (in_spread || asked.is_some())
            {
                self.bind(source, at, read_only, false)?;
            }
            return self.entries(&folder.entries, at, false, read_only);
        }
        let tmpfs = asked.and_then(|asked| asked.tmpfs.clone());
        let is_own = !in_spread || tmpfs.is_some() || read_only != outer_read_only;
        if is_own {
            let options = known(&tmpfs.unwrap_or_else(|| format!("mode={mode:o}")));
            self.steps.push(Step::Tmpfs { at: text(at)?, options });
        }
        self.spread(at, folder, read_only)?;
        self.entries(&folder.entries, at, true, read_only)?;
        if is_own && read_only {
            self.steps.push(Step::ReadOnly { at: text(at)? });
        }
        Ok(())
    }

    /// All that the source of a spread folder holds, each entry by itself.
    fn spread(&mut self, at: &Path, folder: &Folder, read_only: bool) -> Result<(), Reason> {
        let Some(source) = &folder.source else { return Ok(()) };
        self.spread.push((at.to_owned(), source.clone()));
        let listed = self.machine.list(source).map_err(|error| unreadable(source, error))?;
        for (name, entry) in listed {
            let path = at.join(&name);
            if folder.entries.contains_key(&name) || path == Path::new(MACHINE) {
                continue;
            }
            let place = text(&path)?;
            match entry {
                Entry::Link(target) => self.steps.push(Step::Link { at: place, target: text(&target)? }),
                Entry::Folder => {
                    self.steps.push(Step::Folder { at: place, mode: 0o755 });
                    self.bind(&source.join(&name), &path, read_only, true)?;
                }
                Entry::File => {
                    self.steps.push(Step::File { at: place });
                    self.bind(&source.join(&name), &path, read_only, true)?;
                }
            }
        }
        Ok(())
    }

    fn bind(&mut self, source: &Path, at: &Path, read_only: bool, may_have_gone: bool) -> Result<(), Reason> {
        let mut from = OsString::from(MACHINE);
        // The machine's root itself is there without a slash at its end.
        if source != Path::new("/") {
            from.push(source);
        }
        let from = text(Path::new(&from))?;
        self.steps.push(Step::Bind { from, at: text(at)?, read_only, may_have_gone });
        Ok(())
    }

    /// The permissions of a folder that stands in for another one: the program may write there, it is its own.
    fn mode(&self, folder: &Folder) -> Result<u32, Reason> {
        let Some(source) = folder.source.as_ref().filter(|_| folder.is_spread) else { return Ok(0o755) };
        let mode = self.machine.mode(source).map_err(|error| unreadable(source, error))?;
        Ok(mode | 0o700)
    }
}

fn unreadable(path: &Path, source: io::Error) -> Reason {
    Reason::Unreadable { path: path.to_owned(), source }
}

fn text(path: &Path) -> Result<CString, Reason> {
    CString::new(path.as_os_str().as_bytes().to_vec()).map_err(|_| Reason::NulByte)
}

/// A text of our own, which holds no NUL byte; what followed one would be left out.
fn known(text: &str) -> CString {
    let bytes = OsString::from(text).into_vec();
    CString::new(bytes).unwrap_or_else(|error| {
        let end = error.nul_position();
        let mut bytes = error.into_vec();
        bytes.truncate(end);
        CString::new(bytes).unwrap_or_default()
    })
}

#[cfg(test)]
mod tests;
