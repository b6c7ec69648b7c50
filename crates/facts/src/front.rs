//! What an nginx of the project has of its image: a site, and scripts that run before it.

use std::collections::BTreeMap;
use std::path::Path;

use backlot_nginx::{SITE, Source};

use crate::container::{Container, last_name};

/// Where the configuration of an nginx service comes from; `variables` are those that it has.
pub fn source(container: &Container<'_>, variables: BTreeMap<String, String>) -> Source {
    Source { mounts: container.files(), variables, site: site(container) }
}

/// The port of the image's own site: what is mounted over its folder hides it, and commands of a Dockerfile may take it away.
fn site(container: &Container<'_>) -> Option<u16> {
    let path = Path::new(SITE);
    let is_hidden = container.service.volumes.iter().any(|mount| path.starts_with(&mount.target));
    let is_unprivileged = container.image().is_some_and(|image| last_name(image) == "nginx-unprivileged");
    let port = if is_unprivileged { 8080 } else { 80 };
    (!is_hidden && !container.dockerfile.removes(path)).then_some(port)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::container::Container;

    #[test]
    fn the_site_of_the_image_is_there_until_something_is_in_its_way() {
        for (service, dockerfile, expected) in [
            ("{image: nginx}", "", Some(80)),
            ("{image: nginxinc/nginx-unprivileged}", "", Some(8080)),
            ("{image: nginx, volumes: ['./a:/etc/nginx/conf.d/a.conf']}", "", Some(80)),
            ("{image: nginx, volumes: ['./a:/etc/nginx/nginx.conf']}", "", Some(80)),
            ("{image: nginx, volumes: ['./a:/etc/nginx/conf.d']}", "", None),
            ("{image: nginx, volumes: ['sites:/etc/nginx/conf.d/']}", "", None),
            ("{build: .}", "FROM nginx\nCOPY a /etc/nginx/conf.d/\n", Some(80)),
            ("{build: .}", "FROM nginx\nRUN rm /etc/nginx/conf.d/default.conf\n", None),
            ("{build: .}", "FROM nginx\nRUN rm -rf /etc/nginx/conf.d/* && true\n", None),
        ] {
            let dir = tempfile::tempdir().unwrap();
            std::fs::write(dir.path().join("Dockerfile"), dockerfile).unwrap();
            let text = format!("services: {{web: {service}}}\nvolumes: {{sites: }}\n");
            let mut stack = backlot_project::readers::stack(&text).unwrap();
            let service = stack.services.get_mut("web").unwrap();
            if let Some(build) = &mut service.build {
                build.context = dir.path().to_owned();
                build.dockerfile = dir.path().join("Dockerfile");
            }
            let found = super::site(&Container::of(service, Path::new("/")));
            assert_eq!(found, expected, "{text} {dockerfile}");
        }
    }
}
