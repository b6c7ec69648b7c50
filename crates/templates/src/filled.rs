//! Templates of clusters that scripts have filled: they are made of a cluster that somebody has had filled anyway.

use std::fs::{self, File};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use backlot_postgres::{ClusterSpec, Init, Installation, StorageError, make_private, remove_tree};

use crate::copy::copy_cluster;
use crate::folder::{DATA, fresh};
use crate::key::filled_key;
use crate::prune::drop_unused;
use crate::{DROPPED, MAKING, MAKING_PREFIX, MARKER, Template, TemplateError, Templates, Written, make};

/// What was printed while it was filled.
const PRINTED: &str = "printed";
/// The times of files may be as old as that when they are written down: two ticks of the slowest clock that kernels have.
const TICK: Duration = Duration::from_millis(20);
/// The most of that, in bytes.
const MOST_PRINTED: u64 = 1 << 20;

impl Templates {
    /// The template of clusters that `init` has filled, if there is one.
    pub fn filled(
        &self,
        installation: &Installation,
        spec: &ClusterSpec,
        init: &Init,
    ) -> Result<Option<Template>, TemplateError> {
        spec.check()?;
        let key = filled_key(installation, spec, &self.owner, init)?;
        Ok(self.hold(&key)?.map(|held| self.template(key, false, installation, spec, held)))
    }

    /// The template of this key, for throw-away clusters, if it is still there.
    pub fn of_key(&self, key: &str) -> Result<Option<Template>, TemplateError> {
        let (key, data_dir) = (key.to_owned(), self.dir.join(key).join(DATA));
        let owner = self.owner.clone();
        Ok(self.hold(&key)?.map(|held| Template {
            key,
            was_made: false,
            data_dir,
            owner,
            syncer: None,
            held,
        }))
    }

    /// How long ago it was made.
    pub fn age(&self, key: &str) -> Option<Duration> {
        // Its files are as old as what they were copied from; the folder is not.
        let made = fs::metadata(self.dir.join(key).join(DATA)).ok()?.modified().ok()?;
        made.elapsed().ok()
    }

    /// Notes what has been printed while the template of this key was filled.
    pub fn note_printed(&self, key: &str, printed: &[u8]) -> Result<(), TemplateError> {
        let path = self.dir.join(key).join(PRINTED);
        Ok(fs::write(&path, printed).map_err(StorageError::at("write", &path))?)
    }

    /// What was, if anything.
    pub fn printed(&self, key: &str) -> Vec<u8> {
        backlot_files::bytes(&self.dir.join(key).join(PRINTED), MOST_PRINTED).unwrap_or_default()
    }

    /// Drops what `init` has filled once, so that it is filled anew. One that somebody clones just now stays.
    pub fn forget(
        &self,
        installation: &Installation,
        spec: &ClusterSpec,
        init: &Init,
    ) -> Result<(), TemplateError> {
        let path = self.dir.join(filled_key(installation, spec, &self.owner, init)?);
        if !path.exists() {
            return Ok(());
        }
        let _maker = self.lock_for_change(MAKING)?;
        let dropped = self.dir.join(DROPPED);
        remove_tree(&dropped)?;
        drop_unused(&path, &dropped).map(drop)
    }

    /// Writes a template through to the disk that was not yet. Until then it counts as long as the machine is not started anew.
    pub fn settle(&self, key: &str) -> Result<(), TemplateError> {
        let path = self.dir.join(key).join(MARKER);
        let Ok(text) = backlot_files::text(&path) else { return Ok(()) };
        let Some((files, _boot)) = text.split_once('\n').filter(|(_, boot)| !boot.is_empty()) else {
            return Ok(());
        };
        let Some(_held) = self.hold(key)? else { return Ok(()) };
        let at = |action| StorageError::at(action, &path);
        let marker = File::options().write(true).open(&path).map_err(at("open"))?;
        backlot_files::write_through(&marker).map_err(at("sync"))?;
        marker.set_len(files.len() as u64 + 1).and_then(|()| marker.sync_all()).map_err(at("write"))?;
        Ok(())
    }

    /// Makes a template of the cluster in `data_dir`, which `init` has filled and whose server does not run. Returns its key.
    pub fn keep(
        &self,
        installation: &Installation,
        spec: &ClusterSpec,
        init: &Init,
        data_dir: &Path,
    ) -> Result<String, TemplateError> {
        let begun = Instant::now();
        let key = filled_key(installation, spec, &self.owner, init)?;
        make::drop_the_needless(installation, spec, &self.owner, data_dir, self.limit)?;
        self.owner.check_reach(&self.dir.join(&key).join(DATA))?;
        let _maker = self.lock_for_change(MAKING)?;
        if self.hold(&key)?.is_some() {
            return Ok(key);
        }
        let staging = fresh(&self.dir, MAKING_PREFIX)?;
        let copied = || -> Result<(), TemplateError> {
            make_private(&staging, &self.owner)?;
            let data = staging.join(DATA);
            copy_cluster(data_dir, &data, &self.owner)?;
            // Somebody waits: [`Templates::settle`] writes it through to the disk later.
            self.publish(&staging, &key, Written::NotYet)
        };
        if let Err(error) = copied() {
            // That error matters more than what is left behind, which the next one removes.
            let _ = remove_tree(&staging);
            return Err(error);
        }
        // What is written to the cluster from now on has another time than what was kept of it.
        thread::sleep(TICK.saturating_sub(begun.elapsed()));
        Ok(key)
    }
}
