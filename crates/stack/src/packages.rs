//! What services have of packages: the project's own environments where there are some, else such as their Dockerfiles make.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use backlot_dependencies::{
    DependencyError, Ecosystem, Environment as Packages, Machine, Version, Wanted, environments, lone_tools,
    own_modules,
};
use backlot_dockerfile::{Install, Installs, Kind};
use backlot_facts::container::Container;
use backlot_facts::runtime::{node_of, python_of};
use backlot_project::stack::{Image, MountKind};
use backlot_project::{Environment, Service};
use backlot_state::tools::{activated, virtual_environment_of};
use backlot_view::{Mount, Rung, What};

use crate::{error::StackError, translation::Translation};

/// What a service has.
#[derive(Debug, Default)]
pub struct Provided {
    /// The project's own virtual environment.
    own: Option<PathBuf>,
    /// What is Backlot's, there or not yet.
    pub environments: Vec<Packages>,
    /// Where interpreters are that run what has no environment, if they are not on PATH.
    interpreters: Vec<PathBuf>,
    /// Why there can be none.
    trouble: Option<Arc<DependencyError>>,
    /// What of it is not as its image has it, in words.
    notes: Vec<String>,
    /// Those of them that are lines of its Dockerfile which are not run: what they make may be what it lacks.
    undone: Vec<String>,
    /// The version that its interpreter has, if that is not the one of its image.
    other_version: Option<Version>,
}

impl Provided {
    /// Those of Backlot's that are not there.
    pub fn missing(&self) -> impl Iterator<Item = &Packages> {
        self.environments.iter().filter(|packages| !packages.is_whole())
    }
}

/// What each service of an environment has, but for those that are `left`: databases.
pub fn provided(
    environment: &Environment,
    chooser: Chooser<'_>,
    left: &BTreeSet<&str>,
) -> BTreeMap<String, Provided> {
    let services = environment.stack.services.values();
    let services = services.filter(|service| !left.contains(service.name.as_str()));
    let each =
        services.map(|service| (service.name.clone(), chooser.of(&Container::of(service, chooser.root))));
    each.collect()
}

/// With what it is chosen what services have.
#[derive(Debug, Clone, Copy)]
pub struct Chooser<'c> {
    /// The project's directory.
    pub root: &'c Path,
    /// The caller's variables.
    pub caller: &'c BTreeMap<String, String>,
    /// Where Backlot keeps what it installs.
    pub home: &'c Path,
    /// The most that services are to have of a view.
    pub most: Rung,
}

/// What the lines of a stage come to.
pub(crate) struct Installed {
    /// The project's own virtual environment.
    pub(crate) own: Option<PathBuf>,
    /// Whether the project has anything itself of what the lines install.
    has_own: bool,
    pub(crate) environments: Vec<Packages>,
    /// Why there can be none.
    pub(crate) trouble: Option<DependencyError>,
}

impl Chooser<'_> {
    fn of(&self, container: &Container<'_>) -> Provided {
        if container.is_nginx() {
            let builds = self.builds(container);
            let (notes, undone) = (builds.notes.clone(), builds.notes);
            return Provided { environments: builds.all, notes, undone, ..Provided::default() };
        }
        let context = container.service.build.as_ref().map(|build| build.context.clone());
        let folders = [container.directory()].into_iter().chain(context).collect();
        let image = container.image();
        let Installed { own, has_own, mut environments, trouble } =
            self.installed(&container.dockerfile.installs, image, folders);
        let mut others = others(&environments, wanted(image));
        let plain = self.plain(container, own.is_some(), &environments);
        let interpreters = plain.iter().filter_map(|plain| plain.folder.clone()).collect();
        others.extend(plain.into_iter().filter_map(|plain| plain.other));
        let mut notes: Vec<String> = others.iter().map(|other| other.said(container.service)).collect();
        notes.dedup();
        let builds = self.builds(container);
        let undone: Vec<String> = unclear(container, has_own).into_iter().chain(builds.notes).collect();
        notes.extend(undone.iter().cloned());
        environments.extend(builds.all);
        let other_version = others.first().map(|other| other.here);
        Provided {
            own,
            environments,
            interpreters,
            trouble: trouble.map(Arc::new),
            notes,
            undone,
            other_version,
        }
    }

    /// The interpreters of a service's image for which nothing is installed: what its command is run by.
    fn plain(&self, container: &Container<'_>, has_own: bool, environments: &[Packages]) -> Vec<Plain> {
        let Wanted { python, node } = wanted(container.image());
        let machine = Machine { caller: self.caller };
        let has = |ecosystem| environments.iter().any(|packages| packages.ecosystem == ecosystem);
        let python = python.filter(|wanted| wanted.minor.is_some() && !has_own && !has(Ecosystem::Python));
        let node = node.filter(|_| !has(Ecosystem::Node));
        let directory = container.directory();
        let of = |language, wanted: Version, found: (Option<PathBuf>, Version)| {
            let (folder, here) = found;
            let other = (!wanted.is_met_by(here)).then_some(Other { language, here, wanted });
            Plain { folder, other }
        };
        let python =
            python.and_then(|wanted| Some(of("Python", wanted, machine.plain_python(wanted, &directory)?)));
        let node = node.and_then(|wanted| Some(of("Node", wanted, machine.plain_node(wanted)?)));
        python.into_iter().chain(node).collect()
    }

    /// What `installs` come to in a stage that is made from `image`; the project's own environments are looked for in `folders`, too.
    pub(crate) fn installed(
        &self,
        installs: &Installs,
        image: Option<&Image>,
        mut folders: Vec<PathBuf>,
    ) -> Installed {
        let mut installs = installs.clone();
        let machine = Machine { caller: self.caller };
        if let Some(directory) = folders.first() {
            installs.all.extend(lone_tools(&installs, directory, machine));
        }
        let is_python = |install: &&Install| matches!(install.kind, Kind::Pip { .. } | Kind::Sync { .. });
        folders.extend(installs.all.iter().filter(is_python).map(|install| install.directory.clone()));
        let own = virtual_environment_of(&folders, self.root, self.caller);
        let has_own_modules = |install: &Install| own_modules(&install.directory, self.root);
        let before = installs.all.len();
        installs.all.retain(|install| match install.kind {
            Kind::Pip { .. } | Kind::Sync { .. } | Kind::Export { .. } => own.is_none(),
            Kind::Modules { .. } => !has_own_modules(install),
            Kind::Globals(_) | Kind::Gems { .. } => true,
        });
        let has_own = own.is_some() || installs.all.len() < before;
        match environments(&installs, wanted(image), machine, self.home) {
            Ok(environments) => Installed { own, has_own, environments, trouble: None },
            Err(error) => Installed { own, has_own, environments: Vec::new(), trouble: Some(error) },
        }
    }
}

