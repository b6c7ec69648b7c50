//! The steps on an engine that runs services as containers: Compose does the finer planning, so they are few.

use std::collections::BTreeSet;
use std::fmt;

use crate::observed::Filling;
use crate::step::Told;

/// One step of a plan for containers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ContainerStep {
    /// Take something away.
    Remove(ContainerRemoval),
    /// Start the containers of these services, and those that they depend on; a database answers then.
    Start {
        /// The services.
        services: Vec<String>,
    },
    /// Create a database on a server that runs, unless it is there.
    CreateDatabase {
        /// Its name.
        database: String,
    },
    /// Bring the schema of a database to what the code expects.
    Migrate {
        /// What does that, as people know it.
        what: String,
    },
    /// Run what fills the database.
    Fill {
        /// What it is, as people know it.
        source: String,
    },
}

/// A step that takes something of containers away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContainerRemoval {
    /// Remove the environment's containers and networks; volumes stay.
    Containers,
    /// Remove the environment's volumes: its durable data.
    Volumes,
    /// Remove the environment's files.
    Files,
}

impl fmt::Display for ContainerStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Remove(removal) => removal.fmt(f),
            Self::Start { services } => write!(f, "start the containers of {}", services.join(", ")),
            Self::CreateDatabase { database } => write!(f, "create the database {database}"),
            Self::Migrate { what } => write!(f, "migrate: {what}"),
            Self::Fill { source } => write!(f, "run {source}"),
        }
    }
}

impl Told for ContainerStep {
    fn heading(&self) -> &'static str {
        match self {
            Self::Remove(removal) => removal.heading(),
            Self::Start { .. } => "started",
            Self::CreateDatabase { .. } => "database",
            Self::Migrate { .. } => "migrated",
            Self::Fill { .. } => "scenario",
        }
    }
}

impl fmt::Display for ContainerRemoval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Containers => "remove the containers",
            Self::Volumes => "remove the environment's volumes",
            Self::Files => "remove the environment's files",
        })
    }
}

impl Told for ContainerRemoval {
    fn heading(&self) -> &'static str {
        "removed"
    }
}

/// A stack of containers as it should be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DesiredContainers {
    /// The service that is the database, if it is to run.
    pub database: Option<String>,
    /// A database to create in it, for an environment that is thrown away.
    pub create: Option<String>,
    /// What migrates it, as it is shown to people.
    pub migrate: Option<String>,
    /// What fills it once, as it is shown to people.
    pub fill: Option<String>,
    /// The other services that are to run.
    pub others: BTreeSet<String>,
    /// Whether Compose is to look at services that run already: their files may say something else now.
    pub look_again: bool,
}

/// What of it is there.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is about another thing, and all combinations are there"
)]
pub struct ObservedContainers {
    /// Files of the environment exist.
    pub files: bool,
    /// Containers or networks of it exist.
    pub containers: bool,
    /// Volumes of it exist.
    pub volumes: bool,
    /// The services all of whose containers run.
    pub running: BTreeSet<String>,
    /// How far the filling came.
    pub filling: Filling,
    /// Whether an `up` got to its end: that its database was created is known.
    pub prepared: bool,
}

impl ObservedContainers {
    /// Nothing at all.
    pub const ABSENT: Self = Self {
        files: false,
        containers: false,
        volumes: false,
        running: BTreeSet::new(),
        filling: Filling::NotYet,
        prepared: false,
    };
}

