//! Fake programs: what real ones will not do on demand.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use crate::stage::Stage;

/// A Postgres installation whose programs are the real ones, but for those that were replaced by scripts.
#[derive(Debug)]
pub struct FakePostgres {
    bin: PathBuf,
}

impl FakePostgres {
    /// Makes one on a stage; `version` is what its programs say they are, such as `15.18`.
    pub fn on(stage: &Stage, version: &str) -> Self {
        let bin = stage.root().join("fake/bin");
        fs::create_dir_all(&bin).unwrap();
        let fake = Self { bin };
        for program in ["postgres", "initdb", "psql"] {
            fake.replace(program, &format!("echo '{program} (PostgreSQL) {version}'"));
        }
        fake
    }

    /// Replaces a program by a shell script. `--version` still gives the version when the script says so.
    pub fn replace(&self, program: &str, script: &str) -> &Self {
        let path = self.bin.join(program);
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
        self
    }

    /// The folder of its programs, for `x-backlot: {bin: …}`.
    pub fn bin(&self) -> String {
        self.bin.display().to_string()
    }
}
