//! Brings an environment's database up: what is wanted, what is there, and the steps between the two.

use std::path::Path;

use backlot_plan::{Desired, Observed, Port, Removal, Server, Step, Storage, Volume};
use backlot_postgres::StartError;
use backlot_stack::Claim;
use backlot_state::{
    DatabaseRecord, EngineError, EngineKind, Event, Failure, Filling, Outcome, Record, RecordError, Report,
    Taken, VERSION, mark, now, tell, volume,
};
use backlot_templates::is_cluster;
use secrecy::ExposeSecret;

use crate::DatabaseService;
use crate::changes;
use crate::claims;
use crate::cluster;
use crate::down;
use crate::look::{bytes_made, look};
use crate::made::MadeBy;
use crate::migrate::Migrates;
use crate::server::{self, Start};
use crate::stock;
use crate::wal;

/// An environment that is up.
#[derive(Debug)]
pub(super) struct Up {
    /// Its record.
    pub record: Record,
    /// Its database server, from the record.
    pub database: DatabaseRecord,
    /// Whether nothing had to be done.
    pub ran: bool,
    /// The failure of what should have filled it.
    pub failure: Option<Failure>,
    /// The process that makes the next clone ahead of need.
    pub(super) stock: Option<i32>,
}

/// What an `up` does to a database that is there.
#[derive(Debug, Clone, Copy)]
pub(super) struct Again {
    /// A throw-away one is made anew.
    pub(super) fresh: bool,
    /// One that the files have changed is started anew.
    pub(super) restart: bool,
    /// So is one that is as it was.
    pub(super) anew: bool,
}

impl Again {
    /// What counts of what is there: a server that is not to be started anew is as good as up to date.
    pub(super) fn seen(self, observed: Observed) -> Observed {
        match observed.server {
            Server::Outdated if !self.restart => Observed { server: Server::Running, ..observed },
            Server::Outdated | Server::Running | Server::Stopped | Server::Unrecorded => observed,
        }
    }
}

/// What came of the steps of an `up`, beside their effects.
#[derive(Debug, Default)]
pub(super) struct Came {
    /// The record of the server that is started anew, on its data.
    pub(super) before: Option<Record>,
    pub(super) failure: Option<Failure>,
    /// The template of which a throw-away cluster was cloned.
    pub(super) template: Option<String>,
    pub(super) is_migrated: bool,
    /// What fills it, as a hash of all that makes it what it is, if that can be known.
    pub(super) filling: Option<String>,
    /// Whether it was cloned with that, or kept for the next time with it.
    pub(super) is_filled: bool,
    /// The same, if one may be taken that was filled so before.
    pub(super) filled_before: Option<String>,
    /// Whether all that is there stays, although the rest failed.
    pub(super) stays: bool,
}

