//! What a service has at paths of its own: where this machine can give it a view, its mounts, secrets, configs and what its
//! image has copies of are where its file says, for it alone.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use backlot_dockerfile::normal;
use backlot_facts::container::Container;
use backlot_facts::image::PostgresImage;
use backlot_facts::storage;
use backlot_plan::Volume;
use backlot_project::Service;
use backlot_project::stack::{FileSource, MountKind};
use backlot_state::short_hash;
use backlot_view::{Mount, What};

use crate::{error::StackError, keeping::Kept, translation::Translation};

/// Where secrets are, if they say no other path.
const SECRETS: &str = "/run/secrets";
/// Where the official image of Postgres has its data.
const DATA: &str = "/var/lib/postgresql";
/// Folders of packages, which are installed and not copied.
const PACKAGES: [&str; 4] = ["node_modules", ".venv", "venv", "vendor/bundle"];
/// Folders deeper than this hold each other.
const MOST_DEEP: usize = 20;
/// Folders of the machine's own: what an image copies there is left alone.
const MACHINE: [&str; 4] = ["/dev", "/proc", "/sys", "/tmp"];

impl Translation<'_> {
    /// What a service sees at paths of its own; nothing where a machine cannot do that.
    pub(crate) fn mounts(&self, container: &Container<'_>) -> Result<Vec<Mount>, StackError> {
        let service = container.service;
        let hosts = self.hosts(service)?.into_iter();
        if !self.has_views() || service.extension.command.is_some() {
            return Ok(hosts.collect());
        }
        let mut mounts: Vec<Mount> = hosts.chain(copies(container)).collect();
        mounts.extend(self.doubled(container).into_iter().map(|one| Mount {
            target: one.target,
            what: What::Path(one.copy),
            read_only: false,
        }));
        for mount in &service.volumes {
            let target = PathBuf::from(&mount.target);
            let what = match &mount.kind {
                MountKind::Bind { source } => {
                    if self.writes && mount.creates_source && !source.exists() {
                        // As Docker does; what cannot be made is not there.
                        let _ = fs::create_dir_all(source);
                    }
                    Some(What::Path(source.clone())).filter(|_| source.exists())
                }
                MountKind::Volume { source: Some(key) } => {
                    let folder = self.volume_folder(key);
                    folder
                        .map(|folder| What::Path(mount.subpath.iter().fold(folder, |at, part| at.join(part))))
                }
                // What the image has there is what the project has there.
                MountKind::Volume { source: None } if has_files(container.outside(&target)) => None,
                MountKind::Volume { source: None } => Some(self.kept_for(service, &target)),
                MountKind::Tmpfs { size, mode } => Some(What::Tmpfs { size: *size, mode: *mode }),
                MountKind::Other { .. } => None,
            };
            mounts.extend(what.map(|what| Mount { target, what, read_only: mount.read_only }));
        }
        mounts.extend(self.anonymous(container));
        mounts.extend(self.kept_at(container)?);
        mounts.extend(self.granted_at(service)?);
        mounts.extend(self.packages_mounts(service));
        let is_new = |folder: &&PathBuf| {
            !folder.exists() && !mounts.iter().any(|mount| folder.starts_with(&mount.target))
        };
        let made = container.dockerfile.installs.folders.iter().filter(is_new).cloned();
        let made: Vec<PathBuf> = made.collect();
        mounts.extend(made.into_iter().map(|target| Mount {
            what: self.kept_for(service, &target),
            target,
            read_only: false,
        }));
        mounts.retain(|mount| !matches!(&mount.what, What::Path(place) if *place == mount.target));
        let mounts = last_of_each(mounts);
        if self.writes {
            make_places(service, &mounts);
        }
        Ok(mounts)
    }

    /// What runs beside a database's server sees of its mounts: folders and files of this machine, secrets, configs and the server's
    /// data.
    pub(crate) fn mounts_beside(&self, service: &Service) -> Result<Vec<Mount>, StackError> {
        let mut mounts: Vec<Mount> = self.hosts_beside(service)?.into_iter().collect();
        if !self.has_views() {
            return Ok(mounts);
        }
        for mount in &service.volumes {
            let target = PathBuf::from(&mount.target);
            if let MountKind::Bind { source } = &mount.kind
                && source.exists()
                && !target.starts_with(DATA)
                && !Path::new(DATA).starts_with(&target)
            {
                mounts.push(Mount { target, what: What::Path(source.clone()), read_only: mount.read_only });
            }
        }
        let server = self.running.iter().find(|server| server.service == service.name);
        mounts.extend(server.map(|server| {
            let major = PostgresImage::of(service).and_then(|image| image.wanted.major);
            let target = storage::place_of_postgres(service, major);
            Mount { target, what: What::Path(server.data_dir.clone()), read_only: false }
        }));
        mounts.extend(self.granted_at(service)?);
        Ok(last_of_each(mounts))
    }

    /// The configs and secrets of a service, at their places.
    fn granted_at(&self, service: &Service) -> Result<Vec<Mount>, StackError> {
        let mut mounts = Vec::new();
        for (grants, sources, root, kind) in [
            (&service.configs, &self.environment.stack.configs, "/", "configs"),
            (&service.secrets, &self.environment.stack.secrets, SECRETS, "secrets"),
        ] {
            for grant in grants {
                let place = sources
                    .get(&grant.source)
                    .map(|source| self.granted(source, service, (kind, grant.mode)));
                let Some(place) = place.transpose()?.flatten() else { continue };
                let target = Path::new(root).join(grant.target.as_deref().unwrap_or(&grant.source));
                mounts.push(Mount { target, what: What::Path(place), read_only: true });
            }
        }
        Ok(mounts)
    }

    /// The directory that a service works in, as it sees it; none where that is no path of its own.
    pub(crate) fn seen_directory(container: &Container<'_>, mounts: &[Mount]) -> Option<PathBuf> {
        let inside = container.working_dir().map(PathBuf::from)?;
        let is_there = |mount: &Mount| match &mount.what {
            What::Path(place) => {
                inside.strip_prefix(&mount.target).is_ok_and(|rest| place.join(rest).is_dir())
            }
            What::Kept(_) | What::Tmpfs { .. } => inside == mount.target,
        };
        // What is mounted below it makes it.
        let is_made = |mount: &Mount| mount.target != inside && mount.target.starts_with(&inside);
        mounts.iter().any(|mount| is_there(mount) || is_made(mount)).then_some(inside)
    }

    /// The file of a secret or config; what is no file, or has another mode, becomes a private one, named by what is in it.
    pub(crate) fn granted(
        &self,
        source: &FileSource,
        service: &Service,
        (kind, mode): (&str, Option<u32>),
    ) -> Result<Option<PathBuf>, StackError> {
        let text = match source {
            FileSource::File(path) if mode.is_none() || !path.is_file() => {
                return Ok(Some(path.clone()).filter(|path| path.exists()));
            }
            FileSource::File(path) => backlot_files::bytes(path, backlot_files::MOST)
                .map_err(|source| StackError::Read { path: path.clone(), source })?,
            FileSource::Content(text) => text.clone().into_bytes(),
            FileSource::Environment(name) => match self.environment.stack.given(name) {
                Some(value) => value.as_bytes().to_vec(),
                None => return Ok(None),
            },
            FileSource::External(_) => return Ok(None),
        };
        let folder = self.site.live().join(kind).join(&service.name);
        // Whoever starts the service can read it in any case.
        let mode = mode.map_or(0o600, |mode| mode & 0o777 | 0o400);
        let path = folder.join(format!("{}-{mode:o}", short_hash(&text)));
        if self.writes && !path.exists() {
            let write = || -> io::Result<()> {
                DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
                let new = path.with_extension("new");
                let options =
                    OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).to_owned();
                let mut file = options.open(&new)?;
                file.write_all(&text)?;
                file.set_permissions(fs::Permissions::from_mode(mode))?;
                fs::rename(new, &path)
            };
            write().map_err(|source| StackError::Write { path: path.clone(), source })?;
        }
        Ok(Some(path))
    }

    /// Where the content of a volume is.
    pub(crate) fn volume_folder(&self, key: &str) -> Option<PathBuf> {
        match storage::volume(key, &self.environment.stack).ok()?? {
            volume if !self.throwaway => Some(self.site.content(&volume)),
            _ => Some(self.site.live().join("volumes").join(key)),
        }
    }

    /// The folders of the volumes that services have in their views.
    pub(crate) fn seen_volumes<'s>(&self, services: impl Iterator<Item = &'s Service>) -> Vec<Kept> {
        let mounts = services
            .filter(|service| !self.is_database(&service.name))
            .filter(|service| self.contained(&service.name).is_some() || self.has_views())
            .flat_map(|service| service.volumes.iter().map(move |mount| (service, mount)));
        let kept = mounts.filter_map(|(service, mount)| {
            let MountKind::Volume { source: Some(key) } = &mount.kind else { return None };
            let whole = self.volume_folder(key)?;
            let folder = mount.subpath.iter().fold(whole, |at, part| at.join(part));
            let volume = storage::volume(key, &self.environment.stack).ok()?;
            // A subpath has to be there, and nothing is copied into it; packages have places of their own, and what fills a
            // container's volume is its engine.
            let target = Path::new(&mount.target);
            let copies = mount.copies
                && mount.subpath.is_none()
                && self.contained(&service.name).is_none()
                && !PACKAGES.iter().any(|name| target.ends_with(name));
            let built = || self.built_for(service).into_iter().find(|(there, _)| there == target);
            let of_image = || Container::of(service, self.root).dockerfile.copies.place(target);
            let place = || built().map(|(_, here)| here).or_else(of_image);
            let begins_with = if copies { place().filter(|place| place.is_dir()) } else { None };
            Some(Kept { folder, volume: volume.filter(|_| !self.throwaway), begins_with })
        });
        kept.collect()
    }

    /// What of a service is not in its view, in words.
    pub(crate) fn unseen(&self, service: &Service) -> Vec<String> {
        let (name, at) = (&service.name, &service.location);
        if self.is_database(name) || !self.has_views() {
            return Vec::new();
        }
        let missing = service.volumes.iter().filter_map(|mount| match &mount.kind {
            MountKind::Bind { source } if !mount.creates_source && !source.exists() => Some(format!(
                "service {name} does not see {}: there is no {} ({at})",
                mount.target,
                source.display()
            )),
            MountKind::Bind { .. }
            | MountKind::Volume { .. }
            | MountKind::Tmpfs { .. }
            | MountKind::Other { .. } => None,
        });
        missing.chain(self.ungranted(service)).collect()
    }

    /// The secrets and configs that a service is not given, in words.
    pub(crate) fn ungranted(&self, service: &Service) -> Vec<String> {
        let (name, at, stack) = (&service.name, &service.location, &self.environment.stack);
        let grants =
            [("config", &service.configs, &stack.configs), ("secret", &service.secrets, &stack.secrets)];
        let grants = grants.into_iter().flat_map(|(kind, grants, sources)| {
            grants.iter().filter_map(move |grant| {
                let why = match sources.get(&grant.source)? {
                    FileSource::File(path) if !path.exists() => {
                        format!("there is no file {}", path.display())
                    }
                    FileSource::Environment(name) if stack.given(name).is_none() => {
                        format!("the variable {name} is not set")
                    }
                    FileSource::External(_) => "it is external, and only Docker has it".to_owned(),
                    FileSource::File(_) | FileSource::Content(_) | FileSource::Environment(_) => return None,
                };
                Some(format!("service {name} does not see its {kind} {}: {why} ({at})", grant.source))
            })
        });
        grants.collect()
    }

    /// What the volumes of a service's image are: a new one of its own each, where nothing else is mounted.
    fn anonymous(&self, container: &Container<'_>) -> Vec<Mount> {
        let is_free = |path: &PathBuf| {
            let mut targets = container.service.volumes.iter().map(|mount| Path::new(mount.target.as_str()));
            !targets.any(|target| path.starts_with(target))
                && !has_files(container.outside(path))
                && !MACHINE.iter().any(|dir| path.starts_with(dir))
        };
        if container.works_in_its_data() || container.is_nginx() {
            return Vec::new();
        }
        let free = container.dockerfile.volumes.iter().filter(|path| is_free(path)).cloned();
        let kept = |target: PathBuf| Mount {
            what: self.kept_for(container.service, &target),
            target,
            read_only: false,
        };
        free.map(kept).collect()
    }

    /// What of a container is there for as long as that is, however often its program starts: a volume without a name, and folders
    /// that its image has.
    fn kept_for(&self, service: &Service, target: &Path) -> What {
        let name = short_hash(target.as_os_str().as_bytes());
        What::Kept(self.site.live().join("kept").join(&service.name).join(name))
    }

    /// Whether a service has the volume `volume` in its view.
    pub(crate) fn sees(&self, service: &Service, volume: Option<&Volume>) -> bool {
        volume.is_some()
            && service.extension.command.is_none()
            && !self.is_database(&service.name)
            && self.has_views()
    }
}

