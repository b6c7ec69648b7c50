use std::path::Path;

use backlot_plan::{Storage, Volume};
use backlot_project::{Environment, EnvironmentName, Lookup, Project};

use super::StorageError;
use crate::database::{Database, DatabaseError};

/// The environment of a Compose file in `dir`.
fn environment(dir: &Path, compose: &str) -> Environment {
    std::fs::write(dir.join("compose.yaml"), compose).unwrap();
    let lookup = Lookup { start_dir: dir.to_owned(), project_name: Some("shop".into()), ..Lookup::default() };
    let project = Project::find(lookup).unwrap();
    project.environment(&EnvironmentName::parse("development").unwrap()).unwrap()
}

/// Where the data of a database service goes, with `service` beside its password.
fn storage(service: &str, top: &str) -> Result<Storage, StorageError> {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("postgresql.conf"), "").unwrap();
    let compose = format!("services:\n  db:\n    environment: {{POSTGRES_PASSWORD: x, {service}\n{top}");
    match Database::all(&environment(dir.path(), &compose)).remove(0).database {
        Ok(database) => Ok(database.storage),
        Err(DatabaseError::Storage(error)) => Err(*error),
        Err(other) => panic!("{other}"),
    }
}

/// The same for an image and its mounts, as `volume:below`.
fn place(image: &str, variables: &str, mounts: &str) -> String {
    let service = format!("{variables}}}\n    image: {image}\n    volumes: [{mounts}]");
    match storage(&service, "volumes: {pg: {}, other: {}, named: {name: team}, out: {external: true}}\n") {
        Ok(Storage::Throwaway) => "throw-away".into(),
        Ok(Storage::Durable { volume: Volume::Own(name), below }) => {
            format!("{name}:{}", below.display())
        }
        Ok(Storage::Durable { volume: Volume::Shared(name), below }) => {
            format!("shared {name}:{}", below.display())
        }
        Ok(Storage::Durable { volume: Volume::Folder(path), below }) => {
            format!("folder {}:{}", path.file_name().unwrap().display(), below.display())
        }
        Err(error) => format!("{error}"),
    }
}

#[test]
fn data_is_kept_where_the_image_keeps_it() {
    for (image, variables, mounts, expected) in [
        ("postgres:15", "", "'pg:/var/lib/postgresql/data'", "pg:"),
        ("postgres:15", "", "'pg:/var/lib/postgresql/data/'", "pg:"),
        ("postgres:15", "", "'pg:/var/lib/postgresql'", "pg:data"),
        ("postgres:18", "", "'pg:/var/lib/postgresql'", "pg:18/docker"),
        ("postgres:18-alpine", "", "'pg:/var/lib/postgresql/data'", "pg:"),
        ("postgres:18", "PGDATA: /var/lib/postgresql/data", "'pg:/var/lib/postgresql'", "pg:data"),
        ("postgres:15", "PGDATA: /data/postgres", "'pg:/data/postgres'", "pg:"),
        ("postgres:15", "PGDATA: /data/a/b", "'pg:/data'", "pg:a/b"),
        ("postgres:15", "PGDATA: /data/../srv/./db/", "'pg:/srv'", "pg:db"),
        (
            "postgres:15",
            "PGDATA: /var/lib/postgresql/data/pgdata",
            "'pg:/var/lib/postgresql/data'",
            "pg:pgdata",
        ),
        ("postgres:15", "PGDATA: /data/postgres", "'pg:/var/lib/postgresql/data'", "throw-away"),
        ("postgres:15", "", "'pg:/backups'", "throw-away"),
        ("postgres:15", "", "'pg:/var/lib/postgresql/data/log'", "throw-away"),
        ("postgres:15", "", "'pg:/var/lib/postgresql/data/pgdata'", "pg:"),
        ("bitnami/postgresql:15", "", "'pg:/bitnami/postgresql'", "pg:data"),
        ("bitnami/postgresql:15", "", "'pg:/bitnami'", "pg:postgresql/data"),
        ("bitnami/postgresql", "POSTGRESQL_DATA_DIR: /x/y", "'pg:/x'", "pg:y"),
        ("timescale/timescaledb-ha:pg15", "", "'pg:/home/postgres/pgdata'", "pg:data"),
        ("timescale/timescaledb:latest-pg15", "", "'pg:/var/lib/postgresql/data'", "pg:"),
        ("postgis/postgis:15-3.3", "", "'pg:/var/lib/postgresql/data'", "pg:"),
        ("postgres:15", "", "'/var/lib/postgresql/data'", "throw-away"),
        ("postgres:15", "", "'named:/var/lib/postgresql/data'", "shared team:"),
        ("postgres:15", "", "'out:/var/lib/postgresql/data'", "shared out:"),
        ("postgres:15", "", "'./a/pgdata:/var/lib/postgresql/data'", "folder pgdata:"),
        ("postgres:15", "", "'./a:/var/lib/postgresql'", "folder a:data"),
        // The innermost mount counts, and a configuration in the data directory is none.
        ("postgres:15", "", "'other:/var/lib/postgresql', 'pg:/var/lib/postgresql/data'", "pg:"),
        ("postgres:15", "", "'pg:/var/lib/postgresql/data', 'other:/var/lib/postgresql/data/pg_wal'", "pg:"),
        (
            "postgres:15",
            "",
            "'./postgresql.conf:/var/lib/postgresql/data/postgresql.conf', 'pg:/var/lib/postgresql/data'",
            "pg:",
        ),
        ("postgres:15", "", "'./postgresql.conf:/var/lib/postgresql/data/postgresql.conf'", "throw-away"),
        ("postgres:15", "", "{type: tmpfs, target: /var/lib/postgresql/data}", "throw-away"),
        (
            "postgres:15",
            "",
            "{type: volume, source: pg, target: /var/lib/postgresql/data, volume: {subpath: a/b}}",
            "pg:a/b",
        ),
    ] {
        assert_eq!(place(image, variables, mounts), expected, "{image} {variables} {mounts}");
    }
}

