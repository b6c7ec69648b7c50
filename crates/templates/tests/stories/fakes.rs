//! Programs that are called `initdb` and `postgres` and fail in their own ways.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use backlot_postgres::{
    Durability, Installation, Place, PortWish, SearchPlaces, StartError, StorageError, Version,
};
use backlot_process::Program;
use backlot_templates::TemplateError;

use crate::world::{LIMIT, World, eventually, is_unlocked, names, spec};

const SHORT: Duration = Duration::from_millis(400);

/// A world whose Postgres consists of these scripts.
fn world(scripts: &[(&str, &str)]) -> World {
    let nowhere =
        Installation { bin_dir: PathBuf::new(), version: Version { major: 15, minor: 0 }, clients: None };
    let mut world = World::with(nowhere);
    let bin_dir = world.path("bin");
    for name in ["initdb", "postgres", "pg_resetwal"] {
        let script = scripts.iter().find(|(each, _)| *each == name).map_or("exit 0", |(_, script)| script);
        write_program(&bin_dir.join(name), &format!("#!/bin/sh\n: '{name} (PostgreSQL) 15.0'\n{script}\n"));
    }
    world.installation =
        Installation::locate(&SearchPlaces { explicit: Some(bin_dir), ..SearchPlaces::default() }, Some(15))
            .unwrap();
    world
}

/// Another process writes it: a program cannot be run while any process has it open for writing, and a test beside this one
/// may fork at any moment.
fn write_program(path: &std::path::Path, text: &str) {
    let script = r#"mkdir -p "${0%/*}" && cat > "$0" && chmod 755 "${0%/*}" "$0""#;
    let write = Program::new("/bin/sh").args(["-c", script]).arg(path).env("PATH", "/usr/bin:/bin");
    write.succeed_with(text.as_bytes(), Duration::from_secs(20)).unwrap();
}

/// A place with just enough to look like a cluster that was stopped in good order.
fn place(world: &World) -> Place {
    let place = world.place("one");
    fs::create_dir_all(place.data_dir.join("global")).unwrap();
    fs::write(place.data_dir.join("PG_VERSION"), "15\n").unwrap();
    let mut control = [0; 512];
    control[16] = 1;
    fs::write(place.data_dir.join("global/pg_control"), control).unwrap();
    world.owner.take(&place.data_dir).unwrap();
    place
}

fn start(world: &World, place: &Place, port: PortWish) -> StartError {
    let mut starter = world.starter(place, &spec(Durability::Ephemeral));
    starter.port = port;
    // One that never answers is given up soon; whatever ends by itself has its time, on a busy machine, too.
    starter.limit = if port == SILENT { SHORT } else { LIMIT };
    let error = starter.start().unwrap_err();
    assert!(eventually(LIMIT, || world.processes().is_empty()), "nothing of it is left");
    assert!(eventually(LIMIT, || is_unlocked(place)));
    error
}

const ANY: PortWish = PortWish::Free { preferred: 25_000 };
/// That of a server of which nothing will be heard.
const SILENT: PortWish = PortWish::Free { preferred: 26_000 };

#[test]
fn an_initdb_that_hangs_is_killed_with_all_that_it_started() {
    let world = world(&[("initdb", "echo thinking >&2; sleep 600 & wait")]);
    let templates = world.templates().with_limit(SHORT);
    let begin = Instant::now();
    let error = templates.ensure(&world.installation, &spec(Durability::Ephemeral)).unwrap_err();
    assert!(begin.elapsed() < Duration::from_secs(30));
    let TemplateError::Make(source) = &error else { panic!("{error:?}") };
    let expected = format!(
        "finish {}/bin/initdb within 0.4 s; its last output was:\nthinking",
        world.dir.path().display()
    );
    assert_eq!(source.to_string(), expected);
    assert!(eventually(LIMIT, || world.processes().is_empty()));
    assert_eq!(names(&world.path("templates")), ["lock"]);
}

#[test]
fn a_full_disk_is_told_as_such() {
    let full = "echo 'FATAL:  could not write to file: No space left on device' >&2; exit 1";
    let world = world(&[("initdb", full), ("postgres", full)]);
    let error = world.templates().ensure(&world.installation, &spec(Durability::Ephemeral)).unwrap_err();
    assert!(matches!(&error, TemplateError::Storage(StorageError::Full { .. })), "{error:?}");
    let place = place(&world);
    let error = start(&world, &place, ANY);
    assert_eq!(error.to_string(), format!("write {}: the disk is full", place.data_dir.display()));
}

#[test]
fn a_server_that_dies_is_quoted() {
    let lines = "for i in 1 2 3 4 5 6 7 8 9 10 11; do echo \"line $i\" >&2; done; exit 3";
    let world = world(&[("postgres", lines)]);
    let place = place(&world);
    let error = start(&world, &place, ANY);
    let StartError::Died { last_lines, log_file, .. } = &error else { panic!("{error:?}") };
    assert_eq!((last_lines.len(), last_lines[0].as_str()), (10, "line 2"));
    assert_eq!(*log_file, place.log_file);
    let begin = "start Postgres: it ended with exit code 3; the last lines of its log:\nline 2\n";
    assert!(error.to_string().starts_with(begin), "{error}");
}

#[test]
fn a_server_that_never_listens_is_given_up_and_stopped() {
    let world = world(&[("postgres", "echo 'still thinking'; exec sleep 600")]);
    let place = place(&world);
    let error = start(&world, &place, SILENT);
    let StartError::NotReady { last_seen, last_lines, recovering, .. } = &error else { panic!("{error:?}") };
    assert!(last_seen.contains("No such file or directory"), "{last_seen}");
    assert_eq!((last_lines.as_slice(), *recovering), (&["still thinking".to_owned()][..], false));
}

#[test]
fn one_that_finds_its_port_taken_after_all_tries_the_next() {
    let taken = "echo 'LOG:  could not bind IPv4 address \"127.0.0.1\": Address already in use' >&2; exit 1";
    let world = world(&[("postgres", taken)]);
    let place = place(&world);
    let error = start(&world, &place, PortWish::Free { preferred: 28_000 });
    assert!(matches!(error, StartError::NoFreePort { first: 28_000, tried: 50 }), "{error:?}");
    let error = start(&world, &place, PortWish::Exact(28_500));
    assert!(matches!(error, StartError::PortInUse { port: 28_500, holder: None }), "{error:?}");
}

#[test]
fn a_program_that_is_none_is_named() {
    let world = world(&[]);
    let place = place(&world);
    write_program(&world.path("bin/postgres"), "#!/no/such/interpreter\n");
    let error = start(&world, &place, ANY);
    let StartError::Process(source) = &error else { panic!("{error:?}") };
    assert_eq!(
        source.to_string(),
        format!(
            "start {}/bin/postgres, which begins with #!/no/such/interpreter, which is not there",
            world.dir.path().display()
        )
    );
}

#[test]
fn a_directory_that_the_account_cannot_pass_is_named() {
    use backlot_process::{Owner, OwnerError};
    use std::os::unix::fs::PermissionsExt;
    let world = world(&[]);
    let place = place(&world);
    fs::set_permissions(world.dir.path(), fs::Permissions::from_mode(0o700)).unwrap();
    let mut starter = world.starter(&place, &spec(Durability::Ephemeral));
    starter.owner = Owner::User { name: "stranger".into(), uid: 4_000_000, gid: 4_000_000 };
    let error = starter.start().unwrap_err();
    let StartError::Owner(OwnerError::Unreachable { ancestor, .. }) = &error else { panic!("{error:?}") };
    assert_eq!(ancestor, world.dir.path());
}
