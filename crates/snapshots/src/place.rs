//! Putting a copy in the place of a cluster.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use backlot_postgres::{StorageError, remove_tree};
use backlot_process::Owner;
use backlot_templates::copy_unused;

use crate::error::SnapshotError;

/// Puts a copy of the cluster `from`, which nobody uses, in the place of what is at `data`, by way of `partial`, which is on the
/// same file system. At any moment there is the one or the other at `data`, whole and on the disk.
///
/// # Errors
/// When it cannot be copied, or `stop` is set meanwhile; then `data` is as it was.
pub fn put_into_place(
    from: &Path,
    data: &Path,
    partial: &Path,
    owner: &Owner,
    stop: &AtomicBool,
) -> Result<(), SnapshotError> {
    remove_tree(partial)?;
    let copied = copy_unused(from, partial, owner, stop).map_err(SnapshotError::from).and_then(|()| {
        let folder = File::open(partial).map_err(StorageError::at("open", partial))?;
        backlot_files::write_through(&folder).map_err(StorageError::at("sync", partial))?;
        exchange(partial, data).map_err(StorageError::at("make", data))?;
        Ok(())
    });
    // What was there, or what has come of the copy.
    remove_tree(partial)?;
    copied
}

/// The one takes the other's place in one step, where the system can do that.
fn exchange(new: &Path, old: &Path) -> io::Result<()> {
    if !old.exists() {
        return fs::rename(new, old);
    }
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{CWD, RenameFlags, renameat_with};
        match renameat_with(CWD, new, CWD, old, RenameFlags::EXCHANGE) {
            Ok(()) => return Ok(()),
            Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let aside = new.with_extension("aside");
    fs::rename(old, &aside)?;
    fs::rename(new, old).inspect_err(|_| drop(fs::rename(&aside, old)))?;
    fs::rename(&aside, new)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;
    use std::sync::atomic::AtomicBool;

    use backlot_process::Owner;

    use super::put_into_place;

    #[test]
    fn what_is_there_stays_until_the_new_one_is_whole() {
        let (dir, never) = (tempfile::tempdir().unwrap(), AtomicBool::new(false));
        let [from, data, partial] = ["from", "data", "partial"].map(|name| dir.path().join(name));
        let cluster = |path: &Path, text: &str| {
            fs::create_dir(path).unwrap();
            fs::write(path.join("PG_VERSION"), text).unwrap();
        };
        cluster(&from, "16 new");
        cluster(&data, "16 old");
        assert!(
            put_into_place(&dir.path().join("nowhere"), &data, &partial, &Owner::Caller, &never).is_err()
        );
        assert_eq!(fs::read_to_string(data.join("PG_VERSION")).unwrap(), "16 old");
        put_into_place(&from, &data, &partial, &Owner::Caller, &never).unwrap();
        assert_eq!(fs::read_to_string(data.join("PG_VERSION")).unwrap(), "16 new");
        let stopped = AtomicBool::new(true);
        cluster(&dir.path().join("third"), "16 third");
        let third = put_into_place(&dir.path().join("third"), &data, &partial, &Owner::Caller, &stopped);
        assert!(third.is_err() && !partial.exists());
        assert_eq!(fs::read_to_string(data.join("PG_VERSION")).unwrap(), "16 new");
        fs::remove_dir_all(&data).unwrap();
        put_into_place(&from, &data, &partial, &Owner::Caller, &never).unwrap();
        assert!(data.is_dir() && !partial.exists());
    }
}
