//! A stack that was checked: names resolved, no circle in what depends on what.

use super::ids::ServiceId;
use super::spec::{Replacement, ServiceSpec};
use crate::words::Condition;

/// Why services make no stack.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StackError {
    /// Two services have one name.
    #[error("there are two services named {name}")]
    Duplicate {
        /// The name.
        name: String,
    },
    /// A service needs one that is not there.
    #[error("{service} depends on {dependency}, which is not there")]
    Missing {
        /// Who needs it.
        service: String,
        /// What it needs.
        dependency: String,
    },
    /// Services wait for each other.
    #[error("services depend on each other in a circle: {}", .services.join(" → "))]
    Circle {
        /// The circle; each depends on the next, the last on the first.
        services: Vec<String>,
    },
}

/// The services of a stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StackSpec {
    nodes: Vec<Node>,
    order: Vec<ServiceId>,
}

/// A service in its stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Node {
    pub(super) spec: ServiceSpec,
    /// What it waits for.
    pub(super) needs: Vec<Need>,
    /// All that depend on it, over any number of steps.
    pub(super) above: Vec<ServiceId>,
    /// All that its restart restarts, over any number of steps.
    pub(super) restarts: Vec<ServiceId>,
    /// Another waits for its end.
    pub(super) job: bool,
    /// It is not part of the stack any more; its place is kept, and nobody else gets it.
    pub(super) retired: bool,
}

/// One `depends_on` of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Need {
    pub(super) on: ServiceId,
    pub(super) condition: Condition,
    pub(super) required: bool,
    restart: bool,
}

impl Node {
    pub(super) fn starts_first(&self) -> bool {
        match self.spec.replacement {
            Replacement::StartFirst => !self.job,
            Replacement::StopFirst => false,
        }
    }
}

impl StackSpec {
    /// Checks that the services make a stack. A dependency that is neither there nor required is forgotten.
    pub fn new(services: Vec<ServiceSpec>) -> Result<Self, StackError> {
        Self::of(services, &[])
    }

    /// The stack of these services, as what becomes of this one: a service that is in both keeps its [`ServiceId`].
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn continued(&self, services: Vec<ServiceSpec>) -> Result<Self, StackError> {
        Self::new(services.clone())?;
        let mut left = services;
        let mut specs = Vec::new();
        let mut retired = Vec::new();
        for node in &self.nodes {
            if let Some(at) = left.iter().position(|spec| spec.name == node.spec.name) {
                specs.push(left.remove(at));
            } else {
                retired.push(specs.len());
                specs.push(node.spec.clone());
            }
        }
        specs.extend(left);
        Self::of(specs, &retired)
    }

    /// Whether this is a stack that `other` was continued with.
    pub(super) fn continues(&self, other: &Self) -> bool {
        let names = |stack: &Self| stack.nodes.iter().map(|node| node.spec.name.clone()).collect::<Vec<_>>();
        names(self).starts_with(&names(other))
    }

    fn of(services: Vec<ServiceSpec>, retired: &[usize]) -> Result<Self, StackError> {
        let needs = services
            .iter()
            .enumerate()
            // Those that are there depend on none that are not.
            .map(|(at, service)| {
                resolve(service, &services, if retired.contains(&at) { &[] } else { retired })
            })
            .collect::<Result<Vec<_>, _>>()?;
        for (at, service) in services.iter().enumerate() {
            if services[..at].iter().any(|earlier| earlier.name == service.name) {
                return Err(StackError::Duplicate { name: service.name.clone() });
            }
        }
        let order = sort(&services, &needs)?;
        let all = || (0..needs.len()).filter(|at| !retired.contains(at)).flat_map(|at| &needs[at]);
        let jobs: Vec<bool> = (0..services.len())
            .map(|at| all().any(|need| need.on.0 == at && need.condition == Condition::CompletedSuccessfully))
            .collect();
        let above: Vec<_> = (0..services.len()).map(|at| reach(at, &needs, |_| true)).collect();
        let restarts: Vec<_> = (0..services.len()).map(|at| reach(at, &needs, |need| need.restart)).collect();
        let nodes = services.into_iter().zip(needs).zip(above).zip(restarts).zip(jobs).enumerate().map(
            |(at, ((((spec, needs), above), restarts), job))| {
                let retired = retired.contains(&at);
                Node { spec, needs, above, restarts, job, retired }
            },
        );
        Ok(Self { nodes: nodes.collect(), order })
    }

