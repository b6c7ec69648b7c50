//! Which environments have files.

use std::collections::BTreeSet;
use std::path::Path;

use super::find::seed_environments;
use super::{Layout, Project};
use crate::name::EnvironmentName;

/// The environment that is Compose's own reading of the files.
pub(super) const DEVELOPMENT: &str = "development";
/// The files that all scenarios share carry this in place of an environment's name.
pub(super) const SCENARIO: &str = "scenario";
/// Words that follow `.env.` or `compose.` and name no environment.
const NO_ENVIRONMENTS: [&str; 4] = ["override", "scenario", "local", "bak"];
/// The same of words that make an example of a file: `.env.dev-sample`.
const EXAMPLES: [&str; 5] = ["example", "sample", "template", "dist", "defaults"];

pub(super) fn list(project: &Project) -> Vec<EnvironmentName> {
    let mut names = match project.layout {
        Layout::Seed => seed_environments(&project.root),
        Layout::Compose => compose_environments(&project.root),
    };
    // What runs beside a scenario of the older management script leaves files of its name here.
    names.retain(|name| name != SCENARIO && !name.starts_with("scenario_"));
    names.iter().filter_map(|name| EnvironmentName::parse(name).ok()).collect()
}

/// `development`, and what `compose.<name>.yaml` and `.env.<name>` name.
fn compose_environments(root: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(root).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| {
        let file = entry.file_name().into_string().ok()?;
        if let Some(name) = file.strip_prefix(".env.") {
            return Some(name.to_owned());
        }
        let rest = file.strip_prefix("docker-").unwrap_or(&file).strip_prefix("compose.")?;
        rest.strip_suffix(".yaml").or_else(|| rest.strip_suffix(".yml")).map(str::to_owned)
    });
    let is_example = |name: &String| name.split(['.', '-', '_']).any(|word| EXAMPLES.contains(&word));
    let names = names.filter(|name| !NO_ENVIRONMENTS.contains(&name.as_str()) && !is_example(name));
    names.chain([DEVELOPMENT.to_owned()]).collect()
}
