//! An environment on Docker: its own Compose files, carried out by Compose.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use backlot_facts::address::{Address, OUTSIDE};
use backlot_facts::database::Database;
use backlot_facts::variables::{RunningDatabase, variables};
use backlot_facts::{NoService, Targets};
use backlot_plan::{
    ContainerRemoval, DesiredContainers, Endpoint, Filling as Filled, ObservedContainers, Storage,
    containers_up,
};
use backlot_postgres::DEFAULT_PORT;
use backlot_process::{Stdout, caller_without_postgres};
use backlot_project::{ComposeCall, Environment, ScenarioName, ScenarioSource};
use backlot_state::{
    Beside, Checkout, ContainerDatabase, Deployment, DockerRecord, EngineError, EngineKind, Exec, Filling,
    Ground, LiveDatabase, Packages, Purpose, Record, Report, Site, Snapshotting, Started, Taken, VERSION,
    Watcher, Wishes, in_words, label, now, short_hash, tools, watch_over,
};
use backlot_supervisor::News;
use serde_json::Value as Json;

use crate::client::Client;
use crate::compose::{instead, keep_name, write_file};
use crate::container::{Container, Life};
use crate::model::{apart_file, throwaway_file};
use crate::running::running;

/// One environment on Docker.
#[derive(Debug)]
pub struct DockerStack<'a> {
    pub(super) ground: Ground<'a>,
    pub(super) client: Client,
    pub(super) site: Site,
    pub(super) environment: Environment,
    pub(super) database: Option<Database>,
    pub(super) scenario: Option<(ScenarioName, ScenarioSource)>,
    pub(super) throwaway: bool,
    pub(super) stdout: Stdout,
    /// What tells this one from others of the same name at the same time.
    pub(super) run: Option<String>,
}

impl<'a> DockerStack<'a> {
    /// The stack of `environment`.
    pub fn new(ground: Ground<'a>, environment: Environment) -> Result<Self, EngineError> {
        let database = Database::in_container(&environment)?;
        let client = Client::locate(ground.caller)?;
        let site = Site::new(ground.home, ground.project, environment.name.as_str());
        let (scenario, throwaway, stdout, run) = (None, false, Stdout::Ours, None);
        Ok(Self { ground, client, site, environment, database, scenario, throwaway, stdout, run })
    }
}

impl<'a> Deployment<'a> for DockerStack<'a> {
    fn meant_for(mut self: Box<Self>, purpose: Purpose) -> Box<dyn Deployment<'a> + 'a> {
        self.throwaway = true;
        if let Some(database) = &mut self.database {
            database.storage = Storage::Throwaway;
        }
        match purpose {
            Purpose::Throwaway => {}
            // Data of another one is taken natively only, which the command has seen to.
            Purpose::Scenario { name, source, stdout, from: _ } => {
                self.scenario = Some((name, source));
                self.stdout = stdout;
            }
            Purpose::Run { site, mark } => {
                self.site = site;
                self.run = Some(mark);
            }
        }
        self
    }

    fn kind(&self) -> EngineKind {
        EngineKind::Docker
    }

    fn site(&self) -> &Site {
        &self.site
    }

    fn database(&self) -> Option<&Database> {
        self.database.as_ref()
    }

    /// The daemon alone can tell.
    fn why_not(&self, _: &Wishes) -> Result<Option<EngineError>, EngineError> {
        Ok(None)
    }

    /// Compose is given all that the files say, but for what is said to Backlot.
    fn told(&self, wishes: &Wishes) -> Result<Vec<String>, EngineError> {
        if !self.environment.apart || self.site.record()?.is_some() {
            return Ok(Vec::new());
        }
        if Checkout::of(self.ground.project.root()).linked().is_none() {
            let name = self.project();
            return Ok(vec![format!(
                "another checkout has this project's name on Docker: here it is {name}"
            )]);
        }
        let begins = !self.throwaway && !wishes.empty && self.database.is_some();
        let line = "what the main checkout's databases hold is not copied on Docker: a worktree's begin as the files say";
        Ok(begins.then(|| line.to_owned()).into_iter().collect())
    }

    fn plan_up(&self, wishes: &Wishes) -> Result<Vec<String>, EngineError> {
        let containers = self.client.containers(&self.project())?;
        self.client.compose_version()?;
        self.check_ours(&containers)?;
        let observed = self.observed(&containers)?;
        Ok(in_words(&containers_up(&self.desired(wishes)?, &observed, wishes.fresh)))
    }

    /// Images have what they need.
    fn packages(&self, services: &[String]) -> Result<Vec<Packages>, EngineError> {
        self.services(&Wishes { services: services.to_vec(), ..Wishes::default() })
            .map_err(EngineError::of)
            .map(|_| Vec::new())
    }

    fn install(&self, services: &[String], _report: Report<'_>) -> Result<Vec<Packages>, EngineError> {
        self.packages(services)
    }

    fn plan_end_of_run(&self) -> Vec<String> {
        in_words(&[ContainerRemoval::Containers, ContainerRemoval::Files])
    }

    fn up(
        &self,
        wishes: &Wishes,
        report: Report<'_>,
        news: &mut dyn FnMut(News),
    ) -> Result<Started, EngineError> {
        self.bring_up(wishes, report, news)
    }

    fn snapshots(&self) -> Result<&dyn Snapshotting, EngineError> {
        let environment = self.site.name().to_owned();
        Err(EngineError::OnlyNative { what: "load or restore a snapshot", environment })
    }

    fn once(
        &self,
        beside: &Beside,
        needs: &[String],
        report: Report<'_>,
        news: &mut dyn FnMut(News),
    ) -> Result<Exec, EngineError> {
        self.run_once(beside, needs, report, news)
    }

    fn watch(&self) -> Result<Option<Watcher>, EngineError> {
        watch_over(&self.site, self.ground.caller).map(Some)
    }

    fn running(&self) -> Result<LiveDatabase, EngineError> {
        running(&self.client, &self.site)
    }

    fn variables(&self, database: &LiveDatabase) -> BTreeMap<String, String> {
        self.variables_with(Some(database))
    }

    fn process_variables(&self, database: &LiveDatabase) -> BTreeMap<String, String> {
        let mut all = caller_without_postgres(self.ground.caller);
        all.extend(self.variables(database));
        tools::with_virtual_environment(self.ground.project.root(), all)
    }
}

