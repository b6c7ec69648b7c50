//! The services that are the project's own code, and what a command has that stands in for one, but in the caller's world.

use std::collections::BTreeMap;
use std::path::Path;

use backlot_project::Stack;

use crate::address::Address;
use crate::container::Container;
use crate::image::is_postgres;
use crate::references::{Endpoints, replaced};

/// Variables that are about the files of a container.
pub const OF_THE_CONTAINER: [&str; 6] =
    ["PATH", "HOME", "LD_LIBRARY_PATH", "PYTHONPATH", "VIRTUAL_ENV", "PWD"];

/// The services that are built from the project, or work in a folder of it.
pub fn services<'a>(stack: &'a Stack, root: &'a Path) -> Vec<Container<'a>> {
    let all = stack.services.values().filter(|service| !is_postgres(service) && service.provider.is_none());
    let all = all.map(|service| Container::of(service, root));
    all.filter(|container| !container.is_nginx() && is_own(container)).collect()
}

fn is_own(container: &Container<'_>) -> bool {
    let works_in = || container.outside(Path::new(container.working_dir()?));
    container.service.build.is_some() || works_in().is_some_and(|folder| folder.is_dir())
}

/// The one of them that a command belongs to which names none: they all work in one directory. The first that is published
/// goes before those that are not, which work for it.
pub fn only<'a>(stack: &'a Stack, root: &'a Path) -> Option<Container<'a>> {
    in_one_directory(services(stack, root))
}

/// The same of those of `all` that work in one directory of several: the one that all of `paths` are in.
pub fn of_paths<'a>(mut all: Vec<Container<'a>>, paths: &[&Path]) -> Option<Container<'a>> {
    let reach = |container: &Container<'_>| {
        let folder = container.directory();
        paths.iter().all(|path| path.starts_with(&folder)).then(|| folder.components().count())
    };
    let deepest = all.iter().filter_map(reach).max()?;
    all.retain(|container| reach(container) == Some(deepest));
    in_one_directory(all)
}

/// The first of these if they all work in one directory.
pub fn in_one_directory(mut all: Vec<Container<'_>>) -> Option<Container<'_>> {
    let directory = all.first()?.directory();
    if all.iter().any(|other| other.directory() != directory) {
        return None;
    }
    // Of those that are equal, the first in the file.
    all.sort_by_key(|container| {
        (container.service.ports.is_empty(), container.service.location.line, container.service.name.clone())
    });
    all.into_iter().next()
}

/// What its files say of a service's variables, for a command in the caller's world: where they name a database or a service
/// that is published, they have its address on this machine.
pub fn variables(
    container: &Container<'_>,
    stack: &Stack,
    database: Option<Address<'_>>,
    is_throwaway: bool,
) -> BTreeMap<String, String> {
    let mut said = container.environment();
    said.retain(|name, _| !OF_THE_CONTAINER.contains(&name.as_str()));
    let mut endpoints = Endpoints::new();
    // Those of what is thrown away are free ones.
    for service in stack.services.values().filter(|_| !is_throwaway) {
        endpoints.extend(service.published().map(|(target, port)| ((service.name.clone(), target), port)));
    }
    let names = stack.services.keys().map(String::as_str).collect();
    let mut all: BTreeMap<String, String> = said
        .iter()
        .map(|(name, value)| {
            let value = database.map_or_else(|| value.clone(), |address| address.led(value));
            (name.clone(), replaced(&value, &names, &endpoints))
        })
        .collect();
    if let Some(address) = database {
        address.set_pairs(said.iter().map(|(name, value)| (name.as_str(), value.as_str())), &mut all);
    }
    all
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use backlot_project::{Environment, EnvironmentName, Lookup, Project};

    use super::{of_paths, only, services, variables};
    use crate::address::Address;

    fn environment(dir: &Path, compose: &str) -> Environment {
        std::fs::write(dir.join("compose.yaml"), compose).unwrap();
        for folder in ["backend", "front/src"] {
            std::fs::create_dir_all(dir.join(folder)).unwrap();
        }
        let lookup = Lookup { start_dir: dir.to_owned(), ..Lookup::default() };
        let project = Project::find(lookup).unwrap();
        project.environment(&EnvironmentName::parse("development").unwrap()).unwrap()
    }

    const ONE: &str = "\
services:
  db: {image: postgres}
  cache: {image: redis, ports: ['6390:6379'], volumes: ['./data:/data']}
  queue: {build: ./backend, command: celery}
  web:
    build: ./backend
    ports: ['8000:8000']
    working_dir: /code
    volumes: ['./backend:/code']
    environment: {URL: 'postgres://u:p@db:5432/app', DB_HOST: db, CACHE: 'redis://cache:6379/1', OTHER: 'http://queue:1', PATH: /code/bin}
";

    #[test]
    fn the_projects_own_is_what_is_built_or_works_in_its_folders() {
        let dir = tempfile::tempdir().unwrap();
        let one = environment(dir.path(), ONE);
        let own = services(&one.stack, dir.path());
        let names: Vec<&str> = own.iter().map(|container| container.service.name.as_str()).collect();
        assert_eq!(names, ["queue", "web"]);
        assert_eq!(only(&one.stack, dir.path()).unwrap().service.name, "web");
        let two = environment(dir.path(), &format!("{ONE}  front: {{build: ./front, command: node x}}\n"));
        assert!(only(&two.stack, dir.path()).is_none());
        let of = |path: &str| {
            let path = dir.path().join(path);
            of_paths(services(&two.stack, dir.path()), &[&path])
                .map(|container| container.service.name.clone())
        };
        assert_eq!(of("front/src/a.test.js").as_deref(), Some("front"));
        assert_eq!(of("backend/tests").as_deref(), Some("web"));
        assert_eq!(of("elsewhere"), None);
    }

    #[test]
    fn in_the_callers_world_what_is_published_has_its_address_here() {
        let dir = tempfile::tempdir().unwrap();
        let one = environment(dir.path(), ONE);
        let web = only(&one.stack, dir.path()).unwrap();
        let address = Address { service: "db", host: "127.0.0.1", port: 20_001, here: &[] };
        let all = variables(&web, &one.stack, Some(address), false);
        let all: Vec<String> = all.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(
            all,
            [
                "CACHE=redis://127.0.0.1:6390/1",
                "DB_HOST=127.0.0.1",
                "DB_PORT=20001",
                "OTHER=http://queue:1",
                "URL=postgres://u:p@127.0.0.1:20001/app"
            ]
        );
    }
}
