//! What a killed server leaves behind outside its data directory.

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use backlot_process::{ProcessId, read_shared_memory, remove_shared_memory};

/// Where `PGShmemHeader` has its magic number, and the number of the segment that lists the dynamic ones (all versions from
/// 9.4 on, on 64 bits).
const MAGIC: Range<usize> = 0..4;
const CONTROL: Range<usize> = 24..28;
const MAGIC_NUMBER: u32 = 679_834_894;

/// Removes the socket of a server that is gone, the socket's lock file, and the few bytes of shared memory by which two
/// servers in one data directory would notice each other. A server that ends by itself leaves none of these, so nothing is
/// reported here; the memory stays if anyone still uses it.
pub(crate) fn remove(data_dir: &Path, socket_dir: &Path, port: u16) {
    let pid_file = backlot_files::text(&data_dir.join("postmaster.pid")).unwrap_or_default();
    if pid(&pid_file).and_then(ProcessId::of).is_some() {
        // The record was old: another server has been started here since.
        return;
    }
    for name in [format!(".s.PGSQL.{port}"), format!(".s.PGSQL.{port}.lock")] {
        let _ = fs::remove_file(socket_dir.join(name));
    }
    free(&pid_file);
}

/// Frees the shared memory that a killed server has left, of which its data directory tells. Nothing happens while a
/// process still uses it; whoever calls this holds the cluster's lock.
pub fn free_shared_memory(data_dir: &Path) {
    free(&backlot_files::text(&data_dir.join("postmaster.pid")).unwrap_or_default());
}

fn free(pid_file: &str) {
    let Some((key, id)) = shared_memory(pid_file) else { return };
    // It alone tells of the rest, so it goes last.
    if let Some(control) = read_shared_memory(key, id, CONTROL.end).as_deref().and_then(control_segment) {
        remove_dynamic_segments(control);
    }
    remove_shared_memory(key, id);
}

/// Removes the segments of parallel queries and of statistics, and the one that lists them. The list is of numbers, some
/// of which are segments' names; others, by chance, are none's.
fn remove_dynamic_segments(control: u32) {
    let control = segment_file(control);
    let list = backlot_files::bytes(&control, backlot_files::MOST).unwrap_or_default();
    let numbers = list.chunks_exact(4).filter_map(|bytes| Some(u32::from_ne_bytes(bytes.try_into().ok()?)));
    for number in numbers.filter(|number| *number != 0) {
        let _ = fs::remove_file(segment_file(number));
    }
    let _ = fs::remove_file(control);
}

/// Where Linux has the segments that POSIX gives names to.
fn segment_file(number: u32) -> PathBuf {
    PathBuf::from(format!("/dev/shm/PostgreSQL.{number}"))
}

/// The number of the segment that lists the others, as the segment says that two servers would notice each other by.
fn control_segment(header: &[u8]) -> Option<u32> {
    let number = |at: Range<usize>| Some(u32::from_ne_bytes(header.get(at)?.try_into().ok()?));
    (number(MAGIC)? == MAGIC_NUMBER).then(|| number(CONTROL)).flatten().filter(|control| *control != 0)
}

fn pid(pid_file: &str) -> Option<i32> {
    pid_file.lines().next()?.trim().parse().ok()
}

/// Key and number of the shared memory: line 7 of the pid file.
fn shared_memory(pid_file: &str) -> Option<(u64, i32)> {
    let (key, id) = pid_file.lines().nth(6)?.trim().split_once(char::is_whitespace)?;
    Some((key.parse().ok()?, id.trim().parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::{control_segment, shared_memory};

    #[test]
    fn reads_the_seventh_line() {
        let text = "123\n/data\n1790000000\n20000\n/socket\n127.0.0.1\n  6835217     32791\nready   \n";
        assert_eq!(shared_memory(text), Some((6_835_217, 32_791)));
        assert_eq!(shared_memory("123\n/data\n"), None);
    }

    #[test]
    fn reads_the_number_of_the_list_of_segments_from_a_header_of_postgres_only() {
        let mut header = [0; 28];
        header[..4].copy_from_slice(&super::MAGIC_NUMBER.to_ne_bytes());
        assert_eq!(control_segment(&header), None);
        header[24..].copy_from_slice(&7_u32.to_ne_bytes());
        assert_eq!(control_segment(&header), Some(7));
        assert_eq!(control_segment(&header[..20]), None);
        header[0] ^= 1;
        assert_eq!(control_segment(&header), None);
    }
}
