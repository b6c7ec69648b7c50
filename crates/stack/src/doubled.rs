//! Folders of the project that a service has twice: as the image has copied them, and where the file mounts them. A container has two
//! folders then, of which one may be copied over the other, so the image's is a copy here as well.

use std::path::{Path, PathBuf};

use backlot_dependencies::state_of;
use backlot_facts::container::Container;
use backlot_project::Service;
use backlot_project::stack::MountKind;

use crate::{keeping::Kept, translation::Translation};

/// A folder that a service has twice.
pub(crate) struct Doubled {
    /// Where its image has it.
    pub(crate) target: PathBuf,
    /// Where the project has it.
    pub(crate) place: PathBuf,
    /// Where its copy is: another one when the project's changes.
    pub(crate) copy: PathBuf,
}

impl Translation<'_> {
    /// The folders that a service has twice; one that is too much to be copied is only the project's.
    pub(crate) fn doubled(&self, container: &Container<'_>) -> Vec<Doubled> {
        let service = container.service;
        let places = container.dockerfile.copies.places.iter();
        let twice = places.filter(|(target, place)| place.is_dir() && is_mounted_too(service, target, place));
        let folder = self.site.live().join("copies").join(&service.name);
        let each = twice.filter_map(|(target, place)| {
            let copy = folder.join(state_of(place).ok()?);
            Some(Doubled { target: target.clone(), place: place.clone(), copy })
        });
        each.collect()
    }

    /// The copies that services have, to be made.
    pub(crate) fn copies_of<'s>(&self, services: impl Iterator<Item = &'s Service>) -> Vec<Kept> {
        let services = services.filter(|service| {
            self.has_views() && service.extension.command.is_none() && self.contained(&service.name).is_none()
        });
        let all = services.flat_map(|service| {
            let doubled = self.doubled(&Container::of(service, self.root));
            doubled.into_iter().chain(self.built_copies(service))
        });
        all.map(|one| Kept { folder: one.copy, volume: None, begins_with: Some(one.place) }).collect()
    }
}

/// Whether a service has a folder of the project, which its image has at `target`, at another path as well.
fn is_mounted_too(service: &Service, target: &Path, place: &Path) -> bool {
    let is_hidden = service.volumes.iter().any(|mount| target.starts_with(&mount.target));
    !is_hidden
        && service.volumes.iter().any(|mount| match &mount.kind {
            MountKind::Bind { source } => {
                place.strip_prefix(source).is_ok_and(|rest| Path::new(&mount.target).join(rest) != target)
            }
            MountKind::Volume { .. } | MountKind::Tmpfs { .. } | MountKind::Other { .. } => false,
        })
}
