//! Reading an environment: variables, then the stack that they make of the Compose files.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::faults::{Faults, env_dir, explain, missing_env, none_of, told, whole, working_dir};
use super::find::{normalised, seed_environments};
use super::listing::{DEVELOPMENT, SCENARIO, list};
use super::variables::{env_files, env_values, for_interpolation, from_config, from_env_files};
use super::{ComposeCall, Environment, Layout, Project};
use crate::error::{Problem, ProjectError};
use crate::name::{EnvironmentName, ScenarioName};
use crate::stack::{Moved, Stack, extract};
use crate::variables::{Origin, Variables};
use backlot_compose::{self as compose, Base, Loaded, Missed, Request, load_as_far, services_if_whole};
use backlot_near::{instead, nearest};

const TESTING: &str = "testing";

impl Project {
    /// Reads an environment. `scenario_<name>` is the environment of a scenario.
    pub fn environment(&self, name: &EnvironmentName) -> Result<Environment, ProjectError> {
        whole(self, |faults| read(self, name, faults))
    }

    /// The same as far as its files can be read, with what is wrong with them: to be looked at, and never started.
    ///
    /// # Errors
    /// When nothing can be known of it.
    pub fn environment_as_far(
        &self,
        name: &EnvironmentName,
    ) -> Result<(Environment, Option<ProjectError>), ProjectError> {
        let mut faults = Vec::new();
        let environment = read(self, name, &mut faults)?;
        Ok((environment, none_of(self, faults).err()))
    }

    /// The environments that have files, in name order.
    pub fn environments(&self) -> Vec<EnvironmentName> {
        list(self)
    }

    /// Reads the environment of a scenario, `scenario_<name>`.
    pub fn scenario_environment(&self, name: &ScenarioName) -> Result<Environment, ProjectError> {
        whole(self, |faults| read_scenario(self, name, faults))
    }

    /// The stack that `docker compose config` shows in this project, without an environment chosen: under the project's
    /// own name, from the base files with `compose.override.yaml` and `.env`. In the seed layout that is the stack of
    /// the files named with `-f`.
    pub fn plain_stack(&self) -> Result<Stack, ProjectError> {
        plain_stack(self)
    }
}

/// Which environment to read: its name, and the name that its files carry.
struct Wanted<'w> {
    name: &'w EnvironmentName,
    files: &'w str,
    scenario: Option<&'w ScenarioName>,
}

fn read(project: &Project, name: &EnvironmentName, faults: &mut Faults) -> Result<Environment, ProjectError> {
    let scenario = ScenarioName::of_environment(name.as_str());
    if let Some(scenario) = scenario.filter(|_| !has_files(project, name.as_str())) {
        return read_scenario(project, &scenario, faults);
    }
    read_wanted(project, &Wanted { name, files: name.as_str(), scenario: None }, faults)
}

fn read_scenario(
    project: &Project,
    scenario: &ScenarioName,
    faults: &mut Faults,
) -> Result<Environment, ProjectError> {
    let name = scenario.environment_name();
    read_wanted(project, &Wanted { name: &name, files: SCENARIO, scenario: Some(scenario) }, faults)
}

fn read_wanted(
    project: &Project,
    wanted: &Wanted<'_>,
    faults: &mut Faults,
) -> Result<Environment, ProjectError> {
    match project.layout {
        Layout::Seed => read_seed(project, wanted, faults),
        Layout::Compose => read_compose(project, wanted, faults),
    }
}

fn read_seed(
    project: &Project,
    wanted: &Wanted<'_>,
    faults: &mut Faults,
) -> Result<Environment, ProjectError> {
    let (config, compose_file) = seed_files(&project.root, wanted.files);
    let files = if project.compose.explicit { project.compose.base.clone() } else { vec![compose_file] };
    let missing: Vec<&PathBuf> =
        std::iter::once(&config).chain(&files).filter(|path| !path.exists()).collect();
    if let Some(path) = missing.first() {
        let known: Vec<String> = seed_environments(&project.root).into_iter().collect();
        let hint = format!("these environments have both their files: {}", known.join(", "));
        if missing.len() > files.len() {
            let near = nearest(wanted.files, known.iter().map(String::as_str));
            let hint = near.map_or(hint.clone(), |near| format!("did you mean {near}? {hint}"));
            let problem = Problem::EnvironmentUnknown { name: wanted.files.to_owned(), known };
            return Err(ProjectError::new(problem).with_hint(hint));
        }
        let problem = compose::Problem::FileMissing { path: (*path).clone() };
        return Err(ProjectError::new(problem).with_hint(hint));
    }
    let mut variables = from_config(&config, &project.lookup)?;
    add_own(&mut variables, wanted);
    // Compose reads an env file next to its own file, for interpolation alone.
    let working_dir = files.first().and_then(|file| file.parent()).unwrap_or(&project.root).to_owned();
    let env = env_files(&working_dir, &project.lookup, None)?;
    let mut missed = Missed::default();
    let (below, _) = env_values(&env, &project.lookup, &mut missed)?;
    // Here a stack is called by its environment alone, as it always was; only a project name that was asked for is added.
    let environment = normalised(wanted.name.as_str());
    let name = match &project.lookup.project_name {
        Some(project) => format!("{project}_{environment}"),
        None => environment,
    };
    let seen = for_interpolation(pwd(project), &project.lookup, &variables, below);
    let read = [vec![config], env].concat();
    let loading = Loading { name, files, working_dir, seen, read, missed, throwaway: false };
    let environment = loading.run(project, wanted, variables, faults)?;
    Ok(Environment { for_all: true, ..environment })
}

