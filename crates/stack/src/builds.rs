//! What Dockerfiles build of the project's files for services: by their own lines, in a world that is laid out as their stage.

use std::path::{Path, PathBuf};

use backlot_dependencies::{Ecosystem, Environment as Packages, Stage, own_modules};
use backlot_dockerfile::{Build, Kind, Made, Workshop, normal};
use backlot_facts::container::{Container, PROGRAMS};
use backlot_project::Service;
use backlot_state::short_hash;
use backlot_state::tools::{is_executable, on_path};
use backlot_view::Rung;
use backlot_watch::Patterns;

use crate::doubled::Doubled;
use crate::packages::{Chooser, is_mounted, is_over};
use crate::translation::Translation;

/// What is built for a service, and what is not, in words.
#[derive(Debug, Default)]
pub(crate) struct Builds {
    pub(crate) all: Vec<Packages>,
    pub(crate) notes: Vec<String>,
}

impl Chooser<'_> {
    /// What the Dockerfile of a service builds of what is seen in it.
    pub(crate) fn builds(&self, container: &Container<'_>) -> Builds {
        let mut builds = Builds::default();
        if container.service.extension.command.is_some() {
            return builds;
        }
        let mut stages: Vec<(Workshop, Vec<&Made>)> = Vec::new();
        for made in &container.dockerfile.made {
            let Some(workshop) = seen(made, container.service) else { continue };
            match stages.iter_mut().find(|(known, _)| *known == workshop) {
                Some((_, taken)) => taken.push(made),
                None => stages.push((workshop, vec![made])),
            }
        }
        for (workshop, taken) in stages {
            let said: Vec<String> = workshop.installs.builds.iter().map(|build| build.said.clone()).collect();
            match self.built(workshop, &taken, container.service) {
                Ok(packages) => builds.all.push(packages),
                Err(why) => builds.notes.extend(said.iter().map(|said| not_run(said, &why, container))),
            }
        }
        builds
    }

    /// What is built in a stage; else why it cannot be, in words.
    fn built(&self, workshop: Workshop, taken: &[&Made], service: &Service) -> Result<Packages, String> {
        if self.most == Rung::None || backlot_view::rung() == Rung::None {
            return Err("this machine gives it no world of its own".to_owned());
        }
        let folders = workshop.places.iter().map(|(_, place)| place.clone()).filter(|place| place.is_dir());
        let installed = self.installed(&workshop.installs, workshop.base.as_ref(), folders.collect());
        if let Some(trouble) = installed.trouble {
            return Err(trouble.to_string());
        }
        let mut needs = installed.environments;
        for made in &workshop.made {
            needs.push(self.built(made.workshop.clone(), &[made], service)?);
        }
        let programs: Vec<PathBuf> = installed.own.iter().map(|own| own.join("bin")).collect();
        let own = self.modules(&workshop)?;
        for build in &workshop.installs.builds {
            self.check_program(build, &needs, &programs)?;
        }
        let ignored = Patterns::of_build(service).map_err(|error| format!(".dockerignore: {error}"))?;
        let stage = Stage { workshop, needs, own, programs, ignored };
        let built = Packages::built(stage, taken, self.home).map_err(|error| error.to_string())?;
        built.ok_or_else(|| "it works in folders of the machine's own".to_owned())
    }

    /// The modules that the project has itself: where the stage has its own, and here.
    fn modules(&self, workshop: &Workshop) -> Result<Vec<(PathBuf, PathBuf)>, String> {
        let installs = workshop.installs.all.iter();
        let own = installs
            .filter(|install| matches!(install.kind, Kind::Modules { .. }))
            .filter(|install| own_modules(&install.directory, self.root));
        let beside = own.map(|install| {
            let here = install.directory.join("node_modules");
            let is_there = here.is_dir();
            is_there
                .then(|| (install.place.clone(), here))
                .ok_or_else(|| "the project has its node_modules not beside its package.json".to_owned())
        });
        beside.collect()
    }

    /// That what a line runs is on this machine, or will be.
    fn check_program(&self, build: &Build, needs: &[Packages], own: &[PathBuf]) -> Result<(), String> {
        let word = build.words.first().map(String::as_str).unwrap_or_default();
        let is_in = |folder: &PathBuf| is_executable(&folder.join(word));
        let is_to_be = || needs.iter().any(|packages| !packages.is_whole());
        let is_there = word.contains('/')
            || on_path(word, self.caller).is_some()
            || own.iter().any(is_in)
            || needs.iter().flat_map(Packages::programs).any(|folder| is_in(&folder))
            || (is_to_be() && !TOOLCHAINS.contains(&word));
        if is_there { Ok(()) } else { Err(format!("no {word} is on PATH")) }
    }
}

