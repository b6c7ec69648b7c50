//! Where the door keeps what it needs.
//!
//! ```text
//! HOME/door/
//!   lock          held by the door that is open
//!   door.json     its port, which stays the same
//!   names.json    who has which name; see `claims`
//!   door.log      what it could not tell anybody
//!   authority.json, authority.pem   the local authority, private to us, and its certificate, for all
//! ```

use std::path::PathBuf;

use backlot_state::Home;

/// The directory.
pub(crate) fn directory(home: &Home) -> PathBuf {
    home.root().join("door")
}

/// The lock of the door that is open.
pub(crate) fn lock(home: &Home) -> PathBuf {
    directory(home).join("lock")
}

/// What is known of it.
pub(crate) fn record(home: &Home) -> PathBuf {
    directory(home).join("door.json")
}

/// What it could not tell anybody.
pub(crate) fn log(home: &Home) -> PathBuf {
    directory(home).join("door.log")
}

/// The local authority, key included.
pub(crate) fn authority(home: &Home) -> PathBuf {
    directory(home).join("authority.json")
}

/// The certificate of the local authority.
pub(crate) fn certificate(home: &Home) -> PathBuf {
    directory(home).join("authority.pem")
}
