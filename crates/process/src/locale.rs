//! The locales of this machine.

/// Whether the C library of this machine's programs knows a locale of this name (`en_US.utf8`).
#[cfg(not(target_env = "musl"))]
pub fn has_locale(name: &str) -> bool {
    use nix::libc;

    let Ok(name) = std::ffi::CString::new(name) else { return false };
    // SAFETY: the name ends with a NUL byte, and there is no base to be changed.
    let locale = unsafe { libc::newlocale(libc::LC_ALL_MASK, name.as_ptr(), std::ptr::null_mut()) };
    if locale.is_null() {
        return false;
    }
    // SAFETY: it was made just now, and nobody uses it.
    unsafe { libc::freelocale(locale) };
    true
}

/// The same from a binary that has a library of its own, which takes any name: the machine's is asked by its own program.
#[cfg(target_env = "musl")]
pub fn has_locale(name: &str) -> bool {
    use std::sync::OnceLock;
    use std::time::Duration;

    static LISTED: OnceLock<String> = OnceLock::new();
    let ask = || {
        let output = crate::Program::new("/usr/bin/locale").arg("-a").output(Duration::from_secs(5));
        output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default()
    };
    matches!(name, "C" | "POSIX") || is_listed(LISTED.get_or_init(ask), name)
}

/// Whether `locale -a` lists a locale; glibc takes any spelling of its codeset.
#[cfg(any(test, target_env = "musl"))]
fn is_listed(list: &str, name: &str) -> bool {
    let plain = |name: &str| match name.split_once('.') {
        Some((language, codeset)) => format!("{language}.{}", codeset.to_ascii_lowercase().replace('-', "")),
        None => name.to_owned(),
    };
    list.lines().any(|line| plain(line.trim()) == plain(name))
}

#[cfg(test)]
mod tests {
    use super::{has_locale, is_listed};

    #[test]
    fn tells_what_is_there() {
        assert!(has_locale("C"));
        assert!(has_locale("POSIX"));
        assert!(!has_locale("xx_NOWHERE.utf8"));
        assert!(!has_locale("C\0"));
    }

    #[test]
    fn a_listed_locale_may_be_spelled_in_either_way() {
        let list = "C\nC.utf8\nde_AT@euro\nen_US.utf8\nPOSIX\n";
        for (name, is) in [
            ("en_US.UTF-8", true),
            ("en_US.utf8", true),
            ("de_AT@euro", true),
            ("en_US", false),
            ("de_DE.utf8", false),
            ("", false),
        ] {
            assert_eq!(is_listed(list, name), is, "{name}");
        }
    }
}
