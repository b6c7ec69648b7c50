//! Whole stories: on the real Postgres of this machine, and on fake ones that fail in ways that a real one seldom does.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "in a test a panic is the answer")]

mod cluster;
mod databases;
mod durable;
mod fakes;
mod scripts;
mod templates;
mod world;
