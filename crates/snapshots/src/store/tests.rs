use std::fs;
use std::path::Path;
use std::thread;
use std::time::Duration;

use backlot_process::Owner;

use super::{Snapshot, SnapshotError, Store};

fn snapshot() -> Snapshot {
    Snapshot::of("development", "db", "16.9", "application")
}

#[expect(clippy::unnecessary_wraps, reason = "it is called where a copy may fail")]
fn fill(data: &Path) -> Result<(), SnapshotError> {
    fs::create_dir(data).unwrap();
    fs::write(data.join("PG_VERSION"), "16\n").unwrap();
    Ok(())
}

#[test]
fn one_is_there_whole_or_not_at_all() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::at(dir.path().join("all"), Owner::Caller);
    assert!(store.all().unwrap().is_empty());
    let failed = store.save("one", snapshot(), |_| Err::<(), _>(SnapshotError::Restless));
    assert!(matches!(failed, Err(SnapshotError::Restless)));
    assert!(matches!(store.get("one"), Err(SnapshotError::Unknown { .. })));
    let saved = store.save("one", snapshot(), fill).unwrap();
    assert_eq!((saved.snapshot.bytes, saved.snapshot.major()), (3, 16));
    assert_eq!(store.get("one").unwrap().snapshot, saved.snapshot);
    assert!(matches!(store.save("one", snapshot(), fill), Err(SnapshotError::Exists { .. })));
    // What somebody has left who was killed counts for nothing, and goes.
    fs::create_dir(dir.path().join("all/making-1")).unwrap();
    fs::create_dir(dir.path().join("all/removed-1")).unwrap();
    assert_eq!((store.all().unwrap().len(), store.has_left_overs()), (1, true));
    store.tidy().unwrap();
    assert_eq!((store.all().unwrap().len(), store.has_left_overs()), (1, false));
    // Nobody takes away what is being read.
    let held = store.hold("one").unwrap();
    let removing = store.clone();
    let removing = thread::spawn(move || removing.remove("one"));
    thread::sleep(Duration::from_millis(200));
    assert!(held.saved.data.join("PG_VERSION").is_file() && !removing.is_finished());
    drop(held);
    removing.join().unwrap().unwrap();
    store.save("one", snapshot(), fill).unwrap();
    fs::create_dir(dir.path().join("all/making-2")).unwrap();
    store.remove("one").unwrap();
    assert!(matches!(store.remove("one"), Err(SnapshotError::Unknown { .. })));
    assert!(!dir.path().join("all").exists());
}

#[test]
fn names_lead_nowhere_else() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::at(dir.path(), Owner::Caller);
    for name in ["", "..", ".x", "a/b", "-v", "lock", "making-2", "a b", &"x".repeat(101)] {
        assert!(matches!(store.get(name), Err(SnapshotError::Name { .. })), "{name}");
        assert!(matches!(store.save(name, snapshot(), fill), Err(SnapshotError::Name { .. })), "{name}");
        assert!(matches!(store.remove(name), Err(SnapshotError::Name { .. })), "{name}");
    }
}
