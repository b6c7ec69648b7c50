//! What `sync` means where services are no containers: mostly nothing, as they have their files in place.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use backlot_engine::{Container, Mount, What};
use backlot_project::Service;
use backlot_project::stack::WatchRule;

/// Where a rule's files are to be, on this machine.
#[derive(Debug, PartialEq, Eq)]
pub enum Place {
    /// Where they are anyway.
    Here,
    /// In a volume of ours.
    Volume(PathBuf),
    /// Nowhere that is ours to write to, and why.
    Nowhere(String),
}

/// Where the target of a service's rule is, of which it has `target` and which sees these mounts (none: this machine as it is).
pub fn place(service: &Service, rule: &WatchRule, mounts: &[Mount], (root, home): (&Path, &Path)) -> Place {
    let target = rule.target.as_deref().unwrap_or_default();
    let found = match mount_of(Path::new(target), mounts) {
        Some((mount, rest)) => match &mount.what {
            What::Path(source) if rest.as_os_str().is_empty() => Some(source.clone()),
            What::Path(source) => Some(source.join(rest)),
            What::Kept(_) => return Place::Nowhere(format!("{target} is each replica's own")),
            What::Tmpfs { .. } => return Place::Nowhere(format!("{target} is in memory")),
        },
        None if mounts.is_empty() => Container::of(service, root).outside(Path::new(target)),
        None => None,
    };
    match found {
        Some(found) if is_same(&found, &rule.path) => Place::Here,
        Some(found) if found.starts_with(home) => Place::Volume(found),
        Some(found) => {
            Place::Nowhere(format!("{target} is {}, which is not ours to write to", found.display()))
        }
        None => Place::Nowhere(format!("nothing of the service's is at {target}")),
    }
}

/// The deepest mount that a path is in, and the rest of the path.
fn mount_of<'m, 'p>(path: &'p Path, mounts: &'m [Mount]) -> Option<(&'m Mount, &'p Path)> {
    let holding = mounts.iter().filter_map(|mount| Some((mount, path.strip_prefix(&mount.target).ok()?)));
    holding.max_by_key(|(mount, _)| mount.target.components().count())
}

fn is_same(one: &Path, other: &Path) -> bool {
    one == other || matches!((one.canonicalize(), other.canonicalize()), (Ok(one), Ok(other)) if one == other)
}

/// Brings these files of a rule to where its target is; what is gone here goes there. Returns how many.
///
/// # Errors
/// When one cannot be.
pub fn copy(files: &BTreeSet<PathBuf>, from: &Path, to: &Path) -> io::Result<usize> {
    for file in files {
        let rest = file.strip_prefix(from).unwrap_or(Path::new(""));
        let target = if rest.as_os_str().is_empty() { to.to_owned() } else { to.join(rest) };
        if file.is_file() {
            if let Some(folder) = target.parent() {
                fs::create_dir_all(folder)?;
            }
            fs::copy(file, &target)?;
        } else if target.is_file() {
            fs::remove_file(&target)?;
        }
    }
    Ok(files.len())
}