fn seed_files(root: &Path, name: &str) -> (PathBuf, PathBuf) {
    (root.join("config").join(format!("{name}.json")), root.join("docker").join(format!("{name}.yml")))
}

fn read_compose(
    project: &Project,
    wanted: &Wanted<'_>,
    faults: &mut Faults,
) -> Result<Environment, ProjectError> {
    let compose = &project.compose;
    let overlay = overlay_file(project, wanted.files);
    let env_overlay = project.root.join(format!(".env.{}", wanted.files));
    let needs_none =
        compose.explicit || wanted.scenario.is_some() || [DEVELOPMENT, TESTING].contains(&wanted.files);
    if !needs_none && overlay.is_none() && !env_overlay.exists() {
        let known: Vec<String> = list(project).iter().map(ToString::to_string).collect();
        let instead = instead(wanted.files, known.iter().map(String::as_str));
        let hint = format!("{instead}; compose.{}.yaml would make it", wanted.files);
        let problem = Problem::EnvironmentUnknown { name: wanted.files.to_owned(), known };
        return Err(ProjectError::new(problem).with_hint(hint));
    }
    let env = env_files(&project.root, &project.lookup, Some(wanted.files))?;
    let mut missed = Missed::default();
    let (_, from_files) = env_values(&env, &project.lookup, &mut missed)?;
    let mut variables = from_env_files(from_files, &project.lookup);
    add_own(&mut variables, wanted);
    // Without files of their own, scenarios and tests take the stack of development, but keep nothing and claim no ports.
    let throwaway = overlay.is_none() && (wanted.scenario.is_some() || wanted.files == TESTING);
    let Chosen { files, note } = choose_files(project, wanted.files == DEVELOPMENT || throwaway, overlay);
    let name = format!("{}_{}", project.name, wanted.name.as_str().to_ascii_lowercase());
    let seen = for_interpolation(pwd(project), &project.lookup, &variables, compose::Variables::new());
    let working_dir = working_dir(project);
    let loading = Loading { name, files, working_dir, seen, read: env, missed, throwaway };
    let environment = loading.run(project, wanted, variables, faults)?;
    let notes = note.into_iter().chain(environment.notes).collect();
    Ok(Environment { notes, ..environment })
}

/// The Compose files of an environment.
struct Chosen {
    files: Vec<PathBuf>,
    /// What a file that is whole leaves out of the base.
    note: Option<String>,
}

/// The base files and what lies over them: `compose.override.yaml` where Compose itself would take it, and the
/// environment's own file, unless that is whole.
fn choose_files(project: &Project, with_override: bool, overlay: Option<PathBuf>) -> Chosen {
    let compose = &project.compose;
    if let Some((file, own)) = overlay.as_ref().and_then(|file| Some((file, services_if_whole(file)?))) {
        let base = compose.base.iter().filter_map(|file| services_if_whole(file)).flatten();
        let missing: BTreeSet<String> = base.filter(|name| !own.contains(name)).collect();
        let note = (!missing.is_empty()).then(|| {
            let missing = missing.into_iter().collect::<Vec<_>>().join(", ");
            format!(
                "{} says of all its services what they are made of, so it is taken alone, without {missing} of the base file; \
                 name both with -f to lay one over the other",
                file.display()
            )
        });
        return Chosen { files: vec![file.clone()], note };
    }
    let over = compose.override_file.iter().filter(|_| with_override).cloned();
    Chosen { files: compose.base.iter().cloned().chain(over).chain(overlay).collect(), note: None }
}

/// `compose.<name>.yaml`, in each of Compose's spellings.
fn overlay_file(project: &Project, name: &str) -> Option<PathBuf> {
    if project.compose.explicit {
        return None;
    }
    let spellings =
        [("compose", "yaml"), ("compose", "yml"), ("docker-compose", "yml"), ("docker-compose", "yaml")];
    spellings
        .iter()
        .map(|(stem, extension)| project.root.join(format!("{stem}.{name}.{extension}")))
        .find(|path| path.exists())
}

/// `PWD` is the project's directory wherever the caller stands in it, except beside files that the caller names: they need
/// not belong to any project.
fn pwd(project: &Project) -> &Path {
    if project.compose.explicit && project.layout == Layout::Compose {
        &project.lookup.start_dir
    } else {
        &project.root
    }
}

