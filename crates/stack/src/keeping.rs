//! Services beside Postgres that keep data, and where they keep it on this machine.

use std::path::{Path, PathBuf};

use backlot_facts::container::Container;
use backlot_facts::image::PostgresImage;
use backlot_facts::storage;
use backlot_plan::{Storage, Volume};
use backlot_project::Service;
use backlot_project::stack::{Mount, MountKind};
use backlot_view::{Mount as ViewMount, What};

use crate::{error::StackError, translation::Translation};

/// The folder of a service's data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// The folder.
    pub folder: PathBuf,
    /// What it is in, if that outlives the environment.
    pub volume: Option<Volume>,
    /// What its image has there, which it begins with.
    pub begins_with: Option<PathBuf>,
}

impl Translation<'_> {
    /// Where a service keeps its data, if its image is one that keeps some: without a
    /// volume in a folder that goes with the environment, never in the project.
    pub(crate) fn kept(&self, container: &Container<'_>) -> Result<Option<Kept>, StackError> {
        let service = container.service;
        if !container.works_in_its_data() {
            return Ok(None);
        }
        let own = || Kept {
            folder: self.site.live().join("services").join(&service.name),
            volume: None,
            begins_with: None,
        };
        Ok(match storage::of_others(service, &self.environment.stack).map_err(StackError::Storage)? {
            None => None,
            Some(Storage::Durable { volume, below }) if !self.throwaway => {
                let whole = self.site.content(&volume);
                let folder = if below.as_os_str().is_empty() { whole } else { whole.join(below) };
                Some(Kept { folder, volume: Some(volume), begins_with: None })
            }
            Some(Storage::Throwaway | Storage::Durable { .. }) => Some(own()),
        })
    }

    /// The folder that goes with the environment, at the place where the image has its data and the file mounts nothing.
    pub(crate) fn kept_at(&self, container: &Container<'_>) -> Result<Option<ViewMount>, StackError> {
        let kept = self.kept(container)?.zip(storage::unmounted(container.service));
        Ok(kept.map(|(kept, place)| ViewMount {
            target: place.into(),
            what: What::Path(kept.folder),
            read_only: false,
        }))
    }

    /// The folder that a service works in: a volume where that is mounted there, else that of its files.
    pub(crate) fn directory(&self, container: &Container<'_>) -> Result<PathBuf, StackError> {
        if let Some(kept) = self.kept(container)? {
            return Ok(kept.folder);
        }
        Ok(container.directory())
    }

    /// The words of a server that keeps data, with the places of this machine where they name mounted ones.
    pub(crate) fn keeping(
        &self,
        container: &Container<'_>,
        words: Vec<String>,
    ) -> Result<Vec<String>, StackError> {
        let kept = self.kept(container)?.filter(|_| container.is_known_to_keep());
        let Some(kept) = kept else { return Ok(words) };
        let mut words: Vec<String> = words.into_iter().map(|word| self.placed(container, word)).collect();
        if kept.volume.is_none() && container.service.command.is_none() {
            // Its own default is to write a file now and then, which nobody would ever read.
            words.extend(["--save", "", "--appendonly", "no"].map(str::to_owned));
        } else {
            words.extend(["--dir".to_owned(), kept.folder.display().to_string()]);
        }
        Ok(words)
    }

    /// A path in the container as one of this machine, where something is mounted there.
    fn placed(&self, container: &Container<'_>, word: String) -> String {
        let path = Path::new(&word);
        if !path.is_absolute() {
            return word;
        }
        let mounts = container.service.volumes.iter().filter_map(|mount| {
            let rest = path.strip_prefix(&mount.target).ok()?;
            Some((mount.target.len(), self.source(mount)?.join(rest)))
        });
        match mounts.max_by_key(|(depth, _)| *depth) {
            Some((_, place)) => place.display().to_string().trim_end_matches('/').to_owned(),
            None => container.outside(path).map_or(word, |place| place.display().to_string()),
        }
    }

    fn source(&self, mount: &Mount) -> Option<PathBuf> {
        match &mount.kind {
            MountKind::Bind { source } => Some(source.clone()),
            MountKind::Volume { source: Some(key) } => {
                let volume = storage::volume(key, &self.environment.stack).ok()??;
                Some(self.site.content(&volume))
            }
            MountKind::Volume { source: None } | MountKind::Tmpfs { .. } | MountKind::Other { .. } => None,
        }
    }

    /// The volumes in which a service of this engine keeps its data: of a database, its log as well.
    fn used_volumes(&self, service: &Service) -> Vec<Volume> {
        let (container, stack) = (Container::of(service, self.root), &self.environment.stack);
        if self.is_database(&service.name) {
            let major = PostgresImage::of(service).and_then(|image| image.wanted.major);
            let data = storage::of_postgres(service, stack, major, None).ok();
            let log = storage::of_log(service, stack).ok().flatten().map(|(_, log)| log);
            return data.into_iter().chain(log).filter_map(|storage| storage.volume().cloned()).collect();
        }
        self.kept(&container).ok().flatten().and_then(|kept| kept.volume).into_iter().collect()
    }

    /// What this engine does not do as the files say: volumes that it does not mount, and what images have.
    pub fn unmounted<'n>(&self, services: impl Iterator<Item = &'n String>) -> Vec<String> {
        let services = services.filter_map(|name| self.environment.stack.services.get(name));
        let mut lines = Vec::new();
        for service in services {
            lines.extend(self.notes(service));
            lines.extend(self.unseen(service));
            let used = self.used_volumes(service);
            for mount in &service.volumes {
                // One of `tmpfs:` is named with its key.
                if matches!(mount.kind, MountKind::Tmpfs { .. })
                    && !mount.is_short
                    && !self.is_database(&service.name)
                    && !self.has_views()
                {
                    lines.push(format!(
                        "service {} has a tmpfs at {}, which is not mounted natively ({}); --engine docker mounts it",
                        service.name, mount.target, service.location
                    ));
                }
                let MountKind::Volume { source: Some(key) } = &mount.kind else { continue };
                let volume = storage::volume(key, &self.environment.stack).ok().flatten();
                if !volume.as_ref().is_some_and(|volume| used.contains(volume))
                    && !self.sees(service, volume.as_ref())
                {
                    lines.push(format!(
                        "service {} has volume {key} at {}, which is not mounted natively: what is written there is not in \
                         the volume ({}); --engine docker mounts it",
                        service.name, mount.target, service.location
                    ));
                }
            }
        }
        lines
    }
}