fn wanted(image: Option<&Image>) -> Wanted {
    let python = image.and_then(python_of).map(|(major, minor)| Version { major, minor });
    let node = image.and_then(node_of).map(|major| Version { major, minor: None });
    Wanted { python, node }
}

/// What runs what has no environment.
struct Plain {
    folder: Option<PathBuf>,
    other: Option<Other>,
}

/// Another version than the image's.
struct Other {
    language: &'static str,
    here: Version,
    wanted: Version,
}

impl Other {
    fn said(&self, service: &Service) -> String {
        let Self { language, here, wanted } = self;
        format!(
            "service {} runs with {language} {here} of this machine, its image has {wanted} ({}); install {language} {wanted}, or take \
             --engine docker",
            service.name, service.location
        )
    }
}

/// Where another version than the image's is used.
fn others(environments: &[Packages], Wanted { python, node }: Wanted) -> Vec<Other> {
    let other = |packages: &Packages| {
        let (language, wanted) = match packages.ecosystem {
            Ecosystem::Python => ("Python", python?),
            Ecosystem::Node => ("Node", node?),
            Ecosystem::Ruby | Ecosystem::Built => return None,
        };
        let here = packages.version.filter(|version| !wanted.is_met_by(*version))?;
        Some(Other { language, here, wanted })
    };
    environments.iter().filter_map(other).collect()
}

/// What its Dockerfile installs in a way that is not known, where the project has nothing itself.
fn unclear(container: &Container<'_>, has_own: bool) -> Vec<String> {
    let (name, at) = (&container.service.name, &container.service.location);
    let unclear = container.dockerfile.installs.unclear.iter().filter(|_| !has_own).map(|said| {
        format!(
            "the Dockerfile of service {name} runs `{said}`, of which it is not known what it installs: that is not there natively \
             ({at}); install it into an environment of the project's own (.venv, node_modules), or take --engine docker"
        )
    });
    unclear.collect()
}

