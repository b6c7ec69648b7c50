//! Which time zone a new database is in.

use backlot_testkit::Stage;

use crate::BACKLOT;

#[test]
fn a_new_cluster_is_in_the_time_zone_of_its_service() {
    for (more, expected) in [("", "Etc/UTC"), (", TZ: Europe/Berlin", "Europe/Berlin")] {
        let stage = Stage::empty(BACKLOT);
        stage.file(
            "compose.yaml",
            format!(
                "services:\n  db:\n    image: postgres\n    environment: {{POSTGRES_PASSWORD: x{more}}}\n"
            ),
        );
        stage.backlot(&["up", "-d", "--wait", "-q"]).output().assert_prints("");
        for setting in ["timezone", "log_timezone"] {
            let show = format!("show {setting}");
            stage.backlot(&["exec", "db", "psql", "-XAtc", &show]).output().assert_prints(expected);
        }
        stage.backlot(&["down", "-q"]).output().assert_prints("");
    }
}
