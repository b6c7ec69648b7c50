//! What a container has of this machine: its mounts and variables, and where it finds services that are none.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use backlot_containers::{Kind, Way};
use backlot_facts::container::Container;
use backlot_facts::storage;
use backlot_postgres::DEFAULT_PORT;
use backlot_project::Service;
use backlot_project::stack::{FileSource, MountKind};
use backlot_state::short_hash;
use backlot_supervisor::{Inside, Peers};

use crate::contained::field;
use crate::containers::Containers;
use crate::{error::StackError, translation::Translation};

/// Where secrets are, if they say no other path.
const SECRETS: &str = "/run/secrets";

/// How a container is told its variables.
pub(crate) struct Told {
    /// The options.
    pub(crate) words: Vec<String>,
    /// The client's own variables, and those that only its own can say.
    pub(crate) surroundings: BTreeMap<String, String>,
    /// All of them, to be compared.
    pub(crate) text: String,
}

impl Translation<'_> {
    /// The variables of a service, as its file says them: in a private file, as what a program is told on its command line
    /// everybody can read.
    pub(crate) fn told_inside(
        &self,
        container: &Container<'_>,
        containers: &Containers,
    ) -> Result<Told, StackError> {
        let service = container.service;
        let (mut text, mut several, mut words) = (String::new(), String::new(), Vec::new());
        let mut surroundings = containers.client.variables.clone();
        let mut lines = Vec::new();
        for (name, value) in self.variables_as_said(container) {
            if !value.contains('\n') {
                text.extend([name.as_str(), "=", &value, "\n"]);
            } else if containers.client.variables.contains_key(&name) {
                lines.push(format!(
                    "service {}: the client of {} has a variable {name} of its own, and the service's has several lines ({})",
                    service.name, containers.client.kind, service.location
                ));
            } else {
                words.extend(["--env".to_owned(), name.clone()]);
                several.extend([name.as_str(), "=", &value, "\0"]);
                surroundings.insert(name, value);
            }
        }
        if !lines.is_empty() {
            return Err(StackError::NotHonoured { lines });
        }
        if !text.is_empty() {
            let hash = short_hash(text.as_bytes());
            let path = self.site.live().join("containers").join(format!("{}-{hash}.env", service.name));
            self.write_private(&path, &text, 0o600)?;
            words.extend(["--env-file".to_owned(), path.display().to_string()]);
        }
        text.push_str(&several);
        Ok(Told { words, surroundings, text })
    }

    fn write_private(&self, path: &Path, text: &str, mode: u32) -> Result<(), StackError> {
        if !self.writes || path.exists() {
            return Ok(());
        }
        let write = || -> std::io::Result<()> {
            if let Some(folder) = path.parent() {
                DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
            }
            let new = path.with_extension("new");
            let mut file =
                OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(&new)?;
            file.write_all(text.as_bytes())?;
            fs::rename(new, path)
        };
        write().map_err(|source| StackError::Write { path: path.to_owned(), source })
    }

    /// What is mounted: a volume is the folder that native services see, too.
    pub(crate) fn mount_words(
        &self,
        service: &Service,
        containers: &Containers,
    ) -> Result<Vec<String>, StackError> {
        let mut fields: Vec<Vec<String>> = Vec::new();
        for mount in &service.volumes {
            let target = field("target", &mount.target);
            let mut parts = match &mount.kind {
                MountKind::Bind { source } => {
                    if self.writes && mount.creates_source && !source.exists() {
                        // As Docker does; what cannot be made is told by the engine.
                        let _ = fs::create_dir_all(source);
                    }
                    vec!["type=bind".to_owned(), field("source", &source.display().to_string()), target]
                }
                MountKind::Volume { source: Some(key) } => {
                    let Some(folder) = self.folder_of(service, key)? else { continue };
                    let folder = mount.subpath.iter().fold(folder, |at, part| at.join(part));
                    volume_words(key, &folder, containers, target)
                }
                MountKind::Volume { source: None } => vec!["type=volume".to_owned(), target],
                // Those of `tmpfs` are an option of their own.
                MountKind::Tmpfs { .. } if mount.is_short => continue,
                MountKind::Tmpfs { size, mode } => {
                    let size = size.map(|size| format!("tmpfs-size={size}"));
                    let mode = mode.map(|mode| format!("tmpfs-mode={mode:o}"));
                    ["type=tmpfs".to_owned(), target].into_iter().chain(size).chain(mode).collect()
                }
                MountKind::Other { .. } => continue,
            };
            parts.extend(mount.read_only.then(|| "readonly".to_owned()));
            fields.push(parts);
        }
        for (target, place) in self.grants(service)? {
            let [source, target] = [
                field("source", &place.display().to_string()),
                field("target", &target.display().to_string()),
            ];
            fields.push(vec!["type=bind".to_owned(), source, target, "readonly".to_owned()]);
        }
        Ok(fields.into_iter().flat_map(|parts| ["--mount".to_owned(), parts.join(",")]).collect())
    }

    /// The volumes of containers, by the name that their engine has to know them by, if it does: each is a folder of ours.
    pub fn known_volumes(&self) -> Vec<(String, PathBuf)> {
        let Some(containers) = self.containers.filter(|all| all.client.kind == Kind::Podman) else {
            return Vec::new();
        };
        let stack = &self.environment.stack;
        let services = containers.images.keys().filter_map(|name| stack.services.get(name));
        let volumes = services.flat_map(|service| &service.volumes).filter_map(|mount| {
            let MountKind::Volume { source: Some(key) } = &mount.kind else { return None };
            let folder = self.volume_folder(key)?;
            let folder = mount.subpath.iter().fold(folder, |at, part| at.join(part));
            Some((known_as(key, &folder, containers), folder))
        });
        volumes.collect()
    }

    /// The folder of a volume. One that only an engine of its own can mount is not left away.
    fn folder_of(&self, service: &Service, key: &str) -> Result<Option<PathBuf>, StackError> {
        storage::volume(key, &self.environment.stack).map_err(|what| {
            let (name, at) = (&service.name, &service.location);
            let line = format!(
                "service {name} has {what}, which is not mounted in a container beside processes ({at}); --engine docker mounts it"
            );
            StackError::NotHonoured { lines: vec![line] }
        })?;
        Ok(self.volume_folder(key))
    }

    /// The files of secrets and configs, by their paths inside. Whoever runs there may read what is made for it.
    fn grants(&self, service: &Service) -> Result<Vec<(PathBuf, PathBuf)>, StackError> {
        let stack = &self.environment.stack;
        let mut all = Vec::new();
        for (grants, sources, root, kind) in [
            (&service.configs, &stack.configs, "/", "configs"),
            (&service.secrets, &stack.secrets, SECRETS, "secrets"),
        ] {
            for grant in grants {
                let Some(source) = sources.get(&grant.source) else { continue };
                let Some(place) = self.granted(source, service, (kind, grant.mode))? else { continue };
                if !matches!(source, FileSource::File(path) if *path == place) && self.writes {
                    let open = fs::Permissions::from_mode(grant.mode.unwrap_or(0) & 0o777 | 0o444);
                    fs::set_permissions(&place, open)
                        .map_err(|source| StackError::Write { path: place.clone(), source })?;
                }
                all.push((Path::new(root).join(grant.target.as_deref().unwrap_or(&grant.source)), place));
            }
        }
        Ok(all)
    }

    /// Where containers reach the ports of a service, one for each.
    pub(crate) fn reached_inside(&self, service: &str, target: u16, taken: &[SocketAddr]) -> Vec<Inside> {
        let Some(containers) = self.containers else { return Vec::new() };
        let one = match &containers.way {
            Way::Bridge { .. } if containers.images.contains_key(service) => None,
            Way::Bridge { gateways, .. } => {
                gateways.get(containers.place_of(service)).map(|gateway| Inside {
                    at: (gateway.address, target).into(),
                    peers: Some(Peers { first: gateway.peers.first, bits: gateway.peers.bits }),
                })
            }
            // A second one of the same port has nowhere to be.
            Way::Loopback { .. } => Some(Inside { at: (Ipv4Addr::LOCALHOST, target).into(), peers: None })
                .filter(|_| containers.place_of(service) == 0),
        };
        let is_there = |at: &SocketAddr| {
            taken
                .iter()
                .any(|own| own.port() == at.port() && (own.ip() == at.ip() || own.ip().is_unspecified()))
        };
        one.into_iter().filter(|one| !is_there(&one.at)).collect()
    }

    /// At which of this machine's addresses containers find each service that is none of them: those with a port that another one
    /// has are at another one.
    pub fn places(&self, contained: &BTreeSet<String>) -> BTreeMap<String, usize> {
        let services = self.environment.stack.services.values();
        let of = |service: &Service| {
            let mut ports = Container::of(service, self.root).ports();
            ports.extend(self.is_database(&service.name).then_some(DEFAULT_PORT));
            (service.name.clone(), ports)
        };
        first_fit(services.filter(|service| !contained.contains(&service.name)).map(of))
    }

    /// Services that containers cannot reach, in words.
    pub fn unreached(&self) -> Vec<String> {
        let Some(containers) = self.containers else { return Vec::new() };
        let Way::Loopback { host, .. } = &containers.way else { return Vec::new() };
        let second = containers.places.iter().filter(|(_, at)| **at > 0);
        let line = |(name, _): (&String, &usize)| {
            format!(
                "containers do not reach service {name}: all services are at {host} for them, and another one has its port; \
                 have it listen at another port, or use --engine docker"
            )
        };
        second.map(line).collect()
    }
}