    /// The service with this name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<ServiceId> {
        self.nodes.iter().position(|node| node.spec.name == name && !node.retired).map(ServiceId)
    }

    /// All services, each after those that it depends on.
    pub fn services(&self) -> impl Iterator<Item = ServiceId> + '_ {
        self.order.iter().copied().filter(|service| !self.node(*service).retired)
    }

    /// The same, with those that are not part of the stack any more.
    pub(super) fn places(&self) -> impl Iterator<Item = ServiceId> + '_ {
        self.order.iter().copied()
    }

    /// What a service asked for. The service must be one of this stack.
    #[must_use]
    pub fn service(&self, service: ServiceId) -> &ServiceSpec {
        &self.node(service).spec
    }

    pub(super) fn node(&self, service: ServiceId) -> &Node {
        &self.nodes[service.0]
    }

    pub(super) fn nth(&self, at: usize) -> ServiceId {
        self.order[at]
    }

    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }
}

fn resolve(service: &ServiceSpec, services: &[ServiceSpec], but: &[usize]) -> Result<Vec<Need>, StackError> {
    let mut needs = Vec::new();
    for (name, dependency) in &service.depends_on {
        match services.iter().position(|other| other.name == *name).filter(|on| !but.contains(on)) {
            Some(on) => needs.push(Need {
                on: ServiceId(on),
                condition: dependency.condition,
                required: dependency.required,
                restart: dependency.restart,
            }),
            None if dependency.required => {
                return Err(StackError::Missing { service: service.name.clone(), dependency: name.clone() });
            }
            None => {}
        }
    }
    Ok(needs)
}

/// Each after all that it needs; those that do not care in the order in which they came.
fn sort(services: &[ServiceSpec], needs: &[Vec<Need>]) -> Result<Vec<ServiceId>, StackError> {
    let mut order: Vec<ServiceId> = Vec::with_capacity(services.len());
    while order.len() < services.len() {
        let placed = |service: ServiceId| order.contains(&service);
        let next = (0..services.len())
            .map(ServiceId)
            .find(|&service| !placed(service) && needs[service.0].iter().all(|need| placed(need.on)));
        match next {
            Some(service) => order.push(service),
            None => return Err(circle(services, needs, &order)),
        }
    }
    Ok(order)
}

/// Follows what keeps each service from its place until one comes twice.
fn circle(services: &[ServiceSpec], needs: &[Vec<Need>], placed: &[ServiceId]) -> StackError {
    let waits =
        |service: ServiceId| needs[service.0].iter().map(|need| need.on).find(|on| !placed.contains(on));
    let mut path: Vec<ServiceId> = Vec::new();
    let mut next = (0..services.len()).map(ServiceId).find(|service| !placed.contains(service));
    while let Some(service) = next {
        if let Some(first) = path.iter().position(|seen| *seen == service) {
            path.drain(..first);
            break;
        }
        path.push(service);
        next = waits(service);
    }
    StackError::Circle { services: path.iter().map(|service| services[service.0].name.clone()).collect() }
}

/// Who depends on a service, over any number of steps of the chosen kind.
fn reach(from: usize, needs: &[Vec<Need>], counts: impl Fn(&Need) -> bool) -> Vec<ServiceId> {
    let mut found = vec![ServiceId(from)];
    let mut seen = 0;
    while seen < found.len() {
        for (at, needs) in needs.iter().enumerate() {
            let depends = needs.iter().any(|need| need.on == found[seen] && counts(need));
            if depends && !found.contains(&ServiceId(at)) {
                found.push(ServiceId(at));
            }
        }
        seen += 1;
    }
    found.remove(0);
    found
}