impl DatabaseService<'_> {
    /// What is wanted.
    fn desired(
        &self,
        observed: Observed,
        fresh: bool,
        migrations: Option<&dyn Migrates>,
    ) -> Result<Desired, EngineError> {
        let runs = observed.server == Server::Running && !fresh;
        let missing = if runs { Vec::new() } else { self.missing_for_start()? };
        let fill = self.scenario.as_ref().and_then(|(_, source)| self.ground.shown(source));
        Ok(Desired {
            service: self.database.service.clone(),
            storage: self.database.storage.clone(),
            port: self.database.port,
            databases: match self.database.storage {
                Storage::Throwaway => self.database.databases(),
                Storage::Durable { .. } => vec![self.database.initial.clone()],
            },
            migrate: migrations.map(Migrates::what),
            missing: missing.iter().map(ToString::to_string).collect(),
            fill,
        })
    }

    /// What is there. A record that cannot be read is an error, unless all is to be made anew anyway.
    pub(super) fn observed(
        &self,
        again: Again,
        migrations: Option<&dyn Migrates>,
    ) -> Result<Observed, EngineError> {
        let fresh = again.fresh;
        let record = match self.site.record() {
            Err(EngineError::Record {
                source: RecordError::Damaged { .. } | RecordError::Read { .. },
                ..
            }) if fresh => None,
            other => other?,
        };
        let volume = match &self.database.storage {
            Storage::Throwaway => false,
            Storage::Durable { .. } => is_cluster(&self.site.data(&self.database.storage)),
        };
        let migrated = record.as_ref().and_then(|record| record.migrated.as_deref());
        let migrated = migrations.is_some_and(|migrations| migrated == Some(migrations.key()));
        let seen = Observed { migrated, ..look(&self.site, record.as_ref())? };
        let running = record.and_then(|record| record.database).filter(|_| seen.server == Server::Running);
        let Some(running) = running.filter(|_| !fresh) else { return Ok(Observed { volume, ..seen }) };
        if again.restart
            && let Some(error) = changes::obstacle(&self.database, &running, &self.site)
        {
            return Err(error.into());
        }
        let mut changed = changes::outdated(&self.database, &running, &self.site);
        if !again.restart {
            // One that was kept after a run of the tests has a port that was free.
            changed.retain(|what| what != changes::PORT || !server::is_chosen(running.port));
        }
        let is_outdated = again.anew || !changed.is_empty();
        let server = if is_outdated { Server::Outdated } else { Server::Running };
        Ok(Observed { volume, server, ..seen })
    }

    /// What is kept in a volume has to be of the major version that is asked for; what else the files say of it counts
    /// only when it is made.
    pub(super) fn check_volume(&self, report: Report<'_>) -> Result<(), EngineError> {
        let Some(volume) = self.database.storage.volume() else { return Ok(()) };
        let made = volume::major_in(&self.site, &self.database.storage);
        if let Some(error) = changes::other_major(&self.database, made, &self.site) {
            return Err(error.into());
        }
        if made.is_none() {
            wal::check(&self.database, &self.site)?;
            return volume::check_room(&self.site, &self.database.storage);
        }
        let Some(record) = self.site.volume_record(volume)? else { return Ok(()) };
        let is_meant = self
            .environment
            .stack
            .volumes
            .values()
            .any(|known| known.external && matches!(volume, Volume::Shared(name) if *name == known.name));
        let others = |maker: &&volume::Maker| maker.site != self.site.environment_dir() && !is_meant;
        if let Some(maker) = record.maker.as_ref().filter(others) {
            let (environment, project) = (&maker.environment, maker.project.display());
            report(Event::Warning(format!(
                "{volume} was made by {environment} of {project} (`external: true` says that this is meant)"
            )));
        }
        let below = self.database.storage.below().unwrap_or(Path::new(""));
        for line in
            record.clusters.get(below).into_iter().flat_map(|made| changes::ignored(&self.database, made))
        {
            report(Event::Warning(line));
        }
        Ok(())
    }

    /// The steps that `up` would carry out now.
    ///
    /// # Errors
    /// When what is there cannot be read.
    pub(super) fn plan_up(
        &self,
        again: Again,
        migrations: Option<&dyn Migrates>,
    ) -> Result<Vec<Step>, EngineError> {
        self.check_volume(&mut |_| {})?;
        let observed = again.seen(self.observed(again, migrations)?);
        let steps =
            backlot_plan::up(&self.desired(observed, again.fresh, migrations)?, &observed, again.fresh);
        let is_started = steps.iter().any(|step| matches!(step, Step::StartServer { .. }));
        // One that is fetched first is asked then.
        if is_started && let Ok(installation) = self.locate() {
            cluster::check_extension(&self.database, &installation)?;
        }
        Ok(if again.fresh { steps } else { self.as_filled_before(migrations, steps) })
    }

    /// Brings the environment up, which is `taken`.
    ///
    /// # Errors
    /// When a step fails or the caller asks to stop; then nothing of a throw-away environment is left behind.
    pub(super) fn up_taken(
        &self,
        taken: &Taken,
        again: Again,
        migrations: Option<&dyn Migrates>,
        report: Report<'_>,
    ) -> Result<Up, EngineError> {
        self.ground.go_on()?;
        mark::take_over(taken)?;
        server::settle(taken)?;
        self.check_volume(report)?;
        let mut observed = self.observed(again, migrations)?;
        if observed.server == Server::Outdated && !again.restart {
            let name = &self.database.service;
            report(Event::Warning(format!(
                "{name} runs as the files had it before they changed; the next `backlot up` brings the change"
            )));
            observed = again.seen(observed);
        }
        let desired = self.desired(observed, again.fresh, migrations)?;
        let steps = backlot_plan::up(&desired, &observed, again.fresh);
        // What is started again on its data is what it was, also when it was stopped for a while.
        let is_stopped = observed.server == Server::Stopped && observed.cluster && !again.fresh;
        let is_known = observed.server == Server::Outdated || is_stopped;
        let before = is_known.then(|| self.site.record()).transpose()?.flatten();
        let filling = self.filling_of(&steps);
        let filled_before = filling.clone().filter(|_| !again.fresh);
        let mut came = Came { before, filling, filled_before, ..Came::default() };
        let outcome = steps.iter().try_for_each(|step| {
            tell(step, report, |report| self.carry_out((taken, migrations), step, &mut came, report))?;
            // After the last one, too: whoever has pressed Ctrl-C does not want what comes next.
            self.ground.go_on()
        });
        if let Err(error) = outcome {
            // What is kept is as the migration has left it, and its server is there to be asked.
            if !came.stays {
                down::undo(taken, report);
            }
            return Err(error);
        }
        let mut record = self.site.record()?.ok_or_else(|| self.not_up())?;
        if again.restart {
            self.refresh(&mut record)?;
        }
        let database = record.database.clone().ok_or_else(|| self.not_up())?;
        self.note_snapshot(&mut record, &came)?;
        // A fork has used one of the spares of what the other one was made of.
        let forked = record.snapshot.clone().filter(|_| self.from.is_some());
        let stock = came.template.or(forked).and_then(|template| stock::refill(self.ground.home, &template));
        Ok(Up { record, database, ran: steps.is_empty(), failure: came.failure, stock })
    }

    fn carry_out(
        &self,
        (taken, migrations): (&Taken, Option<&dyn Migrates>),
        step: &Step,
        came: &mut Came,
        report: Report<'_>,
    ) -> Result<Outcome, EngineError> {
        Ok(match step {
            Step::Remove(Removal::StopServer) if came.before.is_some() => {
                server::stop(taken, true)?;
                format!("the server of {}, to start it anew", taken.site().name()).into()
            }
            Step::Remove(removal) => down::take_away(taken, *removal)?.into(),
            Step::Fetch { what } => self.fetch(what, report)?,
            Step::MakeCluster { .. } => {
                report(Event::HowFar(bytes_made(self.ground.home, &self.site.data(&self.database.storage))));
                let made_by = MadeBy {
                    migrations: migrations.map(Migrates::key),
                    filling: came.filled_before.as_deref(),
                    from: self.from.as_ref(),
                    fork: self.fork(),
                };
                let made = self.making(taken, made_by, &self.locate()?).make(report)?;
                (came.template, came.is_migrated, came.is_filled) =
                    (made.template, made.is_migrated, made.is_filled);
                made.outcome.into()
            }
            Step::StartServer { .. } => {
                self.start_server(taken, came.before.take().as_ref(), migrations.is_some())?.into()
            }
            Step::Migrate { .. } => match migrations {
                Some(migrations) => self.migrate(taken, migrations, came)?.into(),
                None => Outcome::from(String::new()),
            },
            Step::Fill { source } | Step::Refill { source } => {
                self.fill((taken, migrations), source, came, report)?
            }
            // The supervisor's, see `NativeStack`.
            Step::Service(step) => step.to_string().into(),
            // That is done before anything is started.
            Step::Install { .. } | Step::Build { .. } => step.to_string().into(),
        })
    }

    /// Writes down by which name and password the server, which has let them in, and which of its databases is used from
    /// now on.
    fn refresh(&self, record: &mut Record) -> Result<(), EngineError> {
        let Some(known) = &record.database else { return Ok(()) };
        let wanted = DatabaseRecord {
            user: self.database.user.clone(),
            password: self.database.password.expose_secret().to_owned(),
            database: self.database.application.clone(),
            variables: self.database.variables.clone(),
            ..known.clone()
        };
        if wanted == *known {
            return Ok(());
        }
        record.database = Some(wanted);
        record.write(&self.site.record_path()).map_err(|source| self.record_error(source))
    }

    pub(super) fn start_server(
        &self,
        taken: &Taken,
        before: Option<&Record>,
        is_migrated_later: bool,
    ) -> Result<String, EngineError> {
        let how = Start { dies_with_us: self.dies_with_us, again: before.is_some() };
        let database = server::start(self.ground.home, taken, &self.database, &self.locate()?, how);
        let database = database.map_err(|error| self.explain_port(error))?;
        let outcome = format!("{} on 127.0.0.1:{}", database.service, database.port);
        // What is thrown away is half-made until it is migrated.
        let is_half_made = is_migrated_later && self.database.storage == Storage::Throwaway;
        let filling = if is_half_made || self.is_to_be_filled() { Filling::Begun } else { Filling::None };
        let filling = before.map_or(filling, |before| before.filling);
        let record = Record {
            version: VERSION,
            project: self.ground.project.root().to_owned(),
            environment: self.environment.name.to_string(),
            scenario: self.scenario.as_ref().map(|(name, _)| name.to_string()),
            engine: EngineKind::Native,
            created: before.map_or_else(now, |before| before.created),
            filling,
            database: Some(database),
            docker: None,
            migrated: before.and_then(|before| before.migrated.clone()),
            snapshot: before.and_then(|before| before.snapshot.clone()),
            boot: before.and_then(|before| before.boot.clone()),
        };
        record.write(&self.site.record_path()).map_err(|source| self.record_error(source))?;
        Ok(outcome)
    }

    /// The port that the files publish, which the server wants for itself.
    pub(super) fn claim(&self) -> Option<Claim> {
        let Port::Exact(port) = self.database.port else { return None };
        let service = self.database.service.clone();
        let at = self.environment.stack.services.get(&service)?.location.clone();
        Some(Claim::local(service, port, at))
    }

    /// Whose a port is that is in use.
    fn explain_port(&self, error: EngineError) -> EngineError {
        match (error, self.claim()) {
            (EngineError::Start(StartError::PortInUse { holder, .. }), Some(claim)) => {
                Box::new(claims::in_use(&claim, holder, &self.environment)).into()
            }
            (error, _) => error,
        }
    }

    pub(super) fn record_error(&self, source: RecordError) -> EngineError {
        EngineError::Record { environment: self.site.name().to_owned(), source }
    }
}
