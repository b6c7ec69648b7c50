//! What `backlot --version` says of where the source is from.

#![expect(clippy::unwrap_used, reason = "a test that cannot set itself up has to fail loudly")]
#![expect(clippy::disallowed_methods, reason = "git and the program itself, as somebody has them")]

#[path = "../build.rs"]
#[expect(dead_code, clippy::print_stdout, reason = "its main is cargo's")]
mod build;

use std::fs;
use std::path::Path;
use std::process::Command;

use build::{Origin, day};

fn run(program: &mut Command) -> String {
    let output = program.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn git(root: &Path, arguments: &[&str]) -> String {
    let mut git = Command::new("git");
    let identity = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"];
    git.env("GIT_COMMITTER_DATE", "2026-02-28T23:30:00-0200").env_remove("GIT_DIR").current_dir(root);
    run(git.args(identity).args(arguments))
}

#[test]
fn a_checkout_tells_its_commit_and_a_worktree_its_own() {
    let home = tempfile::tempdir().unwrap();
    let (root, beside) = (home.path().join("main"), home.path().join("beside"));
    let folder = |root: &Path| {
        let folder = root.join("crates/backlot");
        fs::create_dir_all(&folder).unwrap();
        folder
    };
    git(home.path(), &["init", "-q", "main"]);
    // Nothing is committed yet.
    assert_eq!(Origin::of(&folder(&root), None).said("t"), "t");
    git(&root, &["commit", "-q", "--allow-empty", "-m", "one"]);
    git(&root, &["worktree", "add", "-q", "-b", "other", beside.to_str().unwrap()]);
    git(&beside, &["commit", "-q", "--allow-empty", "-m", "two"]);
    for root in [&root, &beside] {
        let commit = git(root, &["rev-parse", "HEAD"]);
        let origin = Origin::of(&folder(root), None);
        // In UTC, wherever it was committed.
        assert_eq!(origin.said("t"), format!("{} 2026-03-01, t", &commit[..9]));
        let before = fs::read(origin.moves.as_ref().unwrap()).unwrap();
        git(root, &["commit", "-q", "--allow-empty", "-m", "three"]);
        assert_ne!(fs::read(origin.moves.unwrap()).unwrap(), before, "cargo would not ask again");
        assert!(Origin::of(&folder(root), Some("86400")).said("t").ends_with(" 1970-01-02, t"));
    }
}

#[test]
fn a_packaged_crate_tells_what_it_was_packaged_with_and_nothing_of_what_is_around_it() {
    let home = tempfile::tempdir().unwrap();
    git(home.path(), &["init", "-q"]);
    git(home.path(), &["commit", "-q", "--allow-empty", "-m", "a home directory in git"]);
    let folder = home.path().join("registry/src/backlot-0.1.0");
    fs::create_dir_all(&folder).unwrap();
    assert_eq!(Origin::of(&folder, None).said("t"), "t");
    assert_eq!(Origin::of(&folder, Some("0")).said("t"), "1970-01-01, t");
    assert_eq!(Origin::of(&folder, Some("yesterday")).said("t"), "t");
    let told = "{\n  \"git\": {\n    \"sha1\": \"0123456789abcdef0123456789abcdef01234567\"\n  },\n  \"path_in_vcs\": \"crates/backlot\"\n}";
    fs::write(folder.join(".cargo_vcs_info.json"), told).unwrap();
    assert_eq!(Origin::of(&folder, None).said("t"), "012345678, t");
}

#[test]
fn days_are_dates() {
    let dates = [(0, "1970-01-01"), (951_782_400, "2000-02-29"), (1_709_251_199, "2024-02-29")];
    for (seconds, date) in [(-1, "1969-12-31"), (4_107_542_400, "2100-03-01")].into_iter().chain(dates) {
        assert_eq!(day(seconds), date);
    }
}

#[test]
fn the_program_says_it() {
    let said = run(Command::new(env!("CARGO_BIN_EXE_backlot")).arg("--version"));
    let rest = said.strip_prefix(concat!("backlot ", env!("CARGO_PKG_VERSION"), " (")).unwrap();
    assert!(rest.ends_with(&format!("-{})", target_end())), "{said}");
    let short = run(Command::new(env!("CARGO_BIN_EXE_backlot")).arg("-V"));
    assert_eq!(short, concat!("backlot ", env!("CARGO_PKG_VERSION")));
}

fn target_end() -> &'static str {
    if cfg!(target_os = "macos") {
        "apple-darwin"
    } else if cfg!(target_env = "musl") {
        "linux-musl"
    } else {
        "linux-gnu"
    }
}
