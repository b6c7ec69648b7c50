//! A stack that bears names of its own, so that it can be up beside the same one of another checkout: on Docker all names are
//! shared by the whole machine.

use std::collections::BTreeSet;

use serde_json::{Map, Value as Json};

use super::Stack;
use super::shared::{built_images, full_name};
use super::throwaway::keep_name;

impl Stack {
    /// Gives the stack, and what its files call by names of their own, names with this end: volumes, networks, containers, and
    /// images that are built. What somebody else makes is meant to be shared.
    pub fn set_apart(&mut self, end: &str) {
        let name = format!("{}-{end}", self.name);
        let old = std::mem::replace(&mut self.name, name.clone());
        let apart = |known: &str, key: &str| match known {
            known if known == format!("{old}_{key}") => format!("{name}_{key}"),
            known => format!("{known}_{end}"),
        };
        let own = self.volumes.iter_mut().filter(|(_, volume)| !volume.external && !volume.name.is_empty());
        for (key, volume) in own {
            volume.name = apart(&volume.name, key);
        }
        for (key, network) in self.networks.iter_mut().filter(|(_, network)| !network.external) {
            network.name = apart(&network.name, key);
        }
        let Some(model) = self.resolved.as_object_mut() else { return };
        model.insert("name".into(), name.clone().into());
        let mut external = BTreeSet::new();
        for kind in ["volumes", "networks"] {
            let all = model.get_mut(kind).and_then(Json::as_object_mut).into_iter().flatten();
            for (key, one) in all {
                let Some(one) = one.as_object_mut() else { continue };
                if one.get("external").is_some_and(|external| *external == true) {
                    external.extend((kind == "networks").then(|| key.clone()));
                } else if let Some(known) = one.get("name").and_then(Json::as_str) {
                    let known = apart(known, key);
                    one.insert("name".into(), known.into());
                }
            }
        }
        let services = model.get_mut("services").and_then(Json::as_object_mut);
        let built = services.as_deref().map(built_images).unwrap_or_default();
        for service in services.into_iter().flat_map(Map::values_mut).filter_map(Json::as_object_mut) {
            rename(service, end, &external, &built);
        }
    }
}

/// Renames what a service has names of its own for; `built` are the images that services of the stack build.
fn rename(service: &mut Map<String, Json>, end: &str, external: &BTreeSet<String>, built: &BTreeSet<String>) {
    if let Some(container) = service.remove("container_name") {
        keep_name(service, &container, external);
        let name = format!("{}-{end}", container.as_str().unwrap_or_default());
        service.insert("container_name".into(), name.into());
    }
    let is_built = |image: &&str| built.contains(&full_name(image));
    if let Some(image) = service.get("image").and_then(Json::as_str).filter(is_built) {
        let has_tag = image.rsplit('/').next().is_some_and(|last| last.contains(':'));
        let image = if has_tag { format!("{image}-{end}") } else { format!("{image}:{end}") };
        service.insert("image".into(), image.into());
    }
}

#[cfg(test)]
mod tests {
    use super::{full_name, rename};
    use serde_json::json;

    #[test]
    fn containers_and_images_have_names_of_their_own_and_are_known_by_the_old_ones() {
        for (image, expected) in
            [("shop", "shop:x"), ("r:5000/shop", "r:5000/shop:x"), ("a/shop:1", "a/shop:1-x")]
        {
            let mut service = json!({
                "container_name": "db", "image": image, "build": {"context": "."}, "networks": {"default": null},
            });
            let built = [full_name(image)].into();
            rename(service.as_object_mut().unwrap(), "x", &[].into(), &built);
            assert_eq!(
                service,
                json!({
                    "container_name": "db-x", "image": expected, "build": {"context": "."},
                    "networks": {"default": {"aliases": ["db"]}},
                })
            );
        }
        let mut pulled = json!({"image": "postgres:16"});
        rename(pulled.as_object_mut().unwrap(), "x", &[].into(), &[].into());
        assert_eq!(pulled, json!({"image": "postgres:16"}));
        // What another service builds is not pulled.
        let mut shared = json!({"image": "shop"});
        rename(shared.as_object_mut().unwrap(), "x", &[].into(), &["shop:latest".to_owned()].into());
        assert_eq!(shared, json!({"image": "shop:x"}));
    }
}
