//! What `config` lists instead of the whole stack: a name a line, as Docker Compose does.

use std::collections::BTreeSet;

use backlot_project::Project;
use serde_json::Value;

use crate::context::Context;
use crate::error::CommandError;

/// What is listed instead, one of these.
#[derive(Debug, Clone, Copy, clap::Args)]
#[group(id = "list", multiple = false)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of its own")]
pub struct Lists {
    /// List the services instead, a name a line
    #[arg(long)]
    services: bool,
    /// List the volumes instead, as the files name them
    #[arg(long, hide_short_help = true)]
    volumes: bool,
    /// List the networks instead, as the files name them
    #[arg(long, hide_short_help = true)]
    networks: bool,
    /// List the images instead, those that are built of Dockerfiles among them
    #[arg(long, hide_short_help = true)]
    images: bool,
    /// List the profiles instead, those that are off among them
    // The global option is called so already.
    #[arg(id = "all_profiles", long = "profiles", hide_short_help = true)]
    profiles: bool,
}

impl Lists {
    /// What is to be listed of the resolved stack, if something is.
    pub fn of(self, resolved: &Value, context: &Context) -> Result<Option<Vec<String>>, CommandError> {
        if self.profiles {
            return profiles(&context.project_of_all_profiles()?, context).map(Some);
        }
        Ok(match (self.services, self.volumes, self.networks, self.images) {
            (true, ..) => Some(names(&resolved["services"])),
            (_, true, ..) => Some(names(&resolved["volumes"])),
            (_, _, true, _) => Some(names(&resolved["networks"])),
            (.., true) => Some(images(resolved)),
            _ => None,
        })
    }
}

fn names(object: &Value) -> Vec<String> {
    let mut names: Vec<String> = object.as_object().into_iter().flat_map(|all| all.keys().cloned()).collect();
    names.sort();
    names
}

/// One that is built and has no name bears the project's and the service's.
fn images(resolved: &Value) -> Vec<String> {
    let project = resolved["name"].as_str().unwrap_or_default();
    let image = |service: String| match resolved["services"][&service]["image"].as_str() {
        Some(image) => image.to_owned(),
        None => format!("{project}-{service}"),
    };
    names(&resolved["services"]).into_iter().map(image).collect()
}

fn profiles(project: &Project, context: &Context) -> Result<Vec<String>, CommandError> {
    let environment = context.environment(project)?;
    let services = environment.stack.services.values();
    let profiles: BTreeSet<&String> = services.flat_map(|service| &service.profiles).collect();
    Ok(profiles.into_iter().cloned().collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{images, names};

    #[test]
    fn names_are_sorted_and_images_without_a_name_bear_the_projects() {
        let resolved = json!({
            "name": "shop",
            "services": { "web": { "build": "." }, "db": { "image": "postgres:16" } },
        });
        assert_eq!(names(&resolved["services"]), ["db", "web"]);
        assert_eq!(names(&resolved["volumes"]), Vec::<String>::new());
        assert_eq!(images(&resolved), ["postgres:16", "shop-web"]);
    }
}
