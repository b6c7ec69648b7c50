//! `--without`: services that others depend on and that are left out.

use backlot_engine::NoService;
use backlot_project::Environment;

use crate::context::Context;
use crate::error::CommandError;
use crate::global::EngineChoice;

/// What is left out.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct LeavingOut {
    /// Leave a service out that others depend on: they run without it (repeatable)
    #[arg(long, value_name = "SERVICE")]
    without: Vec<String>,
}

impl LeavingOut {
    /// Whether something is.
    pub fn is_something(&self) -> bool {
        !self.without.is_empty()
    }

    /// The environment without it.
    ///
    /// # Errors
    /// For a service that is not there, and on Docker, where Compose starts what others depend on.
    pub fn of(&self, mut environment: Environment, context: &Context) -> Result<Environment, CommandError> {
        if self.without.is_empty() {
            return Ok(environment);
        }
        NoService::check(&environment.stack, &self.without)
            .map_err(|error| CommandError::usage("no-service", error))?;
        if context.global.engine == EngineChoice::Docker {
            let error =
                "--without is for what runs beside processes: Compose starts what a service depends on";
            return Err(CommandError::usage("impossible", error));
        }
        environment.stack = environment.stack.without(&self.without);
        Ok(environment)
    }
}
