//! Templates of the real Postgres.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::Path;
use std::thread;
use std::time::Duration;

use backlot_postgres::{ClusterSpec, Durability};
use backlot_process::{Program, SpawnOptions};
use backlot_templates::TemplateError;

use crate::world::{World, connect, names, query, spec, stop};

#[test]
fn two_at_once_make_one() {
    let world = World::new();
    let spec = spec(Durability::Ephemeral);
    let made: Vec<bool> = thread::scope(|scope| {
        let threads: Vec<_> = (0..3).map(|_| scope.spawn(|| world.template(&spec).was_made)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(made.iter().filter(|&&made| made).count(), 1, "{made:?}");
    let key = world.template(&spec).key;
    assert!(key.starts_with(&format!("{}-", world.installation.version)), "{key}");
    assert_eq!(names(&world.path("templates")), [key.as_str(), "lock"]);
    assert_eq!(names(&world.path("templates").join(key)), ["complete", "data"]);
}

#[test]
fn what_was_never_completed_is_dropped() {
    let world = World::new();
    let spec = spec(Durability::Ephemeral);
    let key = world.template(&spec).key;
    let dir = world.path("templates");
    fs::remove_file(dir.join(&key).join("complete")).unwrap();
    fs::create_dir(dir.join("making-by-one-that-died")).unwrap();
    assert!(world.template(&spec).was_made);
    assert_eq!(names(&dir), [key.as_str(), "lock"]);

    let place = world.place("one");
    fs::create_dir(place.data_dir.with_file_name("data.partial-of-one-that-died")).unwrap();
    world.template(&spec).clone_into(&place.data_dir).unwrap();
    assert_eq!(names(&world.path("one")), ["data"]);
    let again = world.template(&spec).clone_into(&place.data_dir);
    assert!(matches!(&again, Err(TemplateError::Exists { path }) if *path == place.data_dir), "{again:?}");
}

#[test]
fn what_a_killed_maker_has_left_is_removed_unless_one_is_at_work() {
    let world = World::new();
    let dir = world.path("templates");
    world.templates().remove_unfinished().unwrap();
    let key = world.template(&spec(Durability::Ephemeral)).key;
    fs::create_dir(dir.join("making-by-somebody")).unwrap();

    let lock = File::open(dir.join("lock")).unwrap();
    lock.lock().unwrap();
    world.templates().remove_unfinished().unwrap();
    assert_eq!(names(&dir), [key.as_str(), "lock", "making-by-somebody"]);
    drop(lock);
    world.templates().remove_unfinished().unwrap();
    assert_eq!(names(&dir), [key.as_str(), "lock"]);
}

#[test]
#[cfg(target_os = "linux")]
fn what_works_in_the_remains_of_a_killed_making_is_ended() {
    let world = World::new();
    let key = world.template(&spec(Durability::Ephemeral)).key;
    fs::remove_file(world.path("templates").join(key).join("complete")).unwrap();
    let data = world.path("templates/making-by-one-that-died/data");
    fs::create_dir_all(&data).unwrap();
    // Any program of that name does for a server.
    let program = world.path("postgres");
    fs::copy("/bin/sleep", &program).unwrap();
    let start = |dir: &Path| {
        Program::new(&program).arg("60").current_dir(dir).spawn(SpawnOptions::default()).unwrap()
    };
    let (mut worker, mut bystander) = (start(&data), start(&world.path("templates")));

    world.template(&spec(Durability::Ephemeral));
    assert!(worker.wait(Duration::from_secs(10)).unwrap().is_some());
    assert!(bystander.id().is_alive());
    bystander.kill().unwrap();
}

#[test]
fn one_that_has_lost_files_is_made_anew() {
    let world = World::new();
    let spec = spec(Durability::Ephemeral);
    let key = world.template(&spec).key;
    let data = world.path("templates").join(key).join("data");
    let place = world.place("one");

    fs::remove_file(data.join("global/pg_control")).unwrap();
    let damaged = world.template(&spec).clone_into(&place.data_dir);
    assert!(
        matches!(&damaged, Err(TemplateError::Damaged { expected, found, .. }) if expected - found == 1),
        "{damaged:?}"
    );
    assert_eq!(names(&world.path("one")), [""; 0]);
    assert!(world.template(&spec).was_made);

    fs::remove_dir_all(&data).unwrap();
    let anew = world.template(&spec);
    assert!(anew.was_made);
    anew.clone_into(&place.data_dir).unwrap();
}

#[test]
fn the_ones_used_last_are_kept_and_those_in_use() {
    let world = World::new();
    let specs =
        ["a", "b", "c"].map(|name| ClusterSpec { superuser: name.into(), ..spec(Durability::Ephemeral) });
    let [first, second, third] = specs.each_ref().map(|spec| world.template(spec).key);
    let in_use = world.template(&specs[1]);
    drop(world.template(&specs[0]));

    let templates = world.templates();
    assert_eq!(templates.prune(2, &BTreeSet::new()).unwrap(), 1);
    let mut left = [first, second.clone(), "lock".into()];
    left.sort();
    assert_eq!(names(&world.path("templates")), left, "not {third}, which was used first");
    assert_eq!(templates.prune(0, &BTreeSet::new()).unwrap(), 1);
    assert_eq!(names(&world.path("templates")), [second.as_str(), "lock"]);
    // Held, it can still be cloned.
    in_use.clone_into(&world.place("one").data_dir).unwrap();
    drop(in_use);
    // Where there is room for none, the one used last is kept, and what somebody needs.
    drop(world.template(&specs[2]));
    templates.prune_to(0, &BTreeSet::from([second.clone()])).unwrap();
    let mut left = [third.clone(), second, "lock".into()];
    left.sort();
    assert_eq!(names(&world.path("templates")), left);
    templates.prune_to(0, &BTreeSet::new()).unwrap();
    assert_eq!(names(&world.path("templates")), [third.as_str(), "lock"]);
    assert_eq!(templates.prune(0, &BTreeSet::new()).unwrap(), 1);
}

#[test]
fn a_spare_is_taken_by_one_and_is_as_good_as_a_copy() {
    let world = World::new();
    for durability in [Durability::Ephemeral, Durability::Durable] {
        let spec = spec(durability);
        let template = world.template(&spec);
        let spares = world.path("templates").join(&template.key).join("spares");
        assert_eq!(template.keep_spares(2, Some(u64::MAX)).unwrap(), 2);
        fs::create_dir(spares.join("making-by-one-that-died")).unwrap();
        assert_eq!(template.keep_spares(2, Some(u64::MAX)).unwrap(), 0);
        let places: Vec<_> = (0..3).map(|number| world.place(&format!("{durability}-{number}"))).collect();
        thread::scope(|scope| {
            for place in &places {
                scope.spawn(|| template.clone_into(&place.data_dir).unwrap());
            }
        });
        assert_eq!(names(&spares), ["lock", "making-by-one-that-died"]);
        for place in &places {
            assert_eq!(names(place.data_dir.parent().unwrap()), ["data"]);
            let cluster = world.start(place, &spec).unwrap();
            assert_eq!(query(&mut connect(&cluster, &spec, "application"), "SELECT 1"), "1");
            stop(&cluster);
        }
        assert_eq!(template.keep_spares(1, Some(u64::MAX)).unwrap(), 1);
        assert_eq!(names(&spares).len(), 2);
    }
}

#[test]
fn what_was_used_is_made_a_spare_again_by_what_differs() {
    let world = World::new();
    let spec = spec(Durability::Ephemeral);
    let template = world.template(&spec);
    let spares = world.path("templates").join(&template.key).join("spares");
    let place = world.place("used");
    template.clone_into(&place.data_dir).unwrap();
    let cluster = world.start(&place, &spec).unwrap();
    query(&mut connect(&cluster, &spec, "application"), "CREATE TABLE item AS SELECT 1; SELECT 1");
    stop(&cluster);
    template.take_over(&place.data_dir, true).unwrap();
    // Nothing is left for a copy.
    assert_eq!(template.keep_spares(1, Some(0)).unwrap(), 1);
    let place = world.place("again");
    assert!(template.take_spare(&place.data_dir).unwrap() && !template.has_spare());
    assert_eq!(template.difference(&place.data_dir).unwrap().files(), 1, "its log is copied each time");
    let cluster = world.start(&place, &spec).unwrap();
    let is_gone = query(&mut connect(&cluster, &spec, "application"), "SELECT to_regclass('item') IS NULL");
    assert_eq!(is_gone, "t");
    stop(&cluster);
    // Of what nobody knows, none is made, nor where there are too many already.
    template.take_over(&place.data_dir, false).unwrap();
    assert_eq!(template.keep_spares(1, Some(0)).unwrap(), 0);
    assert_eq!(names(&spares), ["lock"]);
    assert_eq!(template.keep_spares(1, None).unwrap(), 0);
    assert_eq!(template.keep_spares(1, Some(u64::MAX)).unwrap(), 1);
    // One of before the machine was started may not be whole.
    let ready = names(&spares).into_iter().find(|name| name.starts_with("ready-")).unwrap();
    fs::rename(spares.join(ready), spares.join("ready-00000000-1-2")).unwrap();
    assert!(!template.has_spare());
    assert_eq!(template.keep_spares(1, Some(0)).unwrap(), 0);
    assert_eq!(names(&spares), ["lock"]);
}

#[test]
fn spares_go_before_templates() {
    let world = World::new();
    let specs = [
        spec(Durability::Ephemeral),
        ClusterSpec { superuser: "other".into(), ..spec(Durability::Ephemeral) },
    ];
    let templates = world.templates();
    for spec in &specs {
        let template = world.template(spec);
        assert_eq!(template.keep_spares(1, Some(u64::MAX)).unwrap(), 1);
    }
    let spares = || specs.each_ref().map(|spec| world.template(spec).has_spare());
    let known = || templates.known().unwrap().iter().map(|known| known.bytes).collect::<Vec<_>>();
    let all: u64 = known().iter().sum();
    assert_eq!(templates.prune_to(all, &BTreeSet::new()).unwrap(), all);
    assert_eq!(spares(), [true, true]);
    let left = templates.prune_to(all - 1, &BTreeSet::new()).unwrap();
    assert!(left < all && known().len() == 2, "{left} {all}");
    assert_eq!(spares(), [false, true], "that of the one used last stays longest");
    assert!(templates.prune_to(left - 1, &BTreeSet::new()).unwrap() < left);
    assert_eq!((spares(), known().len()), ([false, false], 2));
}

#[test]
fn the_wishes_of_the_project_are_in_it() {
    let world = World::new();
    let names = ["postgres", "my \"db\"", "semi;colon", "ümlaut", "postgres", "template1"];
    let spec = ClusterSpec {
        superuser: "o brien; --".into(),
        databases: names.map(str::to_owned).into(),
        initdb_args: ["--data-checksums", "--locale=C", "--encoding=LATIN1"].map(str::to_owned).into(),
        ..spec(Durability::Ephemeral)
    };
    let place = world.clone_of(&spec, "one");
    let cluster = world.start(&place, &spec).unwrap();
    let mut connection = connect(&cluster, &spec, "my \"db\"");
    assert_eq!(query(&mut connection, "SHOW data_checksums"), "on");
    assert_eq!(query(&mut connection, "SHOW lc_collate"), "C");
    assert_eq!(query(&mut connection, "SHOW server_encoding"), "LATIN1");
    assert_eq!(query(&mut connection, "SELECT current_user"), "o brien; --");
    for name in &names[1..4] {
        assert!(connection.database_exists(name).unwrap(), "{name}");
    }
    stop(&cluster);
}

#[test]
fn what_initdb_refuses_is_told_in_its_own_words() {
    let world = World::new();
    let spec = ClusterSpec { initdb_args: vec!["--locale=no_SUCH".into()], ..spec(Durability::Ephemeral) };
    let error = world.templates().ensure(&world.installation, &spec).unwrap_err();
    let TemplateError::Make(source) = &error else { panic!("{error:?}") };
    assert!(source.to_string().contains("invalid locale name \"no_SUCH\""), "{source}");
    assert_eq!(names(&world.path("templates")), ["lock"]);
}

#[test]
fn a_password_that_initdb_prints_is_not_told() {
    let world = World::new();
    // It quotes its statement when that fails: this name is none that it can set a password for.
    let spec = ClusterSpec { superuser: "none".into(), ..spec(Durability::Ephemeral) };
    let error = world.templates().ensure(&world.installation, &spec).unwrap_err();
    let TemplateError::Make(source) = &error else { panic!("{error:?}") };
    assert!(source.to_string().contains("role name \"none\" is reserved"), "{source}");
    assert!(!format!("{error:?}").contains("wörd"), "{error:?}");
}

#[test]
fn nobody_else_may_look_into_a_template_or_a_clone() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    let world = World::new();
    let spec = spec(Durability::Ephemeral);
    let place = world.clone_of(&spec, "one");
    let template = world.path("templates").join(world.template(&spec).key);
    for path in [template.as_path(), &template.join("data"), &place.data_dir] {
        let metadata = fs::metadata(path).unwrap();
        assert_eq!(metadata.permissions().mode() & 0o777, 0o700, "{}", path.display());
        assert_eq!(metadata.uid(), world.owner.uid(), "{}", path.display());
    }
    let files = ["PG_VERSION", "global/pg_control", "base/1/PG_VERSION", "pg_hba.conf"];
    for file in files.map(|file| place.data_dir.join(file)) {
        let metadata = fs::metadata(&file).unwrap();
        assert_eq!((metadata.permissions().mode() & 0o777, metadata.uid()), (0o600, world.owner.uid()));
    }
}

#[test]
fn a_place_that_cannot_be_written_is_named() {
    let world = World::new();
    let spec = spec(Durability::Ephemeral);
    let templates = backlot_templates::Templates::new("/proc/no/templates", world.owner.clone());
    let error = templates.ensure(&world.installation, &spec).unwrap_err();
    assert!(error.to_string().starts_with("make /proc/no"), "{error}");
    let missing = world.path("missing/data");
    let error = world.template(&spec).clone_into(&missing).unwrap_err();
    assert_eq!(error.to_string(), format!("read {}", missing.parent().map(Path::display).unwrap()));
}
