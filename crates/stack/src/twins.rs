//! Programs that are the same under two names: a machine that has one of them has both.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use backlot_facts::container::Container;
use backlot_state::tools::on_path;

use crate::translation::Translation;

/// Redis, and the Valkey that came of it: same protocol, same options, same files.
const TWINS: [[&str; 2]; 2] = [["redis-server", "valkey-server"], ["redis-cli", "valkey-cli"]];

/// The programs of this machine, as `caller` finds them, that stand in for those that it has not: name, and file.
pub(crate) fn twins(caller: &BTreeMap<String, String>) -> Vec<(&'static str, PathBuf)> {
    let pairs = TWINS.into_iter().flat_map(|[one, other]| [[one, other], [other, one]]);
    let lacking = pairs.filter(|[name, _]| on_path(name, caller).is_none());
    lacking.filter_map(|[name, twin]| Some((name, on_path(twin, caller)?))).collect()
}

impl Translation<'_> {
    /// What of this machine stands in for the program of that name or path in an image.
    pub(crate) fn twin_of(&self, word: &str) -> Option<PathBuf> {
        let name = Path::new(word).file_name()?.to_str()?;
        twins(self.caller).into_iter().find(|(lacking, _)| *lacking == name).map(|(_, file)| file)
    }

    /// That a service runs under another name, in words.
    pub(crate) fn twin_note(&self, container: &Container<'_>) -> Option<String> {
        let word = container.command()?.into_iter().next()?;
        let twin = self.twin_of(&word).filter(|_| container.own_program(&word).is_none())?;
        let (service, at) = (&container.service.name, &container.service.location);
        Some(format!(
            "service {service} runs {} of this machine, which has no {word} ({at}); install that, or take --engine docker",
            twin.file_name()?.to_string_lossy()
        ))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    use super::twins;

    #[test]
    fn what_is_here_under_another_name_stands_in_and_nothing_else_does() {
        let dir = tempfile::tempdir().unwrap();
        let caller = BTreeMap::from([("PATH".to_owned(), dir.path().display().to_string())]);
        let program = |name: &str| {
            let file = dir.path().join(name);
            fs::write(&file, "#!/bin/sh\n").unwrap();
            fs::set_permissions(&file, Permissions::from_mode(0o755)).unwrap();
            file
        };
        assert_eq!(twins(&caller), []);
        let [server, cli] = ["redis-server", "valkey-cli"].map(program);
        assert_eq!(twins(&caller), [("valkey-server", server), ("redis-cli", cli)]);
        program("valkey-server");
        program("redis-cli");
        assert_eq!(twins(&caller), []);
    }
}