/// Programs that no packages bring.
const TOOLCHAINS: [&str; 6] = ["cargo", "dotnet", "go", "gradle", "mix", "mvn"];

/// The stage with what it builds that is seen in the service: folders of the user's may lie over it.
fn seen(made: &Made, service: &Service) -> Option<Workshop> {
    let mut workshop = made.workshop.clone();
    if made.to.parent().is_some() {
        return (!is_over(service, &made.to)).then_some(workshop);
    }
    workshop.installs.builds.retain(|build| !is_over(service, &build.directory));
    (!workshop.installs.builds.is_empty()).then_some(workshop)
}

fn not_run(said: &str, why: &str, container: &Container<'_>) -> String {
    let (name, at) = (&container.service.name, &container.service.location);
    format!(
        "the Dockerfile of service {name} runs `{said}`, which is not done natively, as {why}: what it makes is not there ({at}); \
         --engine docker builds it"
    )
}

impl Translation<'_> {
    /// A program that is built: `word` is as a command has it.
    pub(crate) fn built_program(&self, container: &Container<'_>, word: &str) -> Option<PathBuf> {
        let seen = self.built_for(container.service);
        let path = |inside: &Path| {
            let found = seen.iter().find_map(|(target, place)| {
                let rest = inside.strip_prefix(target).ok()?;
                Some(if rest.as_os_str().is_empty() { place.clone() } else { place.join(rest) })
            });
            found.filter(|file| is_executable(file))
        };
        if word.contains('/') {
            let inside = container.working_dir().unwrap_or("/");
            return path(&normal(&Path::new(inside).join(word)));
        }
        PROGRAMS.iter().find_map(|folder| path(&Path::new(folder).join(word)))
    }

    /// The folders that a service has of that, in a copy of its own environment: it may write there, as it may in a container.
    pub(crate) fn built_copies(&self, service: &Service) -> Vec<Doubled> {
        let folder = self.site.live().join("copies").join(&service.name);
        let is_seen = |(target, place): &(PathBuf, PathBuf)| place.is_dir() && !is_mounted(service, target);
        let built = self.built_for(service).into_iter().filter(is_seen);
        let each = built.map(|(target, place)| {
            let copy = folder.join(short_hash(place.as_os_str().as_encoded_bytes()));
            Doubled { target, place, copy }
        });
        each.collect()
    }

    /// Whether a file of a service's is built, or may be before it starts.
    pub(crate) fn is_built(&self, service: &Service, path: &Path) -> bool {
        let seen = self.built_for(service);
        let is_there = seen.iter().any(|(target, place)| {
            path.strip_prefix(target)
                .is_ok_and(|rest| rest.as_os_str().is_empty() || place.join(rest).exists())
        });
        is_there || self.is_pending(service)
    }

    /// What a service has that was built: there, and here.
    pub(crate) fn built_for(&self, service: &Service) -> Vec<(PathBuf, PathBuf)> {
        let environments = self.provided_for(service).map(|provided| provided.environments.as_slice());
        let built = environments.unwrap_or_default().iter();
        built.filter(|packages| packages.ecosystem == Ecosystem::Built).flat_map(Packages::seen).collect()
    }
}
