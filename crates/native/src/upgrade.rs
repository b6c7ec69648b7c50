//! Taking a volume's cluster over to another major version of Postgres. The old one is kept.

use std::path::{Path, PathBuf};

use backlot_facts::database::Database;
use backlot_hint::{Explain, Hint};
use backlot_plan::{PostgresWish, Storage, Volume};
use backlot_postgres::{ClusterSpec, Durability, Installation};
use backlot_process::working_in;
use backlot_project::Environment;
use backlot_state::volume::{self, ClusterRecord, Successor};
use backlot_state::{EngineError, Event, Ground, Outcome, Report, tell};
use backlot_templates::{TemplateError, Templates};
use backlot_upgrade::{Side, UpgradeError, dumper, take_over};

use crate::deployment::NativeStack;
use crate::doing::Doing;
use crate::{DatabaseService, programs};

/// The setting for the libraries that a server loads when it starts: what is dumped may need them.
const PRELOAD: &str = "shared_preload_libraries";

/// Why a volume is not taken over.
#[derive(Debug, thiserror::Error)]
pub enum VolumeUpgradeError {
    /// No database of the environment keeps its data there.
    #[error("no database of {environment} keeps its data in a volume {name}")]
    NoDatabase {
        /// The environment.
        environment: String,
        /// As it was named.
        name: String,
        /// Those that there are.
        volumes: Vec<String>,
    },
    /// It is a folder of the user's.
    #[error("{} is a folder of yours, and not a volume: Backlot does not replace it", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
    },
    /// There is no cluster in it, or more than one.
    #[error("volume {name} holds {count} clusters")]
    Clusters {
        /// Its name.
        name: String,
        /// How many.
        count: usize,
    },
    /// It would be a step back.
    #[error(
        "volume {name} was made by PostgreSQL {made}, and service {service} asks for {wanted}, which is older"
    )]
    Back {
        /// Its name.
        name: String,
        /// The major version that made it.
        made: u32,
        /// The one that is asked for.
        wanted: u32,
        /// The service.
        service: String,
    },
    /// Something works in it.
    #[error("volume {name} is in use (process {pid})")]
    InUse {
        /// Its name.
        name: String,
        /// A process.
        pid: i32,
        /// The environment.
        environment: String,
    },
    /// Nothing could dump it.
    #[error("there is no pg_dump, pg_dumpall and psql of PostgreSQL {major} or newer here")]
    NoClients {
        /// The major version that made it.
        major: u32,
    },
    /// It failed on the way.
    #[error("volume {name} is as it was: cannot {source}")]
    Failed {
        /// Its name.
        name: String,
        /// Why.
        source: UpgradeError,
    },
}

impl Explain for VolumeUpgradeError {
    fn code(&self) -> &'static str {
        match self {
            Self::NoDatabase { .. } => "no-volume",
            Self::Folder { .. } | Self::Clusters { .. } | Self::Back { .. } => "cannot-upgrade",
            Self::InUse { .. } => "volume-in-use",
            Self::NoClients { .. } => "no-psql",
            Self::Failed { .. } => "upgrade-failed",
        }
    }

    fn hint(&self) -> Option<Hint> {
        Some(match self {
            Self::NoDatabase { volumes, .. } if volumes.is_empty() => {
                "none of its databases has a volume; -e names another environment".into()
            }
            Self::NoDatabase { volumes, .. } => format!("its volumes are {}", volumes.join(", ")).into(),
            Self::Folder { .. } => {
                "dump it with the old version (pg_dumpall), mount an empty folder, and restore it there (psql)".into()
            }
            Self::Clusters { .. } => "take over what is in it by hand".into(),
            Self::Back { made, .. } => format!("ask for PostgreSQL {made} or newer").into(),
            Self::InUse { environment, .. } => Hint::from("take it down first: ").then(Hint::down(environment)),
            Self::NoClients { .. } => Hint::from("fetch them: ").then(Hint::anywhere(&["postgres", "install", "psql"])),
            Self::Failed { .. } => return None,
        })
    }
}

impl From<VolumeUpgradeError> for EngineError {
    fn from(error: VolumeUpgradeError) -> Self {
        Self::of(error)
    }
}

