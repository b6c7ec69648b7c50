//! Services that share an image which one of them builds: Compose builds it once, and all of them run it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value as Json};

use super::{Build, Image, Service};

/// The tag of an image that names none.
const LATEST: &str = "latest";

impl Image {
    /// Whether both names mean one image.
    fn is_same(&self, other: &Self) -> bool {
        let tag = |image: &Self| image.tag.clone().unwrap_or_else(|| LATEST.to_owned());
        self.repository == other.repository && tag(self) == tag(other) && self.digest == other.digest
    }
}

/// Gives services that name an image which another one builds how that is built. Where several do, the first in the file says it.
pub(super) fn share_builds(services: &mut BTreeMap<String, Service>) {
    let mut makers: Vec<&Service> = services.values().filter(|service| service.build.is_some()).collect();
    makers.sort_by_key(|service| service.location.line);
    let of = |service: &Service| -> Option<Build> {
        let image = service.image.as_ref().filter(|_| service.build.is_none())?;
        let maker = makers.iter().find(|maker| maker.image.as_ref().is_some_and(|own| own.is_same(image)))?;
        maker.build.clone()
    };
    let found: Vec<(String, Build)> =
        services.values().filter_map(|service| Some((service.name.clone(), of(service)?))).collect();
    for (name, build) in found {
        if let Some(service) = services.get_mut(&name) {
            service.build = Some(build);
        }
    }
}

/// The names of images that services of a resolved model build.
pub(super) fn built_images(services: &Map<String, Json>) -> BTreeSet<String> {
    let is_built = |service: &&Json| service.get("build").is_some_and(|build| !build.is_null());
    let names = services.values().filter(is_built).filter_map(|service| service["image"].as_str());
    names.map(full_name).collect()
}

/// An image's name with its tag.
pub(super) fn full_name(image: &str) -> String {
    let has_tag = image.rsplit('/').next().is_some_and(|last| last.contains([':', '@']));
    if has_tag { image.to_owned() } else { format!("{image}:{LATEST}") }
}

#[cfg(test)]
mod tests {
    use super::{built_images, full_name};
    use crate::{EnvironmentName, Lookup, Project};
    use serde_json::json;

    #[test]
    fn what_one_service_builds_others_run() {
        let dir = tempfile::tempdir().unwrap();
        let text = "\
services:
  again: {build: ./other, image: shop}
  web: {build: ./web, image: 'shop:latest'}
  worker: {image: shop, command: celery}
  tagged: {image: 'shop:2'}
  pinned: {image: 'shop@sha256:0000000000000000000000000000000000000000000000000000000000000000'}
  db: {image: postgres}
";
        std::fs::write(dir.path().join("compose.yaml"), text).unwrap();
        let lookup = Lookup { start_dir: dir.path().to_owned(), ..Lookup::default() };
        let project = Project::find(lookup).unwrap();
        let stack = project.environment(&EnvironmentName::parse("development").unwrap()).unwrap().stack;
        let contexts = stack.services.values().map(|service| {
            let build = service.build.as_ref()?;
            Some(build.context.file_name()?.to_str()?.to_owned())
        });
        let found: Vec<_> = stack.services.keys().map(String::as_str).zip(contexts).collect();
        let [other, web] = [Some("other".to_owned()), Some("web".to_owned())];
        assert_eq!(
            found,
            [
                ("again", other.clone()),
                ("db", None),
                ("pinned", None),
                ("tagged", None),
                ("web", web),
                ("worker", other)
            ]
        );
    }

    #[test]
    fn an_image_that_is_built_is_known_by_its_full_name() {
        let services =
            json!({"web": {"image": "r:5000/shop", "build": {"context": "."}}, "db": {"image": "postgres"}});
        assert_eq!(built_images(services.as_object().unwrap()), ["r:5000/shop:latest".to_owned()].into());
        assert_eq!(
            ["a:1", "r:5000/a", "a@sha256:0"].map(full_name),
            ["a:1", "r:5000/a:latest", "a@sha256:0"]
        );
    }
}
