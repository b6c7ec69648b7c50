//! System V shared memory that a killed program has left behind.

use nix::errno::Errno;
use nix::libc;

/// Removes the segment `id` if it still has this `key` (numbers are used again) and no process uses it. Returns whether it
/// did; without the right to it, it does not.
pub fn remove_shared_memory(key: u64, id: i32) -> bool {
    // SAFETY: all zeroes is a valid `shmid_ds`, which consists of numbers.
    let mut state: libc::shmid_ds = unsafe { std::mem::zeroed() };
    // SAFETY: `state` is valid for writing and lives through the call.
    if Errno::result(unsafe { libc::shmctl(id, libc::IPC_STAT, &raw mut state) }).is_err() {
        return false;
    }
    if state.shm_nattch != 0 || key_of(&state) != Some(key) {
        return false;
    }
    // SAFETY: this command takes no buffer.
    Errno::result(unsafe { libc::shmctl(id, libc::IPC_RMID, std::ptr::null_mut()) }).is_ok()
}

/// The first `length` bytes of the segment `id`, if it still has this `key`, is at least as long, and no process uses it.
pub fn read_shared_memory(key: u64, id: i32, length: usize) -> Option<Vec<u8>> {
    // SAFETY: all zeroes is a valid `shmid_ds`, which consists of numbers.
    let mut state: libc::shmid_ds = unsafe { std::mem::zeroed() };
    // SAFETY: `state` is valid for writing and lives through the call.
    Errno::result(unsafe { libc::shmctl(id, libc::IPC_STAT, &raw mut state) }).ok()?;
    if state.shm_nattch != 0 || key_of(&state) != Some(key) || state.shm_segsz < length {
        return None;
    }
    // SAFETY: the system chooses a free place.
    let start = unsafe { libc::shmat(id, std::ptr::null(), libc::SHM_RDONLY) };
    if start.addr() == usize::MAX {
        return None;
    }
    // SAFETY: that much was just attached for reading, and nobody writes to it.
    let bytes = unsafe { std::slice::from_raw_parts(start.cast::<u8>(), length) }.to_vec();
    // SAFETY: it was attached above, and nothing refers to it any more.
    unsafe { libc::shmdt(start) };
    Some(bytes)
}

#[cfg(target_os = "linux")]
fn key_of(state: &libc::shmid_ds) -> Option<u64> {
    // It comes first, and its name is another one in each C library.
    let key = (&raw const state.shm_perm).cast::<libc::key_t>();
    // SAFETY: it is the first field of a structure that lives, and of that type.
    u64::from(unsafe { key.read() }.cast_unsigned()).into()
}

#[cfg(not(target_os = "linux"))]
fn key_of(state: &libc::shmid_ds) -> Option<u64> {
    u64::from(state.shm_perm._key.cast_unsigned()).into()
}
