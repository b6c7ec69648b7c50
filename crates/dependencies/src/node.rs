//! What an older Node did otherwise than this machine's: projects that were made for one count on it.

use crate::machine::Version;

/// The first Node whose npm refuses packages that do not suit each other; the npm before took them as they are.
const STRICT: u32 = 15;
/// The first one whose OpenSSL has old hash functions switched off, with which webpack 4 names files.
const WITHOUT_OLD_HASHES: u32 = 17;

/// The variable by which npm installs as that of `wanted` does, where what is `here` does not.
pub(crate) fn as_npm_of(wanted: Option<Version>, here: Version) -> Option<(&'static str, &'static str)> {
    is_between(wanted, STRICT, here).then_some(("npm_config_legacy_peer_deps", "true"))
}

/// The variable by which programs run as with the Node of `wanted`, where what is `here` does not.
pub(crate) fn as_node_of(wanted: Option<Version>, here: Version) -> Option<(&'static str, &'static str)> {
    is_between(wanted, WITHOUT_OLD_HASHES, here).then_some(("NODE_OPTIONS", "--openssl-legacy-provider"))
}

fn is_between(wanted: Option<Version>, change: u32, here: Version) -> bool {
    wanted.is_some_and(|wanted| wanted.major < change) && here.major >= change
}

#[cfg(test)]
mod tests {
    use super::{as_node_of, as_npm_of};
    use crate::machine::Version;

    #[test]
    fn what_has_changed_between_the_image_and_here_is_as_in_the_image() {
        let version = |major| Version { major, minor: None };
        for (wanted, here, npm, node) in [
            (Some(12), 20, true, true),
            (Some(14), 16, true, false),
            (Some(14), 14, false, false),
            (Some(16), 20, false, true),
            (Some(18), 20, false, false),
            (Some(20), 12, false, false),
            (None, 20, false, false),
        ] {
            let wanted = wanted.map(version);
            assert_eq!(as_npm_of(wanted, version(here)).is_some(), npm, "{wanted:?} {here}");
            assert_eq!(as_node_of(wanted, version(here)).is_some(), node, "{wanted:?} {here}");
        }
    }
}
