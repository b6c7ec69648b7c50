//! What scripts see at the paths of their container.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use backlot_view::{Mount, Rung, View, What, rung};

use super::{INIT_DIR, Init, ScriptContent, Workshop};

/// Where the image has the server's socket.
const SOCKETS: &str = "/var/run/postgresql";
/// So much of a script is looked into, in bytes.
const LOOKED_INTO: u64 = 1024 * 1024;

impl Init {
    /// The view of scripts and of their server: the data, the scripts, the socket and what is mounted are where the container has
    /// them. None where this machine can give them none.
    pub(super) fn view(&self, data_dir: &Path, workshop: &Workshop) -> Option<Arc<View>> {
        if rung() == Rung::None || self.scripts.is_empty() || self.places.data.as_os_str().is_empty() {
            return None;
        }
        let at = |target: &Path, place: &Path| Mount {
            target: target.to_owned(),
            what: What::Path(place.to_owned()),
            read_only: false,
        };
        let mut mounts = vec![
            at(&self.places.data, data_dir),
            at(Path::new(INIT_DIR), &workshop.scratch.join(INIT_DIR.trim_start_matches('/'))),
            at(Path::new(SOCKETS), &workshop.socket_dir),
        ];
        mounts.extend(self.named().into_iter().map(|(target, place)| at(target, place)));
        View::new(&mounts, Path::new("/")).ok().map(Arc::new)
    }

    /// What is mounted of this machine and named by a script: what it does may depend on it.
    pub(super) fn named(&self) -> Vec<(&Path, &Path)> {
        let texts: Vec<String> = self.scripts.iter().flat_map(texts).collect();
        let is_named = |target: &Path| {
            let target = target.to_string_lossy();
            texts.iter().any(|text| text.contains(target.trim_end_matches('/')))
        };
        let own = [Path::new(INIT_DIR), Path::new(SOCKETS), &self.places.data];
        let is_own = |target: &Path| own.iter().any(|own| own.starts_with(target) || target.starts_with(own));
        let mounts = self.places.mounts.iter().map(|(target, place)| (target.as_path(), place.as_path()));
        mounts.filter(|(target, place)| !is_own(target) && place.exists() && is_named(target)).collect()
    }
}

/// What is in a script, and in what lies beside it.
fn texts(script: &super::Script) -> Vec<String> {
    match &script.content {
        ScriptContent::Text(text) => vec![text.clone()],
        ScriptContent::Path(path) => {
            let files: Vec<PathBuf> = super::files::files(path)
                .map(|files| files.into_iter().map(|(_, file, _)| file).collect())
                .unwrap_or_default();
            let read = |file: &PathBuf| backlot_files::bytes(file, LOOKED_INTO).ok();
            files.iter().filter_map(read).map(|text| String::from_utf8_lossy(&text).into_owned()).collect()
        }
    }
}
