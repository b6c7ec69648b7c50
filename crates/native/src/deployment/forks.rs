//! Which databases of a worktree begin with what the main checkout's have.

use std::path::Path;

use backlot_facts::database::{Database, Wanted};
use backlot_plan::{Storage, Volume};
use backlot_postgres::lets_in;
use backlot_project::Environment;
use backlot_stack::Cast;
use backlot_state::checkout::{as_known, attend};
use backlot_state::{Checkout, Checkouts, EngineError, Site, Wishes, runs, volume};
use backlot_templates::is_cluster;
use secrecy::ExposeSecret;

use crate::deployment::NativeStack;
use crate::made::Fork;
use crate::{DatabaseService, wal};

/// The environment that tests have for themselves.
const TESTING: &str = "testing";

/// The same environment of the main checkout.
struct Main {
    site: Site,
    environment: Environment,
}

impl NativeStack<'_> {
    /// Looks for what the databases of a worktree begin with that have no data yet; a line for each that begins with nothing,
    /// though the main checkout has something.
    pub(super) fn look_for_forks(&self, cast: &Cast, wishes: &Wishes) -> Vec<String> {
        let is_asked = !(self.throwaway || self.environment.stack.throwaway || wishes.empty || wishes.fresh);
        if !is_asked || self.environment.name.as_str() == TESTING {
            return Vec::new();
        }
        let new = self.database.iter().chain(self.wanted_others(cast, wishes)).filter(|one| one.is_new());
        let new: Vec<_> = new.filter(|one| one.fork().is_none()).collect();
        let mut lines: Vec<String> = Vec::new();
        let before = if new.is_empty() { None } else { self.before() };
        lines.extend(before);
        let main = if new.is_empty() { None } else { Checkout::of(self.ground.project.root()).main() };
        let Some(root) = main else { return lines };
        let main = match self.main(&root) {
            Ok(Some(main)) => main,
            Ok(None) => return lines,
            Err(error) => {
                let root = root.display();
                lines.push(format!(
                    "the databases begin empty, as the files in {root} cannot be read: {error}"
                ));
                return lines;
            }
        };
        for service in new {
            match service.fork_of(&main, &root) {
                Ok(Some(fork)) => drop(service.fork.set(fork)),
                Ok(None) if service.has_data_on_docker(&main) => {
                    let name = &service.database.service;
                    lines.push(format!("{name} begins empty: the main checkout's data is on Docker"));
                }
                Ok(None) => {}
                Err(why) => {
                    let name = &service.database.service;
                    lines.push(format!("{name} begins empty, not with the main checkout's data: {why}"));
                }
            }
        }
        lines.extend(self.not_forked(&main));
        lines
    }

    /// What begins with the data of others, a line each.
    pub(super) fn forks(&self) -> Vec<String> {
        let line = |service: &DatabaseService<'_>| {
            let fork = service.fork()?;
            Some(format!("copy the data of {fork}, for {} (--empty for none)", service.database.service))
        };
        self.databases().filter_map(line).collect()
    }

    /// Has somebody look whether the worktree is still there.
    pub(super) fn attend_checkout(&self) -> Result<(), EngineError> {
        if runs::run_of(&self.site).is_some() {
            return Ok(());
        }
        self.site.leave_docker()?;
        attend(&self.site, self.ground.project.root(), self.ground.caller)
    }

    /// That the data of another checkout is kept that was here before.
    fn before(&self) -> Option<String> {
        let root = self.ground.project.root();
        let before = Checkouts::of(self.ground.home).before(root)?;
        let (root, id) = (root.display(), &before.hash);
        Some(format!(
            "the data of another checkout that was at {root} before is kept: `backlot adopt {id}` takes it over, while this one has none"
        ))
    }

    fn main(&self, root: &Path) -> Result<Option<Main>, backlot_project::ProjectError> {
        let project = as_known(self.ground.home, self.ground.project.beside(root)?);
        // One that is somewhere above is another project.
        if project.root() != root {
            return Ok(None);
        }
        let environment = project.environment(&self.environment.name)?;
        let site = Site::new(self.ground.home, &project, environment.name.as_str());
        Ok(Some(Main { site, environment }))
    }

    /// The volumes in which others than databases have something in the main checkout.
    fn not_forked(&self, main: &Main) -> Option<String> {
        let of_databases: Vec<String> = Database::all(&main.environment)
            .into_iter()
            .filter_map(|wanted| Some(wanted.database.ok()?.storage.volume()?.to_string()))
            .collect();
        let holds = |key: &&String| {
            let Ok(Some(volume)) = backlot_facts::storage::volume(key, &main.environment.stack) else {
                return false;
            };
            let content = main.site.content(&volume);
            !matches!(volume, Volume::Folder(_))
                && !of_databases.contains(&volume.to_string())
                && content.read_dir().is_ok_and(|mut entries| entries.next().is_some())
        };
        let all: Vec<&str> =
            self.environment.stack.volumes.keys().filter(holds).map(String::as_str).collect();
        let (name, verb) = if all.len() == 1 { ("volume", "begins") } else { ("volumes", "begin") };
        let all = (!all.is_empty()).then(|| all.join(", "))?;
        Some(format!("the {name} {all} {verb} empty: of the main checkout's data only databases are copied"))
    }
}

