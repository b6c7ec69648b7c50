//! `cargo +nightly fuzz run messages`: the head of a request, of a response, and the chunks of a body.
//!
//! The corpus is small and goes through the same function in every test run (`crates/gateway/tests/fuzz_corpus.rs`).

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| backlot_gateway::feed(data));
