//! Scenarios by the names that people give.

use backlot_engine::{Home, Site};
use backlot_near::nearest;
use backlot_project::{Project, ScenarioName, ScenarioSource};

use crate::error::CommandError;

/// A scenario that is named on the command line.
///
/// # Errors
/// When it is no name, or nearly that of another one.
pub fn named(name: &str, home: &Home, project: &Project) -> Result<ScenarioName, CommandError> {
    let name = ScenarioName::parse(name)?;
    match meant(&name, home, project)? {
        Some(near) => Err(no_scenario(&name, &near)),
        None => Ok(name),
    }
}

/// Which scenario was meant by the name of one that has no file and is not up; none where no other's name is near.
pub fn meant(
    name: &ScenarioName,
    home: &Home,
    project: &Project,
) -> Result<Option<ScenarioName>, CommandError> {
    if site(home, project, name).dir().exists() || project.scenario_source(name)? != ScenarioSource::Empty {
        return Ok(None);
    }
    // A home that cannot be read is an error of what is done next.
    let sites = Site::all(home, project).unwrap_or_default();
    let mut known: Vec<_> =
        sites.iter().filter_map(|site| ScenarioName::of_environment(site.name())).collect();
    known.extend(project.scenarios()?);
    let near = nearest(name.as_str(), known.iter().map(ScenarioName::as_str));
    Ok(near.and_then(|near| ScenarioName::parse(near).ok()))
}

/// That there is no scenario `name`, and which one was meant.
pub fn no_scenario(name: &ScenarioName, near: &ScenarioName) -> CommandError {
    CommandError::usage("no-scenario", format!("there is no scenario {name}: did you mean {near}?"))
}

/// The place of a scenario on disk.
pub fn site(home: &Home, project: &Project, name: &ScenarioName) -> Site {
    Site::new(home, project, name.environment_name().as_str())
}