impl DatabaseService<'_> {
    /// Whether it has no data yet.
    fn is_new(&self) -> bool {
        match &self.database.storage {
            Storage::Throwaway => self.site.record().is_ok_and(|record| record.is_none()),
            storage @ Storage::Durable { .. } => !is_cluster(&self.site.data(storage)),
        }
    }

    /// Whether the main checkout has data that stays in Docker's volumes.
    fn has_data_on_docker(&self, main: &Main) -> bool {
        self.database.storage.volume().is_some() && main.site.data_on_docker().is_ok_and(|has| has.is_some())
    }

    /// The main checkout's database that it begins with, if that has one.
    ///
    /// # Errors
    /// Why it cannot.
    fn fork_of(&self, main: &Main, root: &Path) -> Result<Option<Fork>, String> {
        let name = &self.database.service;
        let mut wanted = Database::all(&main.environment).into_iter();
        let Some(Wanted { database: Ok(theirs), is_own, .. }) = wanted.find(|wanted| wanted.service == *name)
        else {
            return Ok(None);
        };
        let sites = [main.site.clone(), main.site.part(name)];
        let known = sites.into_iter().find_map(|site| {
            let database = site.record().ok().flatten()?.database?;
            (database.service == *name).then_some((site, database))
        });
        let (user, password) = (&self.database.user, self.database.password.expose_secret());
        let other_user = || Err("it has another user or password".to_owned());
        let (site, volume, major) = if let Some((site, database)) = known {
            if database.user != *user || database.password != password {
                return other_user();
            }
            (site, None, database.version.split('.').next().and_then(|major| major.parse().ok()))
        } else {
            let Some(major) = volume::major_in(&main.site, &theirs.storage) else { return Ok(None) };
            let data = main.site.data(&theirs.storage);
            if lets_in(&data, user, password) == Some(false) {
                return other_user();
            }
            let site = if is_own { main.site.clone() } else { main.site.part(name) };
            (site, Some(data), Some(major))
        };
        for storage in [&theirs.storage, &self.database.storage] {
            if let Some(Volume::Folder(folder)) = storage.volume() {
                return Err(format!("it is kept in the folder {}", folder.display()));
            }
        }
        if wal::place(&theirs, &main.site).or_else(|| wal::place(&self.database, &self.site)).is_some() {
            return Err("its log is in a volume of its own".to_owned());
        }
        let major = major.ok_or("its version is not known")?;
        match self.database.wanted_major.filter(|wanted| *wanted != major) {
            Some(wanted) => {
                Err(format!("that is PostgreSQL {major}'s, and this one is to be PostgreSQL {wanted}"))
            }
            None => Ok(Some(Fork { site, volume, major, root: root.to_owned() })),
        }
    }
}
