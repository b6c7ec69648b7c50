//! `post_start` and `pre_stop`: what runs beside a service's own program.

use std::collections::BTreeMap;
use std::path::Path;

use backlot_facts::container::Container;
use backlot_project::stack::Hook;
use backlot_supervisor::{HookRun, ProcessRun};

use crate::{error::StackError, ports::Ports, translation::Translation};

impl Translation<'_> {
    /// The hooks of a service on this machine: with its variables, and in its directory.
    pub(crate) fn hooks(
        &self,
        hooks: &[Hook],
        container: &Container<'_>,
        process: &ProcessRun,
        ports: &Ports,
    ) -> Result<Vec<HookRun>, StackError> {
        let targets = ports.of(&container.service.name);
        let hook = |hook: &Hook| {
            let mut variables = BTreeMap::new();
            for (name, value) in &hook.environment {
                let value = value.as_ref().or_else(|| self.caller.get(name));
                variables.extend(value.map(|value| (name.clone(), value.clone())));
            }
            let inside = hook.working_dir.as_deref().map(Path::new);
            let outside = inside.and_then(|inside| container.outside(inside)).filter(|dir| dir.is_dir());
            // What is no place of the service's own is one of the machine.
            let here = || inside.filter(|dir| dir.is_dir()).map(Path::to_owned);
            let directory = outside.or_else(here);
            let arguments = hook.command.iter().skip(1);
            Ok(HookRun {
                program: self.program(container, &hook.command, &process.environment())?,
                arguments: arguments.map(|word| self.word_beside(word, process, &targets)).collect(),
                directory: directory.unwrap_or_else(|| process.directory.clone()),
                variables,
            })
        };
        hooks.iter().filter(|hook| !hook.command.is_empty()).map(hook).collect()
    }
}
