//! What a stack says of its services, and what follows when another is adopted.

use std::time::Duration;

use backlot_plan::Condition;
use backlot_plan::supervise::{Command, Event, Release, ServiceSpec, StackSpec};

use crate::choices::{Choice, Random};
use crate::facts::{Evidence, Known, Life, Need};
use crate::model::health;
use crate::stacks;
use crate::world::World;

/// What is known of the services of a stack, and of those that it had before and are `gone`.
pub(crate) fn know(stack: &StackSpec, specs: &[ServiceSpec], gone: &[String]) -> Vec<Known> {
    let needs = |spec: &ServiceSpec| -> Vec<Need> {
        let is_seen = |name: &String| gone.contains(&spec.name) || !gone.contains(name);
        let dependencies = spec.depends_on.iter().filter(|(name, _)| is_seen(name));
        dependencies
            .filter_map(|(name, dependency)| {
                Some(Need {
                    on: specs.iter().position(|spec| spec.name == *name)?,
                    condition: dependency.condition,
                    required: dependency.required,
                    restart: dependency.restart,
                })
            })
            .collect()
    };
    // Closed by going round as often as there are services: slow, short, and plainly right.
    let reach = |from: usize, restart: bool| -> Vec<usize> {
        let mut found = vec![from];
        for _ in specs {
            for (service, spec) in specs.iter().enumerate() {
                let depends =
                    needs(spec).iter().any(|need| found.contains(&need.on) && (need.restart || !restart));
                if depends && !found.contains(&service) {
                    found.push(service);
                }
            }
        }
        found.split_off(1)
    };
    let is_job = |service: usize| {
        let mut all = specs.iter().filter(|spec| !gone.contains(&spec.name)).flat_map(&needs);
        all.any(|need| need.on == service && need.condition == Condition::CompletedSuccessfully)
    };
    let known = |(service, spec): (usize, &ServiceSpec)| Known {
        // One that is gone has its own from before.
        id: stack.find(&spec.name).or_else(|| stack.services().next()).unwrap(),
        spec: spec.clone(),
        asks: [(spec.release, spec.clone())].into(),
        retired: gone.contains(&spec.name),
        needs: needs(spec),
        above: reach(service, false),
        restarts: reach(service, true),
        job: is_job(service),
        up: false,
        wanted: spec.replicas,
        peak: spec.replicas,
        aborted: false,
        proven: spec.release,
        newest: spec.release,
        old_until: None,
    };
    specs.iter().enumerate().map(known).collect()
}

impl World {
    /// The stack becomes another one.
    pub(crate) fn adopt(&mut self, choice: &mut Choice) -> Result<(), String> {
        let current = |known: &Known| ServiceSpec { release: known.newest, ..known.spec.clone() };
        let live: Vec<ServiceSpec> = self.known.iter().filter(|known| !known.retired).map(current).collect();
        let mut specs = stacks::changed(&live, &mut Random(choice.0));
        for spec in specs.iter_mut().filter(|spec| spec.release == Release(0)) {
            spec.release = self.next_release();
        }
        if specs.is_empty() {
            return Ok(());
        }
        let stack = self.machine.stack().continued(specs.clone()).map_err(|error| error.to_string())?;
        self.learn(&stack, &specs);
        self.apply(&Event::Command(Command::Adopt { stack: Box::new(stack) }))
    }

    fn learn(&mut self, stack: &StackSpec, specs: &[ServiceSpec]) {
        let find = |name: &str| specs.iter().find(|spec| spec.name == name).cloned();
        let mut all: Vec<ServiceSpec> = Vec::new();
        let mut gone = Vec::new();
        for known in &self.known {
            all.push(find(&known.spec.name).unwrap_or_else(|| {
                gone.push(known.spec.name.clone());
                known.spec.clone()
            }));
        }
        let is_new = |spec: &&ServiceSpec| !self.known.iter().any(|known| known.spec.name == spec.name);
        all.extend(specs.iter().filter(is_new).cloned());
        if self.rolling.contains(&true) {
            self.reached.adopted_in_a_rollout();
        }
        let mut rolled = Vec::new();
        let mut fresh = know(stack, &all, &gone);
        for (service, known) in fresh.iter_mut().enumerate().take(self.known.len()) {
            let spec = known.spec.clone();
            let runs = self.seen.iter().any(|seen| seen.service == service);
            let old = &mut self.known[service];
            match (runs, old.retired, known.retired) {
                (true, false, true) => self.reached.gone_while_it_runs(),
                (true, true, false) => self.reached.back_while_it_runs(),
                _ => {}
            }
            known.id = old.id;
            known.asks = std::mem::take(&mut old.asks);
            (known.up, known.aborted) = (old.up && !known.retired, old.aborted);
            (known.proven, known.newest, known.old_until) = (old.proven, old.newest, old.old_until);
            (known.wanted, known.peak) = (old.wanted, old.peak);
            if known.retired {
                known.aborted = false;
                continue;
            }
            known.wanted = spec.replicas;
            known.peak = known.peak.max(spec.replicas);
            if spec.release == old.newest && !old.retired {
                let gateway = known.asks[&spec.release].gateway;
                known.asks.insert(spec.release, ServiceSpec { gateway, ..spec });
            } else {
                known.newest = spec.release;
                known.asks.insert(spec.release, spec);
                if known.up {
                    rolled.push(service);
                }
            }
        }
        self.known = fresh;
        let shown = stack.services().map(|id| self.index(id)).collect::<Vec<_>>();
        let hidden = (0..self.known.len()).filter(|service| !shown.contains(service));
        self.order = shown.iter().copied().chain(hidden).collect();
        self.rolling.resize(self.known.len(), false);
        self.note_rollouts(rolled);
        self.judge_anew();
    }

    fn note_rollouts(&mut self, rolled: Vec<usize>) {
        let mut all = rolled.clone();
        for service in rolled {
            all.extend(self.known[service].restarts.iter().filter(|follower| self.known[**follower].up));
        }
        let runs = self.processes.len() as u64;
        for service in all {
            self.known[service].aborted = false;
            self.known[service].old_until = Some(runs);
        }
    }

    /// Those that stay are judged by what is asked of them now.
    fn judge_anew(&mut self) {
        let now: Duration = self.now;
        for at in 0..self.processes.len() {
            let process = &self.processes[at];
            let known = &self.known[process.service];
            let readiness = known.asks[&process.release].readiness;
            let leaves = self.seen.iter().any(|seen| seen.id == process.id && seen.leaves());
            if process.life == Life::Dead || leaves || known.retired || readiness == process.readiness {
                continue;
            }
            let kind = health(process);
            if kind == crate::facts::Kind::Healthy {
                self.reached.judged_anew();
            }
            let process = &mut self.processes[at];
            process.readiness = readiness;
            if process.life == Life::Alive {
                process.evidence.push((now, Evidence::JudgedAnew(kind)));
                process.open_check = None;
                process.timer = None;
            }
        }
    }
}
