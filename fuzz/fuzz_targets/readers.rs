//! `cargo +nightly fuzz run readers`: config files, env files, interpolation and Compose files.
//!
//! The corpus is small and goes through the same function in every test run (`crates/project/tests/fuzz_corpus.rs`).

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(text) = std::str::from_utf8(data) {
        backlot_project::readers::feed(text);
    }
});