/// Adds what the environment's own commands and Compose files may ask for: which one it is.
fn add_own(variables: &mut Variables, wanted: &Wanted<'_>) {
    variables.set("APPLICATION_CONFIG", wanted.name.as_str(), Origin::Backlot);
    if let Some(scenario) = wanted.scenario {
        variables.set("APPLICATION_SCENARIO_NAME", scenario.as_str(), Origin::Backlot);
    }
}

/// A stack about to be loaded.
struct Loading {
    name: String,
    files: Vec<PathBuf>,
    working_dir: PathBuf,
    /// What interpolation sees.
    seen: compose::Variables,
    /// The files already read.
    read: Vec<PathBuf>,
    /// The names that the files read already refer to and nobody sets.
    missed: Missed,
    throwaway: bool,
}

impl Loading {
    /// The profiles that are on: those of the command line, else those of `COMPOSE_PROFILES`.
    fn profiles(&self, project: &Project) -> Vec<String> {
        if !project.lookup.profiles.is_empty() {
            return project.lookup.profiles.clone();
        }
        let names = self.seen.get("COMPOSE_PROFILES").map(String::as_str).unwrap_or_default();
        names.split(',').map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect()
    }

    fn run(
        mut self,
        project: &Project,
        wanted: &Wanted<'_>,
        variables: Variables,
        faults: &mut Faults,
    ) -> Result<Environment, ProjectError> {
        let mut compose = ComposeCall {
            files: self.files.clone(),
            working_dir: self.working_dir.clone(),
            caller_dir: pwd(project).to_owned(),
            profiles: Vec::new(),
            env_files: project
                .lookup
                .env_files
                .iter()
                .map(|file| project.lookup.start_dir.join(file))
                .collect(),
        };
        let explain = |error| explain(error, project, &env_dir(project));
        let (stack, loaded) = self.stack(project).map_err(explain)?;
        let Loaded { files: read, warnings, missed, profiles, faults: found, .. } = loaded;
        faults.extend(found);
        compose.profiles = profiles;
        self.missed.extend(missed);
        let withheld = told(&self.missed, &project.lookup.withheld);
        for file in read {
            if !self.read.contains(&file) {
                self.read.push(file);
            }
        }
        let stack = if self.throwaway { stack.into_throwaway() } else { stack };
        let (name, files) = (wanted.name.clone(), self.read);
        // Where nothing is unset, nobody misses it.
        let example = missing_env(project, &env_dir(project)).filter(|_| !warnings.is_empty());
        let notes = example.map(|way_out| format!("there is no .env: {way_out}")).into_iter().collect();
        let (for_all, apart, moved) = (false, false, Moved::default());
        Ok(Environment {
            name,
            variables,
            files,
            compose,
            stack,
            for_all,
            apart,
            moved,
            notes,
            warnings,
            withheld,
        })
    }

    fn stack(&self, project: &Project) -> Result<(Stack, Loaded), ProjectError> {
        let profiles = self.profiles(project);
        let request = Request {
            files: &self.files,
            working_dir: &self.working_dir,
            name: &self.name,
            variables: &self.seen,
            profiles: &profiles,
            named: &project.lookup.named,
        };
        let mut loaded = load_as_far(&request)?;
        let home = self.seen.get("HOME").map(String::as_str);
        let mut stack = extract(&loaded.model, Base { dir: &self.working_dir, home })?;
        stack.on_call = std::mem::take(&mut loaded.on_call);
        stack.off = std::mem::take(&mut loaded.off);
        // What a file that is not there may say, it is taken to say.
        for (_, service) in stack.services.iter_mut().filter(|(name, _)| loaded.without.contains(*name)) {
            service
                .environment
                .entry("POSTGRES_PASSWORD".to_owned())
                .or_insert_with(|| Some("unknown".to_owned()));
        }
        Ok((stack.given_by(&self.seen), loaded))
    }
}

fn plain_stack(project: &Project) -> Result<Stack, ProjectError> {
    let working_dir = working_dir(project);
    let env = env_files(&working_dir, &project.lookup, None)?;
    let mut missed = Missed::default();
    let (below, _) = env_values(&env, &project.lookup, &mut missed)?;
    let seen = for_interpolation(pwd(project), &project.lookup, &Variables::default(), below);
    let files: Vec<PathBuf> =
        project.compose.base.iter().chain(&project.compose.override_file).cloned().collect();
    if files.is_empty() {
        return Err(ProjectError::new(compose::Problem::FileMissing {
            path: project.root.join("compose.yaml"),
        })
        .with_hint("here every environment has a stack of its own; choose one, or name a file with -f"));
    }
    let name = project.name.clone();
    let loading = Loading { name, files, working_dir, seen, read: env, missed, throwaway: false };
    let (stack, loaded) = loading.stack(project)?;
    none_of(project, loaded.faults)?;
    Ok(stack)
}

fn has_files(project: &Project, name: &str) -> bool {
    match project.layout {
        Layout::Seed => {
            let (config, compose_file) = seed_files(&project.root, name);
            config.exists() || compose_file.exists()
        }
        Layout::Compose => {
            overlay_file(project, name).is_some() || project.root.join(format!(".env.{name}")).exists()
        }
    }
}