fn upgraded(what: String) -> Doing {
    Doing { heading: "upgraded", what }
}

/// What is to be done to a volume.
struct Plan<'s> {
    service: &'s DatabaseService<'s>,
    volume: &'s Volume,
    name: &'s str,
    old_data: PathBuf,
    made: u32,
}

/// Takes the volume `name` of `environment` over to the major version that its files, or the caller, ask for. Returns what is
/// done, in words; nothing when it is of that version. With `only_told`, nothing is done.
///
/// # Errors
/// When it cannot be; then all is as it was.
pub fn upgrade_volume(
    ground: Ground<'_>,
    environment: Environment,
    name: &str,
    only_told: bool,
    report: Report<'_>,
) -> Result<Vec<String>, EngineError> {
    let stack = NativeStack::new(ground, environment, false)?;
    let plan = plan(&stack, name)?;
    let Plan { service, made, .. } = plan;
    let wanted = service.database().wanted();
    let mut done = Vec::new();
    let old_wish = PostgresWish { major: Some(made), minor: None };
    let mut installations = Vec::new();
    for wish in [old_wish, wanted] {
        let database = Database { storage: Storage::Throwaway, ..service.database().clone() };
        let database = if wish == wanted { database } else { database.asked_for(wish, "the volume") };
        let service =
            DatabaseService::new(ground, service.site().clone(), service.environment.clone(), database);
        for order in service.missing()? {
            done.push(order.to_string());
            if !only_told {
                tell(&upgraded(order.to_string()), report, |report| {
                    service.fetch(&order.to_string(), report)
                })?;
            }
        }
        installations.push(service.locate().ok());
    }
    let new = installations.pop().flatten();
    let to = new.as_ref().map(|new| new.version.major).or(wanted.major);
    match to {
        Some(to) if to == made => return Ok(Vec::new()),
        Some(to) if to < made => {
            let (name, service) = (name.to_owned(), service.database().service.clone());
            return Err(VolumeUpgradeError::Back { name, made, wanted: to, service }.into());
        }
        Some(_) | None => {}
    }
    let to = to.map_or_else(|| "the newest PostgreSQL".to_owned(), |to| format!("PostgreSQL {to}"));
    let step = format!("take volume {name} over from PostgreSQL {made} to {to}, and keep the old one");
    done.push(step.clone());
    if only_told {
        return Ok(done);
    }
    let (Some(old), Some(new)) = (installations.pop().flatten(), new) else { return Ok(done) };
    tell(&upgraded(step), report, |report| plan.carry_out(ground, &old, &new, report))?;
    Ok(done)
}

fn plan<'s>(stack: &'s NativeStack<'_>, name: &'s str) -> Result<Plan<'s>, EngineError> {
    let named = |service: &&DatabaseService<'_>| match service.database().storage.volume() {
        Some(Volume::Own(own) | Volume::Shared(own)) => own == name,
        Some(Volume::Folder(folder)) => folder == Path::new(name) || folder.ends_with(name),
        None => false,
    };
    let Some(service) = stack.databases().find(named) else {
        let volumes =
            stack.databases().filter_map(|service| backlot_state::label(&service.database().storage));
        let (environment, volumes) = (stack.environment_name(), volumes.collect());
        return Err(VolumeUpgradeError::NoDatabase { environment, name: name.to_owned(), volumes }.into());
    };
    let volume = match service.database().storage.volume() {
        Some(Volume::Folder(path)) => return Err(VolumeUpgradeError::Folder { path: path.clone() }.into()),
        Some(volume) => volume,
        None => return Err(EngineError::NoDatabase { environment: stack.environment_name() }),
    };
    let mut clusters = volume::clusters(service.site(), volume);
    match (clusters.pop(), clusters.len()) {
        (Some((old_data, made)), 0) => Ok(Plan { service, volume, name, old_data, made }),
        (found, more) => {
            let count = more + usize::from(found.is_some());
            Err(VolumeUpgradeError::Clusters { name: name.to_owned(), count }.into())
        }
    }
}