fn has_files(folder: Option<PathBuf>) -> bool {
    folder.and_then(|folder| fs::read_dir(folder).ok()).is_some_and(|mut entries| entries.next().is_some())
}

/// Of several at one path, the last one counts.
pub(crate) fn last_of_each(mounts: Vec<Mount>) -> Vec<Mount> {
    let mut kept: Vec<Mount> = Vec::new();
    for mount in mounts {
        kept.retain(|earlier| earlier.target != mount.target);
        kept.push(mount);
    }
    kept
}

/// Makes the places of mounts that are below a folder of the user's, as Docker does; what is written beside them is to be in
/// that folder.
fn make_places(service: &Service, mounts: &[Mount]) {
    for mount in mounts {
        let folders = service.volumes.iter().filter_map(|volume| match &volume.kind {
            MountKind::Bind { source } if source.is_dir() && mount.target != Path::new(&volume.target) => {
                let rest = mount.target.strip_prefix(&volume.target).ok()?;
                Some((volume.target.len(), source.join(rest)))
            }
            MountKind::Bind { .. }
            | MountKind::Volume { .. }
            | MountKind::Tmpfs { .. }
            | MountKind::Other { .. } => None,
        });
        let Some((_, place)) = folders.max_by_key(|(depth, _)| *depth).filter(|(_, place)| !place.exists())
        else {
            continue;
        };
        // What cannot be made is told by the view.
        let is_file = matches!(&mount.what, What::Path(path) if !path.is_dir());
        let folder = if is_file { place.parent() } else { Some(place.as_path()) };
        let _ = folder.map(fs::create_dir_all);
        if is_file {
            let _ = OpenOptions::new().write(true).create_new(true).open(&place);
        }
    }
}

