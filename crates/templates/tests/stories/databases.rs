//! Databases in a running server.

use std::thread;
use std::time::{Duration, Instant};

use backlot_postgres::{Connection, Creation, DatabaseError, Durability, RunningCluster};

use crate::world::{LIMIT, World, connect, query, spec, stop};

#[test]
fn are_made_looked_at_and_dropped() {
    let world = World::new();
    let spec = spec(Durability::Ephemeral);
    let cluster = world.start(&world.clone_of(&spec, "one"), &spec).unwrap();
    let mut connection = connect(&cluster, &spec, "application");
    let name = "it's a \"data\\base\"";
    assert!(!connection.database_exists(name).unwrap());
    assert!(!connection.drop_database(name).unwrap());
    assert_eq!(connection.create_database(name).unwrap(), Creation::Created);
    assert_eq!(connection.create_database(name).unwrap(), Creation::AlreadyThere);
    assert!(connection.database_exists(name).unwrap());
    assert!(connection.database_size(name).unwrap() > 1_000_000);

    let mut other = connect(&cluster, &spec, name);
    assert_eq!(query(&mut other, "SELECT current_database()"), name);
    assert!(connection.drop_database(name).unwrap(), "although somebody is connected");
    assert!(!connection.database_exists(name).unwrap());
    let error = other.run("SELECT 1").unwrap_err();
    assert!(matches!(error, DatabaseError::Broken { .. } | DatabaseError::Refused { .. }), "{error:?}");

    let both = in_two_threads(&cluster, |connection| connection.create_database("contested").unwrap());
    assert!(
        both == [Creation::Created, Creation::AlreadyThere]
            || both == [Creation::AlreadyThere, Creation::Created]
    );
    stop(&cluster);
}

fn in_two_threads<T: Send>(cluster: &RunningCluster, work: impl Fn(&mut Connection) -> T + Sync) -> [T; 2] {
    let connect = || connect(cluster, &spec(Durability::Ephemeral), "postgres");
    thread::scope(|scope| {
        let [one, two] = [(), ()].map(|()| scope.spawn(|| work(&mut connect())));
        [one.join().unwrap(), two.join().unwrap()]
    })
}

#[test]
fn answer_with_text_or_with_an_error_within_the_limit() {
    let world = World::new();
    let spec = spec(Durability::Ephemeral);
    let cluster = world.start(&world.clone_of(&spec, "one"), &spec).unwrap();
    let mut connection = connect(&cluster, &spec, "application");
    assert_eq!(connection.query_one_text("SELECT NULL").unwrap(), None);
    assert_eq!(connection.query_one_text("SELECT 1 WHERE false").unwrap(), None);
    assert_eq!(connection.query_one_text("VALUES (1), (2)").unwrap().as_deref(), Some("1"));
    let error = connection.run("SELEC 1").unwrap_err();
    assert_eq!(error.to_string(), "run a statement: syntax error at or near \"SELEC\"");
    assert_eq!(error.code(), Some("42601"));

    let access = cluster.socket(&spec.superuser, &spec.password, "application");
    let mut hasty = Connection::open(&access, Duration::from_millis(500)).unwrap();
    let start = Instant::now();
    let error = hasty.run("SELECT pg_sleep(60)").unwrap_err();
    assert!(matches!(error, DatabaseError::TimedOut { .. }), "{error:?}");
    assert!(start.elapsed() < LIMIT / 2);
    stop(&cluster);
    let error = connection.run("SELECT 1").unwrap_err();
    assert!(error.to_string().starts_with("run a statement"), "{error}");
    let Err(error) = Connection::open(&access, LIMIT) else { panic!("there is no server") };
    assert!(error.to_string().starts_with("connect to the database `application` at /"), "{error}");
}

#[test]
fn a_server_that_accepts_and_never_answers_is_given_up() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let access = backlot_postgres::Access {
        host: "127.0.0.1".into(),
        port: listener.local_addr().unwrap().port(),
        user: "u".into(),
        password: "p".to_owned().into(),
        database: "d".into(),
    };
    let Err(error) = Connection::open(&access, Duration::from_millis(200)) else { panic!("nobody answers") };
    let expected = format!("connect to the database `d` at 127.0.0.1:{} within 0.2 s", access.port);
    assert_eq!(error.to_string(), expected);
}
