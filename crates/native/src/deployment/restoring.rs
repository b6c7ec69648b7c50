//! Putting a snapshot in the place of a database.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::Ordering;

use backlot_hint::{Explain, Hint};
use backlot_plan::{Removal, Storage, Volume};
use backlot_postgres::lets_in;
use backlot_snapshots::{BEFORE_RESTORE, Saved, Snapshot, put_into_place};
use backlot_state::volume::{self, ClusterRecord};
use backlot_state::{
    Deployment, EngineError, Event, Filling, Report, Snapshotting, Taken, Wishes, now, tell,
};
use backlot_supervisor::{News, ServiceReport};
use backlot_templates::{copy_unused, is_cluster};
use secrecy::ExposeSecret;

use crate::copying::storage;
use crate::deployment::NativeStack;
use crate::deployment::afresh::is_at_work;
use crate::doing::Doing;
use crate::up::Again;
use crate::{DatabaseService, down, server, wal};

/// Why a snapshot cannot take the place of a database.
#[derive(Debug, thiserror::Error)]
enum RestoreError {
    /// Another major version has made it.
    #[error("the snapshot {name} is of PostgreSQL {made}, and {service} is PostgreSQL {wanted}")]
    OtherMajor { name: String, made: u32, service: String, wanted: u32 },
    /// Its password is another one.
    #[error("the snapshot {name} does not let {user} in with the password that the file has")]
    OtherPassword { name: String, user: String },
    /// Its folder is not ours to exchange.
    #[error("the data of {service} is {}", volume)]
    Folder { service: String, volume: String },
    /// Its log is kept somewhere else.
    #[error("the log of {service} is in a volume of its own")]
    OwnLog { service: String },
}

impl Explain for RestoreError {
    fn code(&self) -> &'static str {
        match self {
            Self::OtherMajor { .. } => "other-major",
            Self::OtherPassword { .. } => "password",
            Self::Folder { .. } | Self::OwnLog { .. } => "cannot-restore",
        }
    }

    fn hint(&self) -> Option<Hint> {
        Some(match self {
            Self::OtherMajor { made, .. } => {
                format!("ask for PostgreSQL {made} (image, or x-backlot.postgres), or dump and load it")
                    .into()
            }
            Self::OtherPassword { .. } => {
                "give the service the user and password of then, and change them in the database (ALTER ROLE) afterwards"
                    .into()
            }
            Self::Folder { .. } => "mount a named volume, or copy the data by hand while it is down".into(),
            Self::OwnLog { .. } => "dump and load it (pg_dump)".into(),
        })
    }
}

impl Snapshotting for NativeStack<'_> {
    fn restore(
        &self,
        name: &str,
        report: Report<'_>,
        news: &mut dyn FnMut(News),
    ) -> Result<Option<String>, EngineError> {
        let service = self.database.as_ref().ok_or_else(|| self.no_database())?;
        let held = self.site.snapshots().hold(name)?;
        let saved = &held.saved;
        // Nothing is fetched for what cannot be.
        if let Some(wanted) = service.database.wanted_major {
            service.check_major(saved, wanted)?;
        }
        service.fetch_missing(Again { fresh: false, restart: false, anew: false }, report)?;
        service.check_restorable(saved)?;
        let taken = self.site.take()?;
        taken.tidy()?;
        let is_supervised = self.site.is_supervised()?;
        let ran = is_supervised || self.site.is_running()?;
        let mut services = vec![service.database.service.clone()];
        let mut scale = BTreeMap::new();
        if is_supervised {
            let at_work: Vec<ServiceReport> = self.current()?.into_iter().filter(is_at_work).collect();
            let databases = self.database_names();
            let others = at_work.iter().filter(|service| !databases.contains(&service.name.as_str()));
            // As many as ran, whatever the files say.
            scale = others.map(|service| (service.name.clone(), service.wanted)).collect();
            services = at_work.into_iter().map(|service| service.name).collect();
        }
        if service.database.storage == Storage::Throwaway && self.site.record()?.is_none() {
            return Err(service.not_up());
        }
        if is_supervised {
            tell(&Removal::StopServices, report, |_| down::take_away(&taken, Removal::StopServices))?;
        }
        down::halt(&taken, server::STOP_LIMIT)?;
        let doing =
            Doing { heading: "restored", what: format!("put {name} in the place of {}", self.site.name()) };
        let mut before = None;
        let put = tell(&doing, report, |_| {
            before = service.put_back(saved, &taken)?;
            Ok::<_, EngineError>(format!("{} from {name}", self.site.name()))
        });
        drop(taken);
        drop(held);
        // Whatever came of it, what ran is to run again: a second Ctrl-C stops that.
        let was_stopped = self.ground.interrupted.swap(false, Ordering::Relaxed);
        let put = put.map_err(|error| if was_stopped { EngineError::Interrupted } else { error });
        if ran {
            let wishes = Wishes { services, scale, database_only: !is_supervised, ..Wishes::default() };
            if let Err(error) = self.up(&wishes, report, news) {
                let kept =
                    before.iter().map(|before| format!("what was there is kept as the snapshot {before}"));
                kept.for_each(|line| report(Event::Warning(line)));
                let done = || format!("{} has the data of {name} now, and is not up", self.site.name());
                let error = match error {
                    EngineError::Interrupted => EngineError::InterruptedAfter { done: done() },
                    error => error,
                };
                return Err(put.err().unwrap_or(error));
            }
        }
        put.map(|()| before)
    }

    fn load(&self, name: &str, dump: &Path, report: Report<'_>) -> Result<(), EngineError> {
        self.database.as_ref().ok_or_else(|| self.no_database())?.load(name, dump, report)
    }
}