/// What the image has copies of, where the project has it: a folder of the machine gets what is copied into it, and is not
/// hidden by it.
fn copies(container: &Container<'_>) -> Vec<Mount> {
    let is_hidden =
        |target: &Path| container.service.volumes.iter().any(|mount| target.starts_with(&mount.target));
    let mut mounts = Vec::new();
    for (target, place) in &container.dockerfile.copies.places {
        laid_over(target, place, MOST_DEEP, &mut mounts);
    }
    mounts.retain(|mount| !is_hidden(&mount.target));
    mounts
}

/// What is at `place`, at `target`: where a folder is already, of the machine's or an earlier copy, what is in it comes beside what is
/// there.
fn laid_over(target: &Path, place: &Path, depth: usize, mounts: &mut Vec<Mount>) {
    if MACHINE.iter().any(|dir| target.starts_with(dir)) {
        return;
    }
    let earlier = mounts.iter().rev().find_map(|mount| match &mount.what {
        What::Path(above) => target.strip_prefix(&mount.target).ok().map(|rest| above.join(rest)),
        What::Kept(_) | What::Tmpfs { .. } => None,
    });
    let is_there = earlier.as_ref().map_or_else(|| target.is_dir(), |earlier| earlier.is_dir());
    // One and the same folder, as the stages of a Dockerfile have it.
    let is_same = earlier.is_some_and(|earlier| normal(&earlier) == normal(place));
    if is_same && place.is_dir() {
        return;
    }
    if !(place.is_dir() && is_there) {
        mounts.push(Mount { target: target.into(), what: What::Path(place.into()), read_only: false });
        return;
    }
    let entries = fs::read_dir(place).ok().filter(|_| depth > 0).into_iter().flatten().flatten();
    let mut entries: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    entries.sort();
    for entry in entries {
        if let Some(name) = entry.file_name() {
            laid_over(&target.join(name), &entry, depth - 1, mounts);
        }
    }
}
