//! Volumes with a name, which projects share.

use std::fs;

use crate::durable::{another, data_in, database, down, sql, stage, up};

#[test]
fn an_external_volume_is_made_by_name_shared_and_never_removed_by_down() {
    let top = "volumes: {pg: {external: true, name: team_pgdata}}\n";
    let stage = stage(&data_in("pg"), top);
    let project = stage.project();
    for words in [&["up", "-d"][..], &["up", "--dry-run"]] {
        stage.backlot(words).output().assert(
            1,
            "",
            "error: there is no volume team_pgdata, which is external to the project: service db uses it\n  help: make it: \
             backlot volume create team_pgdata",
        );
    }
    stage.backlot(&["volume", "create", "team_pgdata"]).output().assert(0, "team_pgdata", "");
    stage.backlot(&["volume", "create", "../x"]).output().assert(
        1,
        "",
        "error: \"../x\" is no name for a volume…\n…",
    );
    up(&stage, &project);
    sql(&stage, &project, "CREATE TABLE kept (id int)");
    let other = another(&stage, database(&data_in("pg"), top));
    let busy = stage.backlot(&["up", "-d"]).within(&other).output().assert_code(1);
    assert!(busy.stderr.contains("already runs there"), "{busy}");
    let used = stage.backlot(&["volume", "rm", "team_pgdata", "--yes"]).output();
    used.assert(1, "", "error: volume team_pgdata is in use (process …)\n…");
    down(&stage, &project, &["--volumes", "--yes"]);
    up(&stage, &other);
    assert_eq!(sql(&stage, &other, "SELECT to_regclass('kept') IS NULL"), "f", "it is the same volume");
    down(&stage, &other, &["--volumes", "--yes"]);
    let listed = stage.backlot(&["volume", "ls"]).output().assert_code(0);
    assert!(listed.stdout.contains("team_pgdata  PostgreSQL "), "{listed}");
    stage.backlot(&["volume", "rm", "team_pgdata"]).output().assert(
        2,
        "",
        "error: durable data would be destroyed…\n…",
    );
    stage.backlot(&["volume", "rm", "team_pgdata", "--yes"]).output().assert(0, "team_pgdata", "");
    stage.backlot(&["volume", "inspect", "team_pgdata"]).output().assert(
        1,
        "",
        "error: there is no volume team_pgdata\n…",
    );
    stage.assert_nothing_left();
}

#[test]
fn a_volume_with_a_name_goes_with_the_environment_that_made_it_alone() {
    let top = "volumes: {pg: {name: shop_data}}\n";
    let stage = stage(&data_in("pg"), top);
    let project = stage.project();
    let other = another(&stage, database(&data_in("pg"), top));
    up(&stage, &project);
    sql(&stage, &project, "CREATE TABLE kept (id int)");
    down(&stage, &project, &[]);
    let warned = stage.backlot(&["up", "-d", "--wait", "-q"]).within(&other).output().assert_code(0);
    assert!(warned.stderr.contains("volume shop_data was made by development of [project]"), "{warned}");
    assert_eq!(sql(&stage, &other, "SELECT to_regclass('kept') IS NULL"), "f");
    down(&stage, &other, &["--volumes", "--yes"]);
    up(&stage, &project);
    assert_eq!(
        sql(&stage, &project, "SELECT to_regclass('kept') IS NULL"),
        "f",
        "another project has removed it"
    );
    down(&stage, &project, &["--volumes", "--yes"]);
    stage.backlot(&["volume", "ls", "--json"]).output().assert(0, "[]", "");
    stage.assert_nothing_left();
}

#[test]
fn what_a_file_calls_external_by_now_is_removed_by_nobody() {
    let more = data_in("keep");
    let stage = stage(&more, "volumes: {keep: {name: keepme}}\n");
    let project = stage.project();
    up(&stage, &project);
    stage.file("compose.yaml", database(&more, "volumes: {keep: {name: keepme, external: true}}\n"));
    down(&stage, &project, &["-v", "--yes"]);
    let listed = stage.backlot(&["volume", "ls"]).output().assert_code(0);
    assert!(listed.stdout.contains("keepme"), "{listed}");
    // One that is not external goes, whether it is up or not.
    stage.backlot(&["volume", "rm", "keepme", "--yes", "-q"]).output().assert_code(0);
    // Nobody is held up by what is damaged of a volume that is not his, or left of one that was removed by half.
    fs::create_dir_all(stage.home().join("volumes/.removed/data")).unwrap();
    stage.backlot(&["volume", "create", "damaged", "-q"]).output().assert_code(0);
    fs::write(stage.home().join("volumes/damaged/volume.json"), "{").unwrap();
    stage.file("compose.yaml", database(&more, "volumes: {keep: {name: keepme}}\n"));
    up(&stage, &project);
    down(&stage, &project, &[]);
    down(&stage, &project, &["-v", "--yes"]);
    assert!(!stage.home().join("volumes/.removed").exists());
    fs::remove_dir_all(stage.home().join("volumes/damaged")).unwrap();
    stage.backlot(&["volume", "ls", "--json"]).output().assert(0, "[]", "");
    stage.assert_nothing_left();
}
