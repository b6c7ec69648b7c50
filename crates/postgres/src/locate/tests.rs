//! Made-up installations in a temporary directory.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::Duration;

use backlot_process::Program;

use super::{Installation, LocateError, SearchPlaces, find_version};
use crate::Version;

/// Another process writes it: a program cannot be run while any process has it open for writing, and a test beside this one
/// may fork at any moment.
fn write_program(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let write = Program::new("/bin/sh").args(["-c", r#"cat > "$0" && chmod 755 "$0""#]).arg(path);
    write.env("PATH", "/usr/bin:/bin").succeed_with(text.as_bytes(), Duration::from_secs(20)).unwrap();
}

/// A folder of programs which say that they are of this version.
fn install(bin_dir: &Path, version: &str) {
    for name in ["postgres", "initdb"] {
        write_program(&bin_dir.join(name), &format!("#!/bin/sh\necho '{name} (PostgreSQL) {version}'\n"));
    }
}

fn versions(found: &[Installation]) -> Vec<String> {
    found.iter().map(|installation| installation.version.to_string()).collect()
}

fn installation(major: u32, minor: u32) -> Installation {
    Installation {
        clients: None,
        bin_dir: PathBuf::from(format!("/{major}/{minor}/bin")),
        version: Version { major, minor },
    }
}

#[test]
fn finds_each_once_and_the_newest_first() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("lib/postgresql");
    install(&root.join("9.6/bin"), "9.6.24");
    install(&root.join("15/bin"), "15.3 (Debian 15.3-1)");
    install(&root.join("17/bin"), "17rc1");
    write_program(&root.join("16/bin/postgres"), "");
    // A link to one of them on PATH, the way Homebrew has it, and a folder without a server.
    let linked = dir.path().join("local/bin");
    fs::create_dir_all(&linked).unwrap();
    for name in ["postgres", "initdb"] {
        symlink(root.join("15/bin").join(name), linked.join(name)).unwrap();
    }
    write_program(&dir.path().join("empty/bin/psql"), "");

    let path =
        std::env::join_paths([dir.path().join("empty/bin"), linked, PathBuf::from("relative")]).unwrap();
    let places = SearchPlaces { explicit: None, path: Some(path), roots: vec![root.clone()] };
    let found = Installation::find_all(&places);
    assert_eq!(versions(&found), ["17.0", "15.3", "9.6"]);
    let real = fs::canonicalize(root.join("15/bin")).unwrap();
    assert_eq!(found[1].bin_dir, real);
    assert_eq!(found[1].program("psql"), real.join("psql"));
}

#[test]
fn a_wrapper_that_does_not_hold_its_version_is_asked() {
    let dir = tempfile::tempdir().unwrap();
    write_program(&dir.path().join("initdb"), "#!/bin/sh\n");
    write_program(&dir.path().join("postgres"), "#!/bin/sh\necho \"postgres (Postgre${x}SQL) 16.4\"\n");
    let places = SearchPlaces { explicit: Some(dir.path().to_owned()), ..SearchPlaces::default() };
    assert_eq!(versions(&Installation::find_all(&places)), ["16.4"]);
}

#[test]
fn a_named_folder_is_the_only_one_looked_at() {
    let dir = tempfile::tempdir().unwrap();
    install(&dir.path().join("15/bin"), "15.3");
    let named = dir.path().join("named");
    let places =
        SearchPlaces { explicit: Some(named.clone()), path: None, roots: vec![dir.path().to_owned()] };
    assert_eq!(Installation::locate(&places, None), Err(LocateError::NotThere { dir: named }));
}

#[test]
fn pg_config_is_the_last_resort() {
    let dir = tempfile::tempdir().unwrap();
    let hidden = dir.path().join("hidden/place");
    install(&hidden, "14.2");
    let script = format!("#!/bin/sh\n[ \"$1\" = --bindir ] && echo '{}'\n", hidden.display());
    write_program(&dir.path().join("bin/pg_config"), &script);
    let places = SearchPlaces { path: Some(dir.path().join("bin").into()), ..SearchPlaces::default() };
    assert_eq!(versions(&Installation::find_all(&places)), ["14.2"]);
}

#[test]
fn chooses_by_major_version() {
    let found = [installation(15, 2), installation(14, 20), installation(15, 18), installation(9, 6)];
    let choose = |wanted| Installation::choose(&found, wanted).map(|one| one.version.to_string());
    assert_eq!(choose(None).as_deref(), Ok("15.18"));
    assert_eq!(choose(Some(14)).as_deref(), Ok("14.20"));
    assert_eq!(choose(Some(9)), Err(LocateError::TooOld { found: installation(9, 6) }));
    assert_eq!(choose(Some(16)), Err(LocateError::NotThisMajor { wanted: 16, found: found.to_vec() }));
    assert_eq!(Installation::choose(&[], Some(16)), Err(LocateError::Nothing { wanted: Some(16) }));
}

#[test]
fn errors_tell_what_is_there_and_the_ways_out() {
    let error = Installation::choose(&[installation(15, 2)], Some(16)).unwrap_err();
    assert_eq!(error.to_string(), "find Postgres 16: there is only 15.2 in /15/2/bin");
    assert!(error.hint().starts_with("install"));
    let error = Installation::choose(&[installation(15, 2)], Some(9)).unwrap_err();
    assert!(error.hint().contains("newer"), "{}", error.hint());
    let error = LocateError::NotThere { dir: "/opt/pg".into() };
    assert!(error.hint().contains("x-backlot"), "{}", error.hint());
    let error = Installation::choose(&[installation(11, 22)], None).unwrap_err();
    assert_eq!(error.to_string(), "use Postgres 11.22 in /11/22/bin: the oldest that can be used is 12");
}

#[test]
fn finds_the_version_in_the_middle_of_a_program() {
    let bytes = b"\x7fELF\0(PostgreSQL) \0\xff(PostgreSQL) 15.18 (Debian 15.18-0)\n\0rest";
    assert_eq!(find_version(bytes), Some(Version { major: 15, minor: 18 }));
    assert_eq!(find_version(b"(PostgreSQL) "), None);
}
