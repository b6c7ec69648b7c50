//! How far something has come that takes its time, for those who wait.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use backlot_postgres::{Access, Connection};

use crate::event::HowFar;

/// How long a server is waited for that is asked how far it is.
const LIMIT: Duration = Duration::from_secs(1);

/// What is loaded by a COPY, with the rows so far and, where that is known, how much of the whole that is.
const COPIES: &str = "\
SELECT string_agg(relid::regclass::text || ': ' || tuples_processed || ' rows' || CASE WHEN bytes_total > 0
  THEN ', ' || (100 * bytes_processed / bytes_total) || ' %' ELSE '' END, ', ')
FROM pg_stat_progress_copy WHERE datname = current_database()";

/// Tells how many bytes there are in what begins with a name, in any of these folders.
pub fn bytes_in(places: Vec<(PathBuf, String)>) -> HowFar {
    Arc::new(move || {
        let there = |(folder, name): &(PathBuf, String)| {
            let entries = fs::read_dir(folder).into_iter().flatten().flatten();
            let named =
                entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(name.as_str()));
            named.map(|entry| bytes(&entry.path())).sum::<u64>()
        };
        let tenths = places.iter().map(there).sum::<u64>() * 10 / (1 << 20);
        (tenths > 0).then(|| format!("{}.{} MiB are there", tenths / 10, tenths % 10))
    })
}

/// Those of a file, or of all files below a folder; what goes meanwhile counts nothing.
fn bytes(path: &Path) -> u64 {
    let Ok(found) = path.symlink_metadata() else { return 0 };
    if !found.is_dir() {
        return found.len();
    }
    fs::read_dir(path).into_iter().flatten().flatten().map(|entry| bytes(&entry.path())).sum()
}

/// A database that is being filled.
pub struct Loading {
    access: Access,
    file: Mutex<Option<String>>,
    connection: Mutex<Option<Connection>>,
}

impl Loading {
    /// The database that `access` leads to.
    pub fn new(access: Access) -> Arc<Self> {
        Arc::new(Self { access, file: Mutex::default(), connection: Mutex::default() })
    }

    /// One of several files is what fills it from now on.
    pub(crate) fn begin(&self, file: &Path) {
        let name = file.file_name().map(|name| name.to_string_lossy().into_owned());
        *self.file.lock().unwrap_or_else(PoisonError::into_inner) = name;
    }

    /// Tells the file that runs, and the rows that were loaded.
    pub fn how_far(self: &Arc<Self>) -> HowFar {
        let loading = Arc::clone(self);
        Arc::new(move || {
            let file = loading.file.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let told: Vec<String> = file.into_iter().chain(loading.rows()).collect();
            (!told.is_empty()).then(|| told.join(", "))
        })
    }

    fn rows(&self) -> Option<String> {
        let mut connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        if connection.is_none() {
            *connection = Connection::open(&self.access, LIMIT).ok();
        }
        let asked = connection.as_mut()?.query_one_text(COPIES);
        if asked.is_err() {
            *connection = None;
        }
        asked.ok()?
    }
}

#[cfg(test)]
mod tests {
    use super::bytes_in;

    #[test]
    fn bytes_of_what_begins_so_are_counted() {
        let dir = tempfile::tempdir().unwrap();
        let how_far =
            bytes_in(vec![(dir.path().to_owned(), "data".into()), (dir.path().join("none"), "data".into())]);
        assert_eq!(how_far(), None);
        std::fs::create_dir_all(dir.path().join("data.partial-1/base")).unwrap();
        std::fs::write(dir.path().join("data.partial-1/base/1"), vec![0; 1_600_000]).unwrap();
        std::fs::write(dir.path().join("other"), vec![0; 9_000_000]).unwrap();
        assert_eq!(how_far().as_deref(), Some("1.5 MiB are there"));
    }
}