impl Translation<'_> {
    pub(crate) fn provided_for(&self, service: &Service) -> Option<&Provided> {
        self.provided.get(&service.name)
    }

    /// The lines of a service's Dockerfile that are not run, in words.
    pub(crate) fn undone(&self, service: &Service) -> Vec<String> {
        self.provided_for(service).map(|provided| provided.undone.clone()).unwrap_or_default()
    }

    /// The version of its language that a service has, if that is not the one of its image.
    pub(crate) fn other_version(&self, service: &Service) -> Option<String> {
        self.provided_for(service)?.other_version.map(|version| version.to_string())
    }

    /// Whether something is to be installed for a service before it starts: what is in there is not known yet.
    pub(crate) fn is_pending(&self, service: &Service) -> bool {
        self.installs && self.missing(service).next().is_some()
    }

    fn missing(&self, service: &Service) -> impl Iterator<Item = &Packages> {
        self.provided_for(service).into_iter().flat_map(Provided::missing)
    }

    /// Whether something could be installed for a service that is not there.
    pub(crate) fn could_be_installed(&self, service: &Service) -> bool {
        self.missing(service).next().is_some()
    }

    /// Where a program will be that is not there before something is installed.
    pub(crate) fn program_to_be(&self, service: &Service, word: &str) -> Option<PathBuf> {
        let packages = self.missing(service).next()?;
        let folder = packages.programs().into_iter().next().unwrap_or_else(|| packages.folder.clone());
        let name = Path::new(word).file_name()?;
        self.is_pending(service).then(|| folder.join(name))
    }

    /// That what a service needs can be installed, if it is to be.
    pub fn check_packages(&self, service: &Service) -> Result<(), StackError> {
        let Some(trouble) = self.provided_for(service).and_then(|provided| provided.trouble.clone()) else {
            return Ok(());
        };
        if !self.installs {
            return Ok(());
        }
        let (service, at) = (service.name.clone(), service.location.clone());
        Err(StackError::Packages { service, source: trouble, at })
    }

    /// What of a service's packages is not as its image has them, in words.
    pub(crate) fn packages_notes(&self, service: &Service) -> Vec<String> {
        let Some(provided) = self.provided_for(service) else { return Vec::new() };
        let without_view = provided.environments.iter().any(|packages| packages.ecosystem == Ecosystem::Node);
        let no_view = (without_view && !self.has_views()).then(|| {
            format!(
                "service {} has its node_modules not beside its package.json, as this machine gives it no world of its own: ES \
                 modules do not find them ({}); npm install in the project's folder",
                service.name, service.location
            )
        });
        provided.notes.iter().cloned().chain(no_view).collect()
    }

    /// The caller's variables with what a service has of packages in front.
    pub(crate) fn with_packages(
        &self,
        service: &Service,
        mut variables: BTreeMap<String, String>,
    ) -> BTreeMap<String, String> {
        let provided = self.provided_for(service);
        let own = match provided {
            Some(provided) => provided.own.clone(),
            None => virtual_environment_of(&[], self.root, self.caller),
        };
        variables = activated(own, variables);
        let environments = provided.map(|provided| provided.environments.as_slice()).unwrap_or_default();
        let interpreters = provided.map(|provided| provided.interpreters.as_slice()).unwrap_or_default();
        let programs = environments.iter().flat_map(Packages::programs);
        let mut programs: Vec<PathBuf> = programs.chain(interpreters.iter().cloned()).collect();
        if programs.is_empty() {
            return variables;
        }
        let path = variables.get("PATH").cloned().unwrap_or_default();
        programs.extend(std::env::split_paths(&path));
        if let Ok(path) = std::env::join_paths(&programs) {
            variables.insert("PATH".into(), path.to_string_lossy().into_owned());
        }
        for packages in environments {
            variables.extend(packages.variables().into_iter().map(|(name, value)| (name.to_owned(), value)));
            let modules = packages.node_path().filter(|_| !self.has_views());
            variables.extend(modules.map(|path| ("NODE_PATH".to_owned(), path.display().to_string())));
        }
        variables
    }

    /// What of packages a service has at paths of its own, and of what is built for it.
    pub(crate) fn packages_mounts(&self, service: &Service) -> Vec<Mount> {
        let environments = self.provided_for(service).map(|provided| provided.environments.as_slice());
        let all = environments.unwrap_or_default().iter().flat_map(|packages| {
            // What a folder of the project's lies over is not the image's any more, unless something is mounted just there. Where
            // Node looks for modules there is no other way.
            packages.seen().into_iter().filter(move |(target, place)| match packages.ecosystem {
                Ecosystem::Node => true,
                Ecosystem::Python | Ecosystem::Ruby => !is_hidden(service, target),
                // A volume begins with it; a folder is a copy.
                Ecosystem::Built => !place.is_dir() && !is_mounted(service, target),
            })
        });
        let copies = self.built_copies(service).into_iter().map(|one| (one.target, one.copy));
        let mount = |(target, place)| Mount { target, what: What::Path(place), read_only: false };
        all.chain(copies).map(mount).collect()
    }

    /// The folders of a service's packages, the project's own among them: others make another service of it.
    pub(crate) fn packages_folders(&self, service: &Service) -> Vec<String> {
        let Some(provided) = self.provided_for(service) else { return Vec::new() };
        let all = provided.environments.iter().map(|packages| &packages.folder);
        let all = all.chain(&provided.own).chain(&provided.interpreters);
        all.map(|folder| folder.display().to_string()).collect()
    }
}

fn is_hidden(service: &Service, target: &Path) -> bool {
    let is_own = service.volumes.iter().any(|mount| target == Path::new(&mount.target));
    !is_own && is_over(service, target)
}

/// Whether anything is mounted at a path of a service, or above it.
pub(crate) fn is_mounted(service: &Service, path: &Path) -> bool {
    service.volumes.iter().any(|mount| path.starts_with(&mount.target))
}

/// Whether a folder of the user's lies over a path of a service.
pub(crate) fn is_over(service: &Service, path: &Path) -> bool {
    let binds = service.volumes.iter().filter(|mount| matches!(mount.kind, MountKind::Bind { .. }));
    binds.into_iter().any(|mount| path.starts_with(&mount.target))
}
