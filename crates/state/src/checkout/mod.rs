//! Checkouts: which belong together, and what is kept of each beside its environments.

mod docker;
mod identity;
mod known;
mod leaving;

pub use backlot_project::Git;
pub use docker::OnDocker;
pub use identity::Identity;
pub use known::{Checkouts, Known, Port, Why, name_of_directory};
pub use leaving::{Left, attend, until_left};

use std::path::{Path, PathBuf};

use backlot_project::Project;

use crate::home::Home;

/// The project as it is called: one whose directory was renamed stays what it was, as what it keeps is found by its name.
pub fn as_known(home: &Home, project: Project) -> Project {
    let known = Checkouts::of(home).at(project.root());
    match known.filter(|_| project.name() == project.directory_name()) {
        Some(known) => project.called(known.called),
        None => project,
    }
}

/// A checkout, as the files of git tell of it.
#[derive(Debug, Clone)]
pub struct Checkout {
    /// The project's directory in it.
    pub root: PathBuf,
    /// What git has there; a project without git is a checkout of its own.
    pub git: Option<Git>,
}

impl Checkout {
    /// The one that has the project in `root`.
    pub fn of(root: &Path) -> Self {
        Self { root: root.to_owned(), git: Git::of(root) }
    }

    /// The name of the worktree, for a linked one.
    pub fn linked(&self) -> Option<&str> {
        self.git.as_ref()?.linked.as_deref()
    }

    /// The same project's directory in the main checkout, where this is a linked one and that is there.
    pub fn main(&self) -> Option<PathBuf> {
        self.git.as_ref()?.in_main(&self.root).filter(|root| root.is_dir())
    }

    /// The branch that it has, else its commit in short.
    pub fn branch(&self) -> Option<String> {
        self.git.as_ref()?.branch()
    }

    /// By what it is known wherever it is moved.
    pub fn identity(&self) -> Option<Identity> {
        Identity::of(self)
    }
}
