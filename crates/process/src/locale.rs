//! The locales of this machine.

use std::ffi::CString;

use nix::libc;

/// Whether the system's library knows a locale of this name (`en_US.utf8`).
pub fn has_locale(name: &str) -> bool {
    let Ok(name) = CString::new(name) else { return false };
    // SAFETY: the name ends with a NUL byte, and there is no base to be changed.
    let locale = unsafe { libc::newlocale(libc::LC_ALL_MASK, name.as_ptr(), std::ptr::null_mut()) };
    if locale.is_null() {
        return false;
    }
    // SAFETY: it was made just now, and nobody uses it.
    unsafe { libc::freelocale(locale) };
    true
}

#[cfg(test)]
mod tests {
    use super::has_locale;

    #[test]
    fn tells_what_is_there() {
        assert!(has_locale("C"));
        assert!(has_locale("POSIX"));
        assert!(!has_locale("xx_NOWHERE.utf8"));
        assert!(!has_locale("C\0"));
    }
}
