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

/// A `docker` that does what real ones will not do on demand.
#[derive(Debug)]
pub struct FakeDocker {
    bin: PathBuf,
}

impl FakeDocker {
    /// Makes one on a stage, a shell script, and leaves a real `docker` or `docker-compose` out of its PATH.
    pub fn on(stage: &Stage, script: &str) -> Self {
        let fake = Self { bin: stage.root().join("fake/docker") };
        fs::create_dir_all(&fake.bin).unwrap();
        fake.program("docker", script);
        // What scripts need, and nothing else.
        for program in ["sh", "cat", "sleep", "echo", "env", "true", "git"] {
            let found = ["/usr/bin", "/bin"].map(|dir| PathBuf::from(dir).join(program));
            if let Some(found) = found.into_iter().find(|file| file.exists()) {
                let _ = std::os::unix::fs::symlink(found, fake.bin.join(program));
            }
        }
        fake
    }

    /// Adds a program beside it, a shell script.
    pub fn program(&self, name: &str, script: &str) -> &Self {
        let path = self.bin.join(name);
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
        self
    }

    /// Takes the `docker` itself away again.
    pub fn without_docker(&self) -> &Self {
        fs::remove_file(self.bin.join("docker")).unwrap();
        self
    }

    /// A PATH on which it is the only one.
    pub fn path(&self) -> String {
        self.bin.display().to_string()
    }
}
