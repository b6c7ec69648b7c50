//! Clusters of the real Postgres, from their start to their end.

use backlot_postgres::Durability;

use crate::world::{World, connect, names, spec, stop};

#[test]
fn from_nothing_to_a_database_and_back() {
    let world = World::new();
    let spec = spec(Durability::Ephemeral);
    let template = world.template(&spec);
    assert!(template.was_made);
    assert!(!world.template(&spec).was_made);

    let place = world.place("one");
    template.clone_into(&place.data_dir).unwrap();
    let cluster = world.start(&place, &spec).unwrap();
    let mut connection = connect(&cluster, &spec, "application");
    connection.run("CREATE TABLE t (x int); INSERT INTO t VALUES (1), (2)").unwrap();
    assert_eq!(connection.query_one_text("SELECT count(*) FROM t").unwrap().as_deref(), Some("2"));
    for (setting, expected) in
        [("fsync", "off"), ("server_encoding", "UTF8"), ("listen_addresses", "127.0.0.1")]
    {
        assert_eq!(connection.query_one_text(&format!("SHOW {setting}")).unwrap().as_deref(), Some(expected));
    }
    drop(connection);
    stop(&cluster);
    assert!(!cluster.is_alive());
    assert!(names(&place.socket_dir).is_empty());
}
