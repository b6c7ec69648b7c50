//! What the program will see, as a tree.

use std::collections::{BTreeMap, VecDeque};
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Component, Path, PathBuf};

use crate::error::Reason;
use crate::machine::{Entry, Machine};

/// As many links are followed as the kernel does.
const MOST_LINKS: usize = 40;

/// Something that is not just as the folder above it has it.
#[derive(Debug)]
pub(crate) enum Node {
    Folder(Folder),
    /// A file that was asked for.
    File {
        source: PathBuf,
        read_only: bool,
    },
}

/// A folder that was asked for, or on the way to what was.
#[derive(Debug, Default)]
pub(crate) struct Folder {
    /// The folder of the machine whose entries it has.
    pub(crate) source: Option<PathBuf>,
    /// Whether it is spread: it has entries that its source has not.
    pub(crate) is_spread: bool,
    /// How it was asked for.
    pub(crate) asked: Option<Asked>,
    /// The entries that are not just as the source has them.
    pub(crate) entries: BTreeMap<OsString, Node>,
}

/// How a folder was asked for.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) read_only: bool,
    /// The options of a file system in memory.
    pub(crate) tmpfs: Option<String>,
}

/// Where a path leads.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// The names from the root on, without links.
    pub(crate) names: Vec<OsString>,
    /// As many of them exist.
    pub(crate) existing: usize,
    pub(crate) found: Found,
}

/// What is at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    Folder,
    File,
    Nothing,
    /// The last folder that exists may not be entered.
    Closed,
}

impl Place {
    pub(crate) fn path(&self) -> PathBuf {
        path_of(&self.names)
    }
}

fn path_of(names: &[OsString]) -> PathBuf {
    [OsStr::new("/")].into_iter().chain(names.iter().map(OsString::as_os_str)).collect()
}

/// The whole file system, as the machine has it but for what was put into it.
pub(crate) struct Tree<'m, M> {
    pub(crate) machine: &'m M,
    pub(crate) root: Folder,
}

impl<'m, M: Machine> Tree<'m, M> {
    /// As the machine has it.
    pub(crate) fn of(machine: &'m M) -> Self {
        let root = Folder { source: Some("/".into()), is_spread: true, ..Folder::default() };
        Self { machine, root }
    }

    /// Where a path leads in this tree.
    pub(crate) fn find(&self, path: &Path) -> Result<Place, Reason> {
        if !path.is_absolute() {
            return Err(Reason::Relative(path.to_owned()));
        }
        let mut rest: VecDeque<OsString> = names_in(path);
        let (mut names, mut links) = (Vec::new(), 0);
        while let Some(name) = rest.pop_front() {
            if name == ".." {
                names.pop();
                continue;
            }
            names.push(name);
            match self.entry(&names) {
                Ok(Some(Entry::Folder)) => {}
                Ok(Some(Entry::File)) if rest.is_empty() => {
                    return Ok(Place { existing: names.len(), names, found: Found::File });
                }
                Ok(Some(Entry::File)) => return Err(Reason::BelowFile(path_of(&names))),
                Ok(Some(Entry::Link(target))) => {
                    links += 1;
                    if links > MOST_LINKS {
                        return Err(Reason::Links);
                    }
                    names.pop();
                    if target.is_absolute() {
                        names.clear();
                    }
                    let mut next = names_in(&target);
                    next.append(&mut rest);
                    rest = next;
                }
                Ok(None) => return missing(names, rest, Found::Nothing),
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                    return missing(names, rest, Found::Closed);
                }
                Err(error) => return Err(Reason::Unreadable { path: path_of(&names), source: error }),
            }
        }
        Ok(Place { existing: names.len(), names, found: Found::Folder })
    }

    /// What is at a path without links.
    fn entry(&self, names: &[OsString]) -> io::Result<Option<Entry>> {
        let mut folder = &self.root;
        for (depth, name) in names.iter().enumerate() {
            match folder.entries.get(name) {
                Some(Node::Folder(next)) => folder = next,
                Some(Node::File { .. }) => return Ok(Some(Entry::File)),
                None => {
                    let Some(source) = &folder.source else { return Ok(None) };
                    return self.machine.look(&source.join(names[depth..].iter().collect::<PathBuf>()));
                }
            }
        }
        Ok(Some(Entry::Folder))
    }

    /// Puts something at a place that was found in this tree.
    pub(crate) fn put(&mut self, place: &Place, node: Node) -> Result<(), Reason> {
        let path = place.path();
        let Some((last, above)) = place.names.split_last() else { return Err(Reason::Root) };
        match (place.found, &node) {
            (Found::Folder, Node::File { .. }) => return Err(Reason::FileOverFolder(path)),
            (Found::File, Node::Folder(_)) => return Err(Reason::FolderOverFile(path)),
            (Found::Folder, Node::Folder(_))
            | (Found::File, Node::File { .. })
            | (Found::Nothing | Found::Closed, _) => {}
        }
        let mut folder = &mut self.root;
        for (depth, name) in above.iter().enumerate() {
            let exists = depth < place.existing;
            if !exists {
                folder.is_spread = true;
            }
            let source = folder.source.as_ref().filter(|_| exists).map(|source| source.join(name));
            let way = || Node::Folder(Folder { source, is_spread: !exists, ..Folder::default() });
            folder = match folder.entries.entry(name.clone()).or_insert_with(way) {
                Node::Folder(next) => next,
                Node::File { .. } => return Err(Reason::BelowFile(path_of(&above[..=depth]))),
            };
            if depth + 1 == place.existing && place.found == Found::Closed {
                // The program could not get at what is there, either.
                folder.source = None;
            }
        }
        folder.is_spread |= place.existing < place.names.len();
        match folder.entries.get(last) {
            Some(Node::File { .. } | Node::Folder(Folder { asked: Some(_), .. })) => Err(Reason::Twice(path)),
            Some(Node::Folder(_)) => Err(Reason::Hides(path)),
            None => {
                folder.entries.insert(last.clone(), node);
                Ok(())
            }
        }
    }
}

fn missing(mut names: Vec<OsString>, rest: VecDeque<OsString>, found: Found) -> Result<Place, Reason> {
    if rest.iter().any(|name| name == "..") {
        return Err(Reason::Missing(path_of(&names)));
    }
    let existing = names.len() - 1;
    names.extend(rest);
    Ok(Place { names, existing, found })
}

fn names_in(path: &Path) -> VecDeque<OsString> {
    let name = |part: Component<'_>| match part {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some(OsString::from("..")),
        Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
    };
    path.components().filter_map(name).collect()
}
