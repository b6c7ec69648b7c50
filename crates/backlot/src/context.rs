//! What a verb works with: the options, the caller, and what follows from them.

use std::fmt::Display;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use backlot_engine::{
    Deployment, Engine, EngineKind, Event, Ground, Home, MovedPort, Site, Wishes, apply_known, as_known,
    deployment, engine_at, moved, settle, way_of_copying,
};
use backlot_process::{Owner, Signal, is_ignored};
use backlot_project::{Environment, EnvironmentName, Lookup, Project, ScenarioName};
use backlot_supervisor::News;
use signal_hook::flag;

use crate::caller::Caller;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::global::{EngineChoice, Global};
use crate::render::{self, Progress, Reporter, Showing, Style};

/// The environment when nothing names one.
pub const DEFAULT_ENVIRONMENT: &str = "development";
/// The code of the error that no files are those of an environment.
const UNKNOWN_ENVIRONMENT: &str = "environment-unknown";

/// One run of Backlot.
#[derive(Debug)]
pub struct Context {
    pub global: Global,
    pub caller: Caller,
    pub interrupted: Arc<AtomicBool>,
    /// Set while a question waits for its answer: then Ctrl-C ends the process at once, as nothing is under way.
    pub asking: Arc<AtomicBool>,
}

impl Context {
    /// The context of this run; from here on, Ctrl-C and its like are noted instead of ending the process at once.
    pub fn new(global: Global, mut caller: Caller) -> Result<Self, CommandError> {
        if global.offline {
            caller.variables.insert("BACKLOT_OFFLINE".into(), "1".into());
        }
        let (interrupted, asking) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
            // What `nohup` or a shell has us ignore stays ignored.
            if is_ignored(signal) {
                continue;
            }
            let number = signal as std::ffi::c_int;
            flag::register_conditional_default(number, Arc::clone(&asking))
                .and_then(|_| flag::register(number, Arc::clone(&interrupted)))
                .map_err(|error| CommandError::failed("signal", error))?;
        }
        Ok(Self { global, caller, interrupted, asking })
    }

    /// Whether standard input and output are a terminal, which a program can be given.
    pub fn can_have_terminal(&self) -> bool {
        self.caller.can_ask && self.caller.has_terminal
    }

    pub fn style(&self) -> Style {
        Style::new(self.caller.wants_colour)
    }

    pub fn progress(&self) -> Progress {
        let showing = match (self.global.quiet, self.caller.can_redraw) {
            (true, _) => Showing::Nothing,
            (false, true) => Showing::Redrawn,
            (false, false) => Showing::Lines,
        };
        Progress { style: self.style(), quiet: self.global.quiet, verbose: self.global.verbose > 0, showing }
    }

    /// Shows an engine's events as progress.
    pub fn reporter(&self) -> impl FnMut(Event<'_>) + use<> {
        let mut reporter = Reporter::new(self.progress());
        move |event| reporter.hear(event)
    }

    /// Finds the project.
    pub fn project(&self) -> Result<Project, CommandError> {
        self.project_with(self.global.profiles.clone())
    }

    /// The same with all its profiles switched on.
    pub fn project_of_all_profiles(&self) -> Result<Project, CommandError> {
        self.project_with(vec!["*".to_owned()])
    }

    fn project_with(&self, profiles: Vec<String>) -> Result<Project, CommandError> {
        let here = self.caller.directory.as_ref().map_err(|error| {
            CommandError::failed("no-directory", std::io::Error::new(error.kind(), error.to_string()))
                .hint("the current directory is gone: change into another one")
        })?;
        let project = Project::find(Lookup {
            start_dir: self.global.directory.as_ref().map_or_else(|| here.clone(), |dir| here.join(dir)),
            compose_files: self.global.files.clone(),
            project_name: self.global.project_name.clone(),
            env_files: self.global.env_files.clone(),
            profiles,
            named: Vec::new(),
            process_env: self.caller.variables.clone(),
            withheld: self.caller.withheld.clone(),
        })?;
        Ok(match self.home() {
            Ok(home) => as_known(&home, project),
            Err(_) => project,
        })
    }

    /// The home of all state.
    pub fn home(&self) -> Result<Home, CommandError> {
        let owner = Owner::for_postgres()?;
        Ok(Home::choose(&self.caller.variables, owner).map_err(backlot_engine::EngineError::from)?)
    }

    /// What all environments of `project` share.
    pub fn ground<'a>(&'a self, home: &'a Home, project: &'a Project) -> Ground<'a> {
        Ground { home, project, caller: &self.caller.variables, interrupted: &self.interrupted }
    }

    /// Whether the caller chose an environment.
    pub fn names_environment(&self) -> bool {
        self.chosen_environment().is_some()
    }

    fn chosen_environment(&self) -> Option<&str> {
        let named = self.global.environment();
        let from_caller = self.caller.variables.get("APPLICATION_CONFIG").map(String::as_str);
        named.or(from_caller.filter(|name| !name.is_empty()))
    }

    /// The name of the chosen environment: `-e`, else `APPLICATION_CONFIG`, else development.
    pub fn environment_name(&self) -> Result<EnvironmentName, CommandError> {
        let name = self.chosen_environment().unwrap_or(DEFAULT_ENVIRONMENT);
        Ok(EnvironmentName::parse(name)?)
    }

    /// Reads the chosen environment, or the scenario's of a name such as `scenario_users`.
    pub fn environment(&self, project: &Project) -> Result<Environment, CommandError> {
        self.environment_named(project, &self.environment_name()?)
    }

    /// Reads the chosen environment, to start it; where its files cannot be read, what else keeps it from starting is told, too.
    pub fn environment_to_start(
        &self,
        project: &Project,
        wishes: &Wishes,
    ) -> Result<Environment, CommandError> {
        self.environment(project).map_err(|error| match self.hidden(project, wishes) {
            Some(other) => error.and(other),
            None => error,
        })
    }

    /// What would keep the chosen environment from starting if nothing were wrong with its files, as far as they can be read.
    pub fn hidden(&self, project: &Project, wishes: &Wishes) -> Option<CommandError> {
        let home = self.home().ok()?;
        let mut environment = self.environment_as_far(project)?;
        // What is empty, as nobody sets it, may be why.
        self.tell(environment.warnings.clone());
        settle(&home, project, &mut environment, false).ok()?;
        let ground = self.ground(&home, project);
        let found = deployment(ground, environment, self.wanted_engine(), wishes, &mut |_| {})
            .and_then(|deployment| deployment.plan_up(wishes));
        found.err().map(CommandError::from)
    }

    /// Reads the chosen environment as far as its files can be read: to be looked at alone.
    pub fn environment_as_far(&self, project: &Project) -> Option<Environment> {
        let (mut environment, _) = project.environment_as_far(&self.environment_name().ok()?).ok()?;
        if let Ok(home) = self.home() {
            apply_known(&home, project, &mut environment);
        }
        Some(environment)
    }

    /// Reads the environment `name`.
    pub fn environment_named(
        &self,
        project: &Project,
        name: &EnvironmentName,
    ) -> Result<Environment, CommandError> {
        self.read(project, name).map_err(|error| {
            let scenario =
                name.as_str().strip_prefix("scenario-").filter(|_| error.code == UNKNOWN_ENVIRONMENT);
            match scenario {
                Some(scenario) => error.hint(format!("a scenario's environment is -e scenario_{scenario}")),
                None => error,
            }
        })
    }

    fn read(&self, project: &Project, name: &EnvironmentName) -> Result<Environment, CommandError> {
        let mut environment = match ScenarioName::of_environment(name.as_str()) {
            Some(scenario) => project.scenario_environment(&scenario)?,
            None => project.environment(name)?,
        };
        if let Ok(home) = self.home() {
            apply_known(&home, project, &mut environment);
        }
        Ok(environment)
    }

    /// The published ports of the chosen environment that an `up` has elsewhere than the files say.
    pub fn moved(&self, home: &Home, project: &Project) -> Result<Vec<MovedPort>, CommandError> {
        let mut environment = self.read(project, &self.environment_name()?)?;
        if self.global.dry_run {
            settle(home, project, &mut environment, false)?;
        }
        Ok(moved(home, project, &environment))
    }

    /// Tells which published ports are others than the files say.
    pub fn tell_ports(&self, moved: &[MovedPort]) {
        for port in moved {
            self.progress().say(&format!("  {} {port}", self.style().faint("·")));
        }
    }

    /// Warns where the files refer to variables of the caller that are not used, and of what their choice leaves out.
    pub fn tell_withheld(&self, environment: &Environment) {
        for text in environment.withheld.iter().chain(&environment.notes) {
            self.progress().show(Event::Warning(text.clone()));
        }
    }

    /// The same, and of variables that are not set, as Compose does.
    pub fn tell_of(&self, environment: &Environment) {
        self.tell(environment.warnings.clone());
        self.tell_withheld(environment);
    }

    /// What of an environment's files is not done, a line each; nothing where that is not known, as a verb will say why.
    pub fn not_done(&self, project: &Project, environment: &Environment) -> Vec<String> {
        let Ok(home) = self.home() else { return Vec::new() };
        let ground = self.ground(&home, project);
        backlot_engine::not_done(ground, environment.clone(), self.wanted_engine()).unwrap_or_default()
    }

    /// Shows an error while other things go on.
    pub fn complain(&self, error: &CommandError) {
        let options = self.global.project_options();
        render::show_failure(error, &options, self.global.json, self.style(), self.caller.wants_colour);
    }

    /// Warns of each of these.
    pub fn tell(&self, lines: Vec<String>) {
        for line in lines {
            self.progress().show(Event::Warning(line));
        }
    }

    /// Tells with -v how data is copied here.
    pub fn tell_way(&self, home: &Home) {
        if self.global.verbose > 0
            && let Some(way) = way_of_copying(home.root())
        {
            self.progress().say(&format!("{}: {way}", home.root().display()));
        }
    }

    /// The engine that `--engine` asks for; none leaves it to what is there and to what can be.
    fn wanted_engine(&self) -> Option<EngineKind> {
        match self.global.engine {
            EngineChoice::Native => Some(EngineKind::Native),
            EngineChoice::Docker => Some(EngineKind::Docker),
            EngineChoice::Auto => None,
        }
    }

    /// The engine that runs the environment at `site`.
    pub fn engine(&self, site: &Site) -> Result<Box<dyn Engine>, CommandError> {
        let project = || self.project().ok();
        Ok(engine_at(site, self.wanted_engine(), &self.caller.variables, &project)?)
    }

    /// The engine that runs the environment at `site`; what it ends may take no longer than so many seconds, if that is said.
    pub fn engine_within(&self, site: &Site, seconds: Option<u64>) -> Result<Box<dyn Engine>, CommandError> {
        let engine = self.engine(site)?;
        Ok(match seconds {
            Some(seconds) => engine.within(Duration::from_secs(seconds)),
            None => engine,
        })
    }

    /// An environment on the engine that is to run it.
    pub fn deployment<'a>(
        &self,
        ground: Ground<'a>,
        mut environment: Environment,
        wishes: &Wishes,
    ) -> Result<Box<dyn Deployment<'a> + 'a>, CommandError> {
        if !environment.apart {
            apply_known(ground.home, ground.project, &mut environment);
        }
        settle(ground.home, ground.project, &mut environment, !self.global.dry_run)?;
        self.deployment_as_is(ground, environment, wishes)
    }

    /// The same, to be looked at only.
    pub fn deployment_as_is<'a>(
        &self,
        ground: Ground<'a>,
        environment: Environment,
        wishes: &Wishes,
    ) -> Result<Box<dyn Deployment<'a> + 'a>, CommandError> {
        self.tell_of(&environment);
        let mut told = |line: &dyn Display| {
            self.progress().say(&format!("  {} {line}", self.style().faint("·")));
        };
        Ok(deployment(ground, environment, self.wanted_engine(), wishes, &mut told)?)
    }

    /// Shows what happens to services as progress.
    pub fn newsreader(&self) -> impl FnMut(News) + use<> {
        let progress = self.progress();
        move |news| progress.news(&news)
    }

    /// The project, and the place of the chosen environment on disk.
    pub fn project_and_site(&self) -> Result<(Project, Site), CommandError> {
        let (project, home) = (self.project()?, self.home()?);
        let site = self.site(&home, &project)?;
        Ok((project, site))
    }

    /// The place of the chosen environment on disk.
    ///
    /// # Errors
    /// Where there is none, and the project's files know none of that name either.
    pub fn site(&self, home: &Home, project: &Project) -> Result<Site, CommandError> {
        let name = self.environment_name()?;
        let site = Site::new(home, project, name.as_str());
        if self.names_environment() && !site.dir().exists() {
            match self.environment_named(project, &name) {
                Err(error) if error.code == UNKNOWN_ENVIRONMENT => return Err(error),
                // What else is wrong with the files is nothing to whoever only looks.
                Ok(_) | Err(_) => {}
            }
        }
        Ok(site)
    }

    /// Prints the steps that would be carried out, for `--dry-run`.
    #[expect(clippy::unnecessary_wraps, reason = "it is the last line of verbs that can fail")]
    pub fn show_steps(&self, steps: &[String]) -> Result<Exit, CommandError> {
        render::steps(steps, self.global.json);
        Ok(Exit::Done)
    }

    /// A command line of ours that means the same project from where the user stands, to be copied.
    pub fn line(&self, arguments: &str) -> String {
        format!("backlot {}{arguments}", self.global.project_options())
    }
}
