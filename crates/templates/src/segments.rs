//! Segments of the log that a stopped cluster does not need: for servers that come without `pg_resetwal`.

use std::fs;
use std::path::Path;

use backlot_postgres::StorageError;

/// The state of a cluster whose server has stopped in good order, in its control file (`DBState` in `pg_control.h`).
const STOPPED: u32 = 1;
/// More than the record of a checkpoint takes.
const RECORD: u64 = 8192;

/// Removes the segments behind the last checkpoint, which only wait to be used again.
pub(crate) fn drop_unused(data_dir: &Path) -> Result<(), StorageError> {
    let (control, log) = (data_dir.join("global/pg_control"), data_dir.join("pg_wal"));
    let bytes = backlot_files::bytes(&control, 1 << 20).map_err(StorageError::at("read", &control))?;
    let Some(checkpoint) = checkpoint(&bytes) else { return Ok(()) };
    let entries = fs::read_dir(&log).map_err(StorageError::at("read", &log))?;
    for entry in entries.filter_map(Result::ok) {
        let size = entry.metadata().map_or(0, |metadata| metadata.len());
        let start = entry.file_name().to_str().and_then(|name| start(name, size));
        if start.is_some_and(|start| start > checkpoint + RECORD) {
            fs::remove_file(entry.path()).map_err(StorageError::at("remove", &entry.path()))?;
        }
    }
    Ok(())
}

/// Whether the server of a cluster has stopped in good order, so that nothing is lost with it.
pub fn has_ended_well(data_dir: &Path) -> bool {
    let control = backlot_files::bytes(&data_dir.join("global/pg_control"), 1 << 20);
    control.is_ok_and(|bytes| checkpoint(&bytes).is_some())
}

/// Where the last checkpoint is in the log; none if the server has not stopped in good order. The control file begins the same
/// way in all versions since 11.
fn checkpoint(control: &[u8]) -> Option<u64> {
    let state = u32::from_ne_bytes(control.get(16..20)?.try_into().ok()?);
    let at = u64::from_ne_bytes(control.get(32..40)?.try_into().ok()?);
    (state == STOPPED && at > 0).then_some(at)
}

/// Where a segment starts in the log, by its name (time line, and the number in two parts) and its size in bytes.
fn start(name: &str, size: u64) -> Option<u64> {
    if name.len() != 24 || !size.is_power_of_two() {
        return None;
    }
    let [high, low] = [&name[8..16], &name[16..]].map(|part| u64::from_str_radix(part, 16).ok());
    Some((high? << 32) + low? * size)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{drop_unused, start};

    const MIB: usize = 1 << 20;

    fn cluster(state: u32, checkpoint: u64) -> Vec<String> {
        let dir = tempfile::tempdir().unwrap();
        let at = |path: &str| dir.path().join(path);
        fs::create_dir_all(at("global")).unwrap();
        fs::create_dir_all(at("pg_wal/archive_status")).unwrap();
        let mut control = vec![0; 8192];
        control[16..20].copy_from_slice(&state.to_ne_bytes());
        control[32..40].copy_from_slice(&checkpoint.to_ne_bytes());
        fs::write(at("global/pg_control"), control).unwrap();
        for segment in 1..=4 {
            fs::write(at(&format!("pg_wal/0000000100000000{segment:08X}")), vec![0; MIB]).unwrap();
        }
        drop_unused(dir.path()).unwrap();
        let left = fs::read_dir(at("pg_wal")).unwrap().map(|entry| entry.unwrap().file_name());
        let mut left: Vec<String> = left
            .filter_map(|name| Some(name.to_str()?.strip_prefix("000000010000000")?.to_owned()))
            .collect();
        left.sort();
        left
    }

    #[test]
    fn only_what_is_behind_the_last_checkpoint_goes() {
        let mib = |count: u64| count << 20;
        assert_eq!(cluster(1, mib(2) + 40), ["000000001", "000000002"]);
        // Its record may reach into the next one.
        assert_eq!(cluster(1, mib(3) - 100), ["000000001", "000000002", "000000003"]);
        // One that was killed recovers from what it has.
        assert_eq!(cluster(6, mib(2) + 40).len(), 4);
    }

    #[test]
    fn a_segments_name_says_where_it_starts() {
        assert_eq!(start("000000010000000000000003", 1 << 20), Some(3 << 20));
        assert_eq!(start("0000000100000002000000FF", 16 << 20), Some((2 << 32) + (255 << 24)));
        assert_eq!(start("archive_status", 4096), None);
        assert_eq!(start("000000010000000000000003", 0), None);
    }
}