impl Plan<'_> {
    fn carry_out(
        &self,
        ground: Ground<'_>,
        old: &Installation,
        new: &Installation,
        report: Report<'_>,
    ) -> Result<Outcome, EngineError> {
        let (site, home, database) = (self.service.site(), ground.home, self.service.database());
        let taken = site.take()?;
        taken.tidy()?;
        if let Some(process) = working_in(&self.old_data) {
            let (name, environment) = (self.name.to_owned(), site.environment().to_owned());
            return Err(VolumeUpgradeError::InUse { name, pid: process.pid, environment }.into());
        }
        let held = volume::hold(site, ground.project.root(), self.volume)?;
        let dumper = self.dumper(ground, [old, new], report)?;
        let user = self.superuser();
        let locale = database.locale.choose(&database.initdb_args, new);
        let spec = ClusterSpec {
            superuser: user.clone(),
            password: database.password.clone(),
            host_auth: database.host_auth.clone(),
            timezone: database.timezone.clone(),
            databases: Vec::new(),
            initdb_args: locale.arguments,
            durability: Durability::Durable,
            settings: database.settings.iter().filter(|(name, _)| name == PRELOAD).cloned().collect(),
        };
        let environment = format!("{}_{}", ground.project.name(), site.environment());
        let kept = match self.volume {
            Volume::Own(name) => format!("{environment}_{name}.postgres-{}", self.made),
            Volume::Shared(name) => format!("{name}.postgres-{}", self.made),
            Volume::Folder(_) => environment,
        };
        let successor = Successor::new(home, &kept)?;
        let below = database.storage.below().unwrap_or(Path::new("")).to_owned();
        let data =
            if below.as_os_str().is_empty() { successor.content() } else { successor.content().join(&below) };
        home.make(data.parent().unwrap_or(home.root()))?;
        let scratch = data.with_file_name("scratch");
        let mut outcome = Ok(());
        let mut fill = |partial: &Path| -> Result<(), TemplateError> {
            let mut go_on = |what: Option<&str>| {
                if let Some(what) = what {
                    report(Event::Said(what));
                }
                ground.go_on().is_ok()
            };
            let old = Side { installation: old, spec: &spec, data_dir: &self.old_data };
            let new = Side { installation: new, spec: &spec, data_dir: partial };
            // Whatever came of it: what is not meant goes with all that was made for it.
            outcome = take_over(old, new, &dumper, &scratch, home.owner(), &mut go_on);
            Ok(())
        };
        home.make(&home.templates())?;
        let template = Templates::new(home.templates(), home.owner().clone()).ensure(new, &spec)?;
        template.clone_and_fill(&data, Some(&mut fill))?;
        outcome.map_err(|source| match source {
            UpgradeError::Interrupted => EngineError::Interrupted,
            source => VolumeUpgradeError::Failed { name: self.name.to_owned(), source }.into(),
        })?;
        let cluster = ClusterRecord {
            major: new.version.major,
            user,
            databases: vec![database.initial.clone()],
            initdb_args: database.initdb_args.clone(),
        };
        let kept = successor.take_place(&held, &below, cluster)?;
        let note = locale.note.map(|note| format!(", {note}")).unwrap_or_default();
        Ok(Outcome::from(format!(
            "PostgreSQL {}{note}; the old one is kept as the volume {kept}",
            new.version
        )))
    }

    /// The superuser that the cluster was made with.
    fn superuser(&self) -> String {
        let record = self.service.site().volume_record(self.volume).ok().flatten();
        let made = record.and_then(|record| record.clusters.into_values().next());
        made.map_or_else(|| self.service.database().user.clone(), |made| made.user)
    }

    /// What dumps the cluster; fetched, where nothing here can.
    fn dumper(
        &self,
        ground: Ground<'_>,
        sides: [&Installation; 2],
        report: Report<'_>,
    ) -> Result<Installation, EngineError> {
        if let Some(found) = dumper(&programs::with_clients_of(ground, sides)?, self.made) {
            return Ok(found.clone());
        }
        programs::fetch_psql(ground, report)?;
        let found = programs::with_clients_of(ground, sides)?;
        let found = dumper(&found, self.made).cloned();
        Ok(found.ok_or(VolumeUpgradeError::NoClients { major: self.made })?)
    }
}