impl DatabaseService<'_> {
    fn check_major(&self, saved: &Saved, wanted: u32) -> Result<(), EngineError> {
        let made = saved.snapshot.major();
        if made == wanted {
            return Ok(());
        }
        let (name, service) = (saved.name.clone(), self.database.service.clone());
        Err(EngineError::of(RestoreError::OtherMajor { name, made, service, wanted }))
    }

    fn check_restorable(&self, saved: &Saved) -> Result<(), EngineError> {
        self.check_major(saved, self.locate()?.version.major)?;
        let service = self.database.service.clone();
        let (user, password) = (&self.database.user, &self.database.password);
        if lets_in(&saved.data, user, password.expose_secret()) == Some(false) {
            let (name, user) = (saved.name.clone(), user.clone());
            return Err(EngineError::of(RestoreError::OtherPassword { name, user }));
        }
        if let Some(volume @ Volume::Folder(_)) = self.database.storage.volume() {
            return Err(EngineError::of(RestoreError::Folder { service, volume: volume.to_string() }));
        }
        if wal::place(&self.database, &self.site).is_some() {
            return Err(EngineError::of(RestoreError::OwnLog { service }));
        }
        Ok(())
    }

    /// Keeps what is there, and puts the snapshot in its place. No server runs.
    fn put_back(&self, saved: &Saved, taken: &Taken) -> Result<Option<String>, EngineError> {
        let (home, database, site) = (self.ground.home, &self.database, taken.site());
        let (data, stop) = (site.data(&database.storage), self.ground.interrupted);
        let held = match &database.storage {
            Storage::Throwaway => None,
            Storage::Durable { volume, below } => {
                Some((volume::hold(site, self.ground.project.root(), volume)?, below, site.keeper(volume)))
            }
        };
        let mut before = None;
        if is_cluster(&data) {
            let name = format!("{BEFORE_RESTORE}{}-{}", site.name(), now());
            let name = first_free(&name, |name| site.snapshots().check_free(name).is_ok());
            let version = self.locate()?.version.to_string();
            let snapshot = Snapshot::of(site.name(), &database.service, &version, &database.application);
            site.snapshots()
                .save(&name, snapshot, |to| copy_unused(&data, to, home.owner(), stop).map_err(storage))?;
            before = Some(name);
        }
        home.make(data.parent().unwrap_or(home.root()))?;
        let keeper = held.as_ref().map_or_else(|| site.live(), |(_, _, keeper)| keeper.clone());
        let partial = keeper.join("data.partial-restore");
        let put = put_into_place(&saved.data, &data, &partial, home.owner(), stop);
        if let (Err(_), Some(before)) = (&put, &before) {
            // What was there is there still.
            let _ = site.snapshots().remove(before);
        }
        put?;
        if let Some(mut record) = site.record()?.filter(|_| held.is_none()) {
            // Whatever came of filling it, it is whole now.
            record.filling = Filling::Done;
            self.write(&record)?;
        }
        if let Some((mut held, below, _)) = held {
            let cluster = ClusterRecord {
                major: saved.snapshot.major(),
                user: database.user.clone(),
                databases: vec![saved.snapshot.database.clone()],
                initdb_args: database.initdb_args.clone(),
            };
            held.remember(below, cluster)?;
        }
        Ok(before)
    }
}

/// The name, or one with a number where there is one already: two restores may be made within one second.
fn first_free(name: &str, is_free: impl Fn(&str) -> bool) -> String {
    let others = (2..100).map(|number| format!("{name}-{number}"));
    std::iter::once(name.to_owned())
        .chain(others)
        .find(|name| is_free(name))
        .unwrap_or_else(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::first_free;

    #[test]
    fn what_was_there_is_kept_by_a_name_of_its_own_each_time() {
        let taken = ["before-1", "before-1-2"];
        assert_eq!(first_free("before-1", |name| !taken.contains(&name)), "before-1-3");
        assert_eq!(first_free("before-2", |name| !taken.contains(&name)), "before-2");
        assert_eq!(first_free("before-1", |_| false), "before-1");
    }
}