/// A folder of this machine as a volume: such a one, if it is empty, is filled with what the image has there, with its owner.
fn volume_words(key: &str, folder: &Path, containers: &Containers, target: String) -> Vec<String> {
    let own = match containers.client.kind {
        Kind::Docker => {
            let local = ["volume-driver=local", "volume-opt=type=none", "volume-opt=o=bind"];
            let device = field("volume-opt", &format!("device={}", folder.display()));
            local.map(str::to_owned).into_iter().chain([device]).collect()
        }
        // It is told of one that it knows already.
        Kind::Podman => vec![field("source", &known_as(key, folder, containers))],
    };
    ["type=volume".to_owned()].into_iter().chain(own).chain([target]).collect()
}

fn known_as(key: &str, folder: &Path, containers: &Containers) -> String {
    format!("{}-{key}-{}", containers.mark, short_hash(folder.as_os_str().as_encoded_bytes()))
}

/// Gives each the first place at which nobody has one of its ports.
fn first_fit(all: impl Iterator<Item = (String, BTreeSet<u16>)>) -> BTreeMap<String, usize> {
    let mut places: Vec<BTreeSet<u16>> = Vec::new();
    let mut found = BTreeMap::new();
    for (name, ports) in all {
        let free = places.iter().position(|taken| taken.is_disjoint(&ports));
        let at = free.unwrap_or_else(|| {
            places.push(BTreeSet::new());
            places.len() - 1
        });
        places[at].extend(ports);
        found.insert(name, at);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::first_fit;

    #[test]
    fn services_with_one_port_are_at_different_places() {
        let all = [("api", vec![8000]), ("db", vec![5432]), ("web", vec![80, 8000]), ("www", vec![80])];
        let all = all.map(|(name, ports)| (name.to_owned(), ports.into_iter().collect()));
        let found = first_fit(all.into_iter());
        assert_eq!(found.into_values().collect::<Vec<_>>(), [0, 0, 1, 0]);
    }
}
