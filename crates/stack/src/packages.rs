//! What services have of packages: the project's own environments where there are some, else such as their Dockerfiles make.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use backlot_dependencies::{
    DependencyError, Ecosystem, Environment as Packages, Machine, Version, Wanted, environments, own_modules,
};
use backlot_dockerfile::{Install, Kind};
use backlot_facts::container::Container;
use backlot_facts::runtime::{node_of, python_of};
use backlot_project::stack::MountKind;
use backlot_project::{Environment, Service};
use backlot_state::tools::{activated, virtual_environment_of};
use backlot_view::{Mount, What};

use crate::{error::StackError, translation::Translation};

/// What a service has.
#[derive(Debug, Default)]
pub struct Provided {
    /// The project's own virtual environment.
    own: Option<PathBuf>,
    /// What is Backlot's, there or not yet.
    pub environments: Vec<Packages>,
    /// Why there can be none.
    trouble: Option<Arc<DependencyError>>,
    /// What of it is not as its image has it, in words.
    notes: Vec<String>,
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
    root: &Path,
    caller: &BTreeMap<String, String>,
    home: &Path,
    left: &BTreeSet<&str>,
) -> BTreeMap<String, Provided> {
    let services = environment.stack.services.values();
    let services = services.filter(|service| !left.contains(service.name.as_str()));
    let each = services.map(|service| {
        let container = Container::of(service, root);
        let provided =
            if container.is_nginx() { Provided::default() } else { of(&container, root, caller, home) };
        (service.name.clone(), provided)
    });
    each.collect()
}

fn of(container: &Container<'_>, root: &Path, caller: &BTreeMap<String, String>, home: &Path) -> Provided {
    let mut installs = container.dockerfile.installs.clone();
    let is_python = |install: &Install| matches!(install.kind, Kind::Pip { .. } | Kind::Sync { .. });
    let context = container.service.build.as_ref().map(|build| build.context.clone());
    let of_installs = installs.all.iter().filter(|install| is_python(install));
    let of_installs: Vec<PathBuf> = of_installs.map(|install| install.directory.clone()).collect();
    let folders: Vec<PathBuf> =
        [container.directory()].into_iter().chain(context).chain(of_installs).collect();
    let own = virtual_environment_of(&folders, root, caller);
    let has_own_modules = |install: &Install| own_modules(&install.directory, root);
    let before = installs.all.len();
    installs.all.retain(|install| match install.kind {
        Kind::Pip { .. } | Kind::Sync { .. } | Kind::Export { .. } => own.is_none(),
        Kind::Modules { .. } => !has_own_modules(install),
        Kind::Globals(_) | Kind::Gems { .. } => true,
    });
    let has_own = own.is_some() || installs.all.len() < before;
    let image = container.image();
    let python = image.and_then(python_of).map(|(major, minor)| Version { major, minor });
    let node = image.and_then(node_of).map(|major| Version { major, minor: None });
    let machine = Machine { caller };
    let (environments, trouble) = match environments(&installs, Wanted { python, node }, machine, home) {
        Ok(all) => (all, None),
        Err(error) => (Vec::new(), Some(Arc::new(error))),
    };
    let others = others(&environments, python, node);
    let mut notes: Vec<String> = others.iter().map(|other| other.said(container.service)).collect();
    notes.dedup();
    notes.extend(not_run(container, has_own, &installs.all));
    let other_version = others.first().map(|other| other.here);
    Provided { own, environments, trouble, notes, other_version }
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
fn others(environments: &[Packages], python: Option<Version>, node: Option<Version>) -> Vec<Other> {
    let other = |packages: &Packages| {
        let (language, wanted) = match packages.ecosystem {
            Ecosystem::Python => ("Python", python?),
            Ecosystem::Node => ("Node", node?),
            Ecosystem::Ruby => return None,
        };
        let here = packages.version.filter(|version| !wanted.is_met_by(*version))?;
        Some(Other { language, here, wanted })
    };
    environments.iter().filter_map(other).collect()
}

/// What its Dockerfile installs or builds, and nobody does here; `installed` is what Backlot installs for it.
fn not_run(container: &Container<'_>, has_own: bool, installed: &[Install]) -> Vec<String> {
    let service = container.service;
    let (name, at) = (&service.name, &service.location);
    let installs = &container.dockerfile.installs;
    let unclear = installs.unclear.iter().filter(|_| !has_own).map(|said| {
        format!(
            "the Dockerfile of service {name} runs `{said}`, of which it is not known what it installs: that is not there natively \
             ({at}); install it into an environment of the project's own (.venv, node_modules), or take --engine docker"
        )
    });
    let is_hidden =
        |directory: &Path| service.volumes.iter().any(|mount| directory.starts_with(&mount.target));
    let builds = installs.builds.iter().filter(|build| !is_hidden(&build.directory));
    let builds = builds.map(|build| {
        let said = &build.said;
        // Beside modules of Backlot's own, what is made anew in a folder of the image is there for one run alone.
        let is_lost = installed.iter().any(|install| {
            matches!(install.kind, Kind::Modules { .. }) && install.place.parent() == Some(&build.directory)
        });
        let way_out = if build.is_elsewhere {
            "run it where its files are".to_owned()
        } else if let Some(folder) = container.outside(&build.directory).filter(|_| is_lost) {
            format!("run it in {}, with its node_modules there", folder.display())
        } else {
            format!("`backlot run {name} {said}` does")
        };
        format!(
            "the Dockerfile of service {name} runs `{said}`, which is not run natively: what it makes is there if you run it \
             ({at}); {way_out}, or take --engine docker"
        )
    });
    unclear.chain(builds).collect()
}

impl Translation<'_> {
    fn provided_for(&self, service: &Service) -> Option<&Provided> {
        self.provided.get(&service.name)
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
        let folder = self.missing(service).next()?.programs().into_iter().next()?;
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
        let mut programs: Vec<PathBuf> = environments.iter().flat_map(Packages::programs).collect();
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

    /// What of packages a service has at paths of its own.
    pub(crate) fn packages_mounts(&self, service: &Service) -> Vec<Mount> {
        let environments = self.provided_for(service).map(|provided| provided.environments.as_slice());
        let all = environments.unwrap_or_default().iter().flat_map(|packages| {
            // What a folder of the project's lies over is not the image's any more, unless something is mounted just there. Where
            // Node looks for modules there is no other way.
            let is_over = packages.ecosystem == Ecosystem::Node;
            packages.seen().into_iter().filter(move |(target, _)| is_over || !is_hidden(service, target))
        });
        all.map(|(target, place)| Mount { target, what: What::Path(place), read_only: false }).collect()
    }

    /// The folders of a service's packages, the project's own among them: others make another service of it.
    pub(crate) fn packages_folders(&self, service: &Service) -> Vec<String> {
        let Some(provided) = self.provided_for(service) else { return Vec::new() };
        let all = provided.environments.iter().map(|packages| &packages.folder).chain(&provided.own);
        all.map(|folder| folder.display().to_string()).collect()
    }
}

fn is_hidden(service: &Service, target: &Path) -> bool {
    let binds = service.volumes.iter().filter(|mount| matches!(mount.kind, MountKind::Bind { .. }));
    let is_own = service.volumes.iter().any(|mount| target == Path::new(&mount.target));
    !is_own && binds.into_iter().any(|mount| target.starts_with(&mount.target))
}
