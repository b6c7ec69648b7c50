//! A supervisor with fake programs: what its own ring has to hold, without Postgres, projects or the binary.

#![expect(clippy::unwrap_used, reason = "a test that cannot set itself up has to fail loudly")]

mod changes;
mod clients;
mod ports;
mod stage;

/// Not a test: the process in which each of the others has its supervisor.
#[test]
fn supervisor() {
    stage::supervise();
}
