//! What the system lets us have.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Has us open as many files as may be: each request that is served takes two, and the usual limit of 1024 is meant for programs that use
/// `select`.
pub fn raise_file_limit() {
    if let Ok((_, hard)) = getrlimit(Resource::RLIMIT_NOFILE) {
        let _ = setrlimit(Resource::RLIMIT_NOFILE, hard.min(65_536), hard);
    }
}