impl DockerStack<'_> {
    /// The name that Compose knows it by.
    pub(super) fn project(&self) -> String {
        let name = &self.environment.stack.name;
        self.run.as_ref().map_or_else(|| name.clone(), |run| format!("{name}_{run}"))
    }

    /// The services that run when `wanted` are asked for, with all that they depend on; none named means all.
    pub(super) fn services(&self, wishes: &Wishes) -> Result<BTreeSet<String>, NoService> {
        let stack = &self.environment.stack;
        NoService::check(stack, wishes.services.iter().chain(wishes.scale.keys()))?;
        Ok(stack.with_dependencies(&wishes.services))
    }

    pub(super) fn desired(&self, wishes: &Wishes) -> Result<DesiredContainers, EngineError> {
        let mut others = self.services(wishes)?;
        let database = self.database.as_ref().filter(|_| self.database_comes_first(wishes));
        let database = database.filter(|database| others.remove(&database.service));
        let create = database.filter(|database| self.throwaway && database.application != database.initial);
        let migrations = self.migrations(wishes);
        let migrate = database.filter(|_| !migrations.is_empty());
        Ok(DesiredContainers {
            migrate: migrate.map(|_| in_words(&migrations).join(", ")),
            database: database.map(|database| database.service.clone()),
            create: create.map(|database| database.application.clone()),
            fill: database.and(self.scenario.as_ref()).and_then(|(_, source)| self.ground.shown(source)),
            others,
            look_again: !self.throwaway && !wishes.database_only,
        })
    }

    /// Whether the database is started and waited for before all else. Where nothing has to be done to it first, it starts
    /// with the others, as Compose has it.
    pub(super) fn database_comes_first(&self, wishes: &Wishes) -> bool {
        self.throwaway || wishes.database_only || !self.migrations(wishes).is_empty()
    }

    pub(super) fn observed(&self, containers: &[Container]) -> Result<ObservedContainers, EngineError> {
        let record = self.site.record()?;
        let docker = record.as_ref().and_then(|record| record.docker.as_ref());
        let mut running: BTreeSet<String> =
            containers.iter().map(|container| container.service.clone()).collect();
        for container in containers.iter().filter(|container| container.life != Life::Running) {
            running.remove(&container.service);
        }
        Ok(ObservedContainers {
            files: self.site.has_files(),
            containers: !containers.is_empty(),
            volumes: false,
            running,
            filling: match record.as_ref().map(|record| record.filling) {
                None | Some(Filling::None) => Filled::NotYet,
                Some(Filling::Begun) => Filled::Begun,
                Some(Filling::Done) => Filled::Done,
                Some(Filling::Failed { .. }) => Filled::Failed,
            },
            prepared: docker.is_some_and(|docker| docker.prepared) && !containers.is_empty(),
        })
    }

    /// Writes down what is about to be made, before anything of it is.
    pub(super) fn record(&self, taken: &Taken) -> Result<Record, EngineError> {
        taken.make_live()?;
        let earlier = self.site.record()?;
        let kept = earlier.as_ref().and_then(|record| record.docker.as_ref());
        let database = self.database.as_ref();
        let root = self.ground.project.root();
        let docker =
            docker_record(&self.environment, root, self.project(), self.call()?, database, self.throwaway);
        let docker = DockerRecord { prepared: kept.is_some_and(|kept| kept.prepared), ..docker };
        let record = Record {
            version: VERSION,
            project: self.ground.project.root().to_owned(),
            environment: self.environment.name.to_string(),
            scenario: self.scenario.as_ref().map(|(name, _)| name.to_string()),
            engine: EngineKind::Docker,
            created: earlier.as_ref().map_or_else(now, |record| record.created),
            filling: earlier.as_ref().map_or(Filling::None, |record| record.filling),
            database: None,
            docker: Some(docker),
            migrated: None,
            snapshot: None,
            boot: None,
        };
        self.write(&record)?;
        if self.run.is_none() {
            keep_name(&self.site, self.ground.project, &self.environment, !self.throwaway)?;
        }
        Ok(record)
    }

    pub(super) fn write(&self, record: &Record) -> Result<(), EngineError> {
        let environment = || self.site.name().to_owned();
        record
            .write(&self.site.record_path())
            .map_err(|source| EngineError::Record { environment: environment(), source })
    }

    /// How Compose is called: for the project's own files, or for one of our own where they say what is not to be.
    fn call(&self) -> Result<ComposeCall, EngineError> {
        let call = self.environment.compose.clone();
        if !self.throwaway && self.environment.is_as_its_files_say() {
            return Ok(call);
        }
        Ok(instead(&call, write_file(&self.site, &self.own_file())?))
    }

    /// The Compose file of an environment that is not as its files say.
    fn own_file(&self) -> Json {
        let root = self.ground.project.root();
        let checkout = short_hash(root.as_os_str().as_encoded_bytes());
        // One image for all scenarios of a checkout.
        let kind = if self.scenario.is_some() { "scenario" } else { self.environment.name.as_str() };
        let image = |service: &str| {
            format!("backlot-{}-{checkout}-{kind}-{service}", self.ground.project.name()).to_lowercase()
        };
        let address = self.database.as_ref().map(|database| {
            let (service, here) = (database.service.as_str(), &OUTSIDE[..]);
            Address { service, host: service, port: DEFAULT_PORT, here }
        });
        if self.throwaway {
            throwaway_file(&self.environment, &self.inside_variables(), address, &image)
        } else {
            apart_file(&self.environment)
        }
    }

    /// The environment's own variables, as a service in a container is to see them.
    fn inside_variables(&self) -> BTreeMap<String, String> {
        let database = self.database.as_ref().map(|database| {
            let endpoint = Endpoint::new(&database.service, DEFAULT_PORT);
            LiveDatabase::in_container(&container_database(database), "", &endpoint, None)
        });
        self.variables_with(database.as_ref())
    }

    fn variables_with(&self, database: Option<&LiveDatabase>) -> BTreeMap<String, String> {
        let running = database.map(|database| RunningDatabase {
            service: &database.service,
            access: &database.access,
            throwaway: self.throwaway,
        });
        let scenario = self.scenario.as_ref().map(|(name, _)| name.as_str());
        variables(&self.environment, scenario, running, &[])
    }
}

fn container_database(database: &Database) -> ContainerDatabase {
    ContainerDatabase {
        service: database.service.clone(),
        volume: label(&database.storage),
        user: database.user.clone(),
        password: secrecy::ExposeSecret::expose_secret(&database.password).to_owned(),
        initial: database.initial.clone(),
        database: database.application.clone(),
    }
}

/// What a record tells of an environment on Docker.
pub(super) fn docker_record(
    environment: &Environment,
    root: &Path,
    project: String,
    call: ComposeCall,
    database: Option<&Database>,
    throwaway: bool,
) -> DockerRecord {
    let targets = Targets::of(&environment.stack, root);
    let own = environment.variables.iter();
    DockerRecord {
        project,
        call,
        variables: own.map(|(name, variable)| (name.to_owned(), variable.value.clone())).collect(),
        ports: targets.ports,
        fronts: targets.fronts,
        throwaway,
        prepared: false,
        database: database.map(container_database),
    }
}
