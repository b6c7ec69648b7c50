//! Whole stories on real Postgres and real processes, each on a stage of its own that ends with the leak check.

#![expect(clippy::unwrap_used, reason = "a test that cannot set itself up has to fail loudly")]

mod addresses;
mod adopting;
mod all_keys;
mod as_said;
mod axum;
mod beside;
mod blog;
mod brought;
mod builds;
mod caller;
mod changes;
mod commands;
mod compared;
mod completing;
mod contained;
mod dependencies;
mod development;
mod differential;
mod door_docker;
mod door_tls;
mod dry;
mod dumps;
mod durable;
mod errors;
mod examples;
mod fake_docker;
mod fake_npm;
mod fetched;
mod fetched_servers;
mod flags;
mod flask;
mod front_door;
mod habits;
mod hard_coded;
mod hooks;
mod hostile;
mod images;
mod initdb;
mod interpreters;
mod json;
mod keys;
mod killed;
mod kinds;
mod left_overs;
mod listening;
mod load;
mod migrations;
mod obstacles;
mod official_image;
mod older_node;
mod orphans;
mod output;
mod pages;
mod ports;
mod pressing;
mod prompt;
mod protocols;
mod pruning;
mod published;
mod resetting;
mod scenarios;
mod several;
mod shared_volumes;
mod signals;
mod silence;
mod snapshots;
mod starts;
mod templates;
mod testing;
mod time_zone;
mod typing;
mod up;
mod upgrades;
mod views;
mod watch;
mod workflow;
mod worktrees;

use backlot_testkit::Stage;

const BACKLOT: &str = env!("CARGO_BIN_EXE_backlot");

/// Whether services have mounts and addresses of their own here. `BACKLOT_VIEW` may say that they are not to.
fn has_views() -> bool {
    std::env::var("BACKLOT_VIEW").is_err() && backlot_engine::no_view().is_none()
}

/// A small project in the seed layout.
fn seed() -> Stage {
    Stage::seed(BACKLOT)
}

/// A scenario file that makes a table of three users, for stories that are not about Python.
const USERS_SQL: &str = "\
CREATE TABLE users (id serial PRIMARY KEY, email text UNIQUE);
INSERT INTO users (email) VALUES ('admin@server.com'), ('user1@server.com'), ('user2@server.com');
";
