//! What a killed server leaves behind outside its data directory.

use std::fs;
use std::path::Path;

use backlot_process::{ProcessId, remove_shared_memory};

/// Removes the socket of a server that is gone, the socket's lock file, and the few bytes of shared memory by which two
/// servers in one data directory would notice each other. A server that ends by itself leaves none of these, so nothing is
/// reported here; the memory stays if anyone still uses it.
pub(crate) fn remove(data_dir: &Path, socket_dir: &Path, port: u16) {
    let pid_file = fs::read_to_string(data_dir.join("postmaster.pid")).unwrap_or_default();
    if pid(&pid_file).and_then(ProcessId::of).is_some() {
        // The record was old: another server has been started here since.
        return;
    }
    for name in [format!(".s.PGSQL.{port}"), format!(".s.PGSQL.{port}.lock")] {
        let _ = fs::remove_file(socket_dir.join(name));
    }
    if let Some((key, id)) = shared_memory(&pid_file) {
        remove_shared_memory(key, id);
    }
}

/// Frees the few bytes of shared memory that a killed server has left, of which its data directory tells. Nothing happens
/// while a process still uses them; whoever calls this holds the cluster's lock.
pub fn free_shared_memory(data_dir: &Path) {
    let pid_file = fs::read_to_string(data_dir.join("postmaster.pid")).unwrap_or_default();
    if let Some((key, id)) = shared_memory(&pid_file) {
        remove_shared_memory(key, id);
    }
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
    use super::shared_memory;

    #[test]
    fn reads_the_seventh_line() {
        let text = "123\n/data\n1790000000\n20000\n/socket\n127.0.0.1\n  6835217     32791\nready   \n";
        assert_eq!(shared_memory(text), Some((6_835_217, 32_791)));
        assert_eq!(shared_memory("123\n/data\n"), None);
    }
}
