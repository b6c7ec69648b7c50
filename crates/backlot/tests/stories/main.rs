//! Whole stories on real Postgres and real processes, each on a stage of its own that ends with the leak check.

#![expect(clippy::unwrap_used, reason = "a test that cannot set itself up has to fail loudly")]

mod addresses;
mod adopting;
mod axum;
mod beside;
mod blog;
mod caller;
mod changes;
mod commands;
mod contained;
mod dependencies;
mod development;
mod differential;
mod dry;
mod durable;
mod errors;
mod fake_docker;
mod fake_npm;
mod fetched;
mod fetched_servers;
mod flags;
mod flask;
mod hard_coded;
mod hooks;
mod hostile;
mod images;
mod initdb;
mod keys;
mod killed;
mod kinds;
mod left_overs;
mod listening;
mod load;
mod migrations;
mod official_image;
mod output;
mod ports;
mod protocols;
mod published;
mod readme;
mod scenarios;
mod several;
mod shared_volumes;
mod signals;
mod starts;
mod testing;
mod up;
mod views;

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