/// The steps that bring the containers up. What runs is left alone unless `fresh` asks for new ones, or a scenario that
/// was not filled to its end has to be made anew.
#[must_use]
pub fn containers_up(
    desired: &DesiredContainers,
    observed: &ObservedContainers,
    fresh: bool,
) -> Vec<ContainerStep> {
    let half_made = match observed.filling {
        Filling::Begun | Filling::Failed => true,
        Filling::NotYet | Filling::Done => false,
    };
    let renew = fresh || half_made;
    let removals = if renew { containers_down(observed, false) } else { Vec::new() };
    let mut steps: Vec<ContainerStep> = removals.into_iter().map(ContainerStep::Remove).collect();
    let runs = |service: &String| !renew && !desired.look_again && observed.running.contains(service);
    if let Some(database) = desired.database.as_ref().filter(|database| !runs(database)) {
        steps.push(ContainerStep::Start { services: vec![database.clone()] });
    }
    if let Some(database) = desired.create.as_ref().filter(|_| renew || !observed.prepared) {
        steps.push(ContainerStep::CreateDatabase { database: database.clone() });
    }
    // What is thrown away is migrated when it is made, and has had its data on that since.
    if let Some(what) = desired.migrate.as_ref().filter(|_| renew || desired.look_again || !observed.prepared)
    {
        steps.push(ContainerStep::Migrate { what: what.clone() });
    }
    if let Some(source) = &desired.fill
        && (renew || observed.filling == Filling::NotYet)
    {
        steps.push(ContainerStep::Fill { source: source.clone() });
    }
    if !desired.others.iter().all(runs) {
        steps.push(ContainerStep::Start { services: desired.others.iter().cloned().collect() });
    }
    steps
}

/// The steps after which nothing of the containers is left, but for their volumes unless `volumes` says so.
#[must_use]
pub fn containers_down(observed: &ObservedContainers, volumes: bool) -> Vec<ContainerRemoval> {
    let mut steps = Vec::new();
    if observed.containers {
        steps.push(ContainerRemoval::Containers);
    }
    if volumes && observed.volumes {
        steps.push(ContainerRemoval::Volumes);
    }
    // Last, since the record in them tells where the rest is.
    if observed.files {
        steps.push(ContainerRemoval::Files);
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::{
        ContainerRemoval, ContainerStep, DesiredContainers, ObservedContainers, containers_down,
        containers_up,
    };
    use crate::Filling;

    fn scenario() -> DesiredContainers {
        DesiredContainers {
            database: Some("db".into()),
            create: Some("application".into()),
            migrate: Some("flask db upgrade as web".into()),
            fill: Some("scenarios/users.py".into()),
            others: ["web".to_owned()].into(),
            look_again: false,
        }
    }

    fn up() -> ObservedContainers {
        ObservedContainers {
            files: true,
            containers: true,
            volumes: false,
            running: ["db".to_owned(), "web".to_owned()].into(),
            filling: Filling::Done,
            prepared: true,
        }
    }

    fn said(steps: &[ContainerStep]) -> Vec<String> {
        steps.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_database_is_migrated_and_filled_before_anything_else_starts() {
        assert_eq!(
            said(&containers_up(&scenario(), &ObservedContainers::ABSENT, false)),
            [
                "start the containers of db",
                "create the database application",
                "migrate: flask db upgrade as web",
                "run scenarios/users.py",
                "start the containers of web"
            ]
        );
    }

    #[test]
    fn what_runs_is_left_alone() {
        assert!(containers_up(&scenario(), &up(), false).is_empty());
        let look_again = DesiredContainers { look_again: true, ..scenario() };
        assert_eq!(
            said(&containers_up(&look_again, &up(), false)),
            ["start the containers of db", "migrate: flask db upgrade as web", "start the containers of web"]
        );
        let without_web = ObservedContainers { running: ["db".to_owned()].into(), ..up() };
        assert_eq!(said(&containers_up(&scenario(), &without_web, false)), ["start the containers of web"]);
    }

    #[test]
    fn what_was_not_filled_to_its_end_is_made_anew() {
        for (filling, fresh) in [(Filling::Begun, false), (Filling::Failed, false), (Filling::Done, true)] {
            let steps = containers_up(&scenario(), &ObservedContainers { filling, ..up() }, fresh);
            assert_eq!(
                steps[..2],
                [ContainerRemoval::Containers, ContainerRemoval::Files].map(ContainerStep::Remove)
            );
            assert_eq!(steps.len(), 7, "{filling:?}");
        }
    }

    #[test]
    fn volumes_stay_unless_they_are_meant() {
        let observed = ObservedContainers { volumes: true, ..up() };
        assert!(!containers_down(&observed, false).contains(&ContainerRemoval::Volumes));
        assert!(containers_down(&observed, true).contains(&ContainerRemoval::Volumes));
        assert!(
            !containers_up(&scenario(), &observed, true)
                .contains(&ContainerStep::Remove(ContainerRemoval::Volumes))
        );
        assert!(containers_down(&ObservedContainers::ABSENT, true).is_empty());
    }
}
