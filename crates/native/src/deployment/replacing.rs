//! What an `up` does to services beyond what has changed: those that are as they were are replaced, and those ended that the files
//! do not have, where that is asked for.

use std::collections::{BTreeMap, BTreeSet};

use backlot_plan::ServiceStep;
use backlot_state::{EngineError, Wishes};
use backlot_supervisor::{Answer, News, Request, Runbook};

use crate::deployment::NativeStack;
use crate::supervise::{ask, hasten};

impl NativeStack<'_> {
    /// The services that are to be replaced although they are as they were. Databases are not among them: their servers are
    /// started anew before.
    pub(super) fn same_again(
        &self,
        runbook: &Runbook,
        named: &[String],
        wishes: &Wishes,
    ) -> Result<Vec<String>, EngineError> {
        if !wishes.recreate {
            return Ok(Vec::new());
        }
        let request = Request::Plan { runbook: Box::new(runbook.clone()), services: named.to_vec() };
        let changes = match ask(&self.site, &request, self.ground.interrupted, &mut |_| {}) {
            Ok(Answer::Plan(changes)) => changes,
            // Then all are started anew.
            Ok(_) | Err(EngineError::Supervisor(_) | EngineError::NoServices { .. }) => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let touched: BTreeSet<&String> = changes
            .iter()
            .flat_map(|change| match change {
                ServiceStep::Start(services) => services.iter().collect(),
                ServiceStep::Replace(service) | ServiceStep::Stop(service) => vec![service],
                ServiceStep::Scale(..) | ServiceStep::Adjust(_) => Vec::new(),
            })
            .collect();
        let databases: BTreeSet<&String> =
            self.databases().map(|database| &database.database().service).collect();
        let running = self.current()?.into_iter().filter(|service| !service.replicas.is_empty());
        let mut again: Vec<String> = running.map(|service| service.name).collect();
        again.retain(|name| {
            let is_meant = wishes.services.is_empty() || wishes.services.contains(name);
            is_meant && !databases.contains(name) && !touched.contains(name)
        });
        Ok(again)
    }

    /// Replaces these, one replica after another, and ends those that the files do not have, where that is asked for.
    pub(super) fn replace_and_end(
        &self,
        again: &[String],
        wishes: &Wishes,
        news: &mut dyn FnMut(News),
    ) -> Result<(), EngineError> {
        if !again.is_empty() {
            hasten(&self.site, again, wishes.grace)?;
            let request = Request::Restart { services: again.to_vec(), rolling: true };
            ask(&self.site, &request, self.ground.interrupted, news)?;
        }
        if wishes.orphans { self.end_gone(wishes, news) } else { Ok(()) }
    }

    /// Ends the services that run and that the files do not have.
    pub(super) fn end_gone(&self, wishes: &Wishes, news: &mut dyn FnMut(News)) -> Result<(), EngineError> {
        let replicas: BTreeMap<String, u32> = self.gone(wishes)?.into_iter().map(|name| (name, 0)).collect();
        if replicas.is_empty() {
            return Ok(());
        }
        hasten(&self.site, &replicas.keys().cloned().collect::<Vec<_>>(), wishes.grace)?;
        ask(&self.site, &Request::Scale { replicas, wait: true }, self.ground.interrupted, news).map(drop)
    }

    /// Those that run and that the files do not have. An `up` of all services ends them anyway.
    pub(super) fn gone(&self, wishes: &Wishes) -> Result<Vec<String>, EngineError> {
        if wishes.services.is_empty() {
            return Ok(Vec::new());
        }
        let stack = &self.environment.stack;
        let mut running = self.current()?;
        running.retain(|service| {
            let is_known = stack.services.contains_key(&service.name) || stack.off.contains(&service.name);
            !is_known && !service.replicas.is_empty()
        });
        Ok(running.into_iter().map(|service| service.name).collect())
    }
}
