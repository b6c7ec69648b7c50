//! What tells one start of this machine from another.

/// Differs from start to start; what was not written through to the disk before is not to be trusted.
#[cfg(target_os = "linux")]
pub fn boot() -> String {
    let path = std::path::Path::new("/proc/sys/kernel/random/boot_id");
    backlot_files::text(path).unwrap_or_default().trim().to_owned()
}

/// Nothing tells here: what is there is taken for whole.
#[cfg(not(target_os = "linux"))]
pub fn boot() -> String {
    "-".to_owned()
}

/// Whether what was made in the start of the machine that is told so was made in this one; `false` where nothing tells.
pub fn is_of_this_boot(told: Option<&str>) -> bool {
    cfg!(target_os = "linux") && told.is_some_and(|told| !told.is_empty() && told == boot())
}

/// As much of it as a name needs.
pub(crate) fn short() -> String {
    boot().chars().take(8).collect()
}