#[test]
fn what_cannot_hold_data_is_refused_by_name() {
    for (mount, expected) in [
        ("'pg:/var/lib/postgresql/data:ro'", "so that it can only be read"),
        (
            "{type: volume, source: pg, target: /var/lib/postgresql/data, volume: {subpath: ../../x}}",
            "which leads out of it",
        ),
        (
            "{type: bind, source: ./none, target: /var/lib/postgresql/data, bind: {create_host_path: false}}",
            "none, which is not there",
        ),
    ] {
        let said = place("postgres:15", "", mount);
        assert!(said.contains(expected), "{mount}: {said}");
    }
}

#[test]
fn a_volume_is_what_its_driver_makes_of_it() {
    let of = |volume: &str| {
        let service = "}\n    image: postgres:15\n    volumes: ['pg:/var/lib/postgresql/data']";
        storage(service, &format!("volumes: {{pg: {{{volume}}}}}\n"))
    };
    let bind = of("driver: local, driver_opts: {type: none, o: bind, device: ./here}").unwrap();
    let Some(Volume::Folder(folder)) = bind.volume() else { panic!("{bind:?}") };
    assert!(folder.ends_with("here"), "{}", folder.display());
    assert_eq!(of("driver_opts: {type: tmpfs, device: tmpfs}").unwrap(), Storage::Throwaway);
    assert!(matches!(of("driver: local").unwrap().volume(), Some(Volume::Own(_))));
    for other in ["driver: rexray", "driver_opts: {type: nfs, o: 'addr=10.0.0.1', device: ':/x'}"] {
        assert!(matches!(of(other), Err(StorageError::OnlyDocker { .. })), "{other}");
    }
}

#[test]
fn other_databases_keep_theirs_in_known_places() {
    let dir = tempfile::tempdir().unwrap();
    let compose = "\
services:
  cache: {image: 'valkey/valkey:8', volumes: ['kept:/data']}
  other: {image: redis, volumes: ['kept:/elsewhere']}
  web: {image: web, volumes: ['kept:/data']}
volumes: {kept: {}}
";
    let environment = environment(dir.path(), compose);
    let of = |name: &str| super::of_others(&environment.stack.services[name], &environment.stack).unwrap();
    assert!(matches!(of("cache"), Some(Storage::Durable { .. })));
    assert_eq!(of("other"), Some(Storage::Throwaway));
    assert_eq!(of("web"), None);
    let targets = |name: &str| {
        super::data_targets(&environment.stack.services[name], false, None)
            .iter()
            .map(|target| (*target).to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(targets("cache"), ["/data"]);
    assert!(targets("web").is_empty());
}
