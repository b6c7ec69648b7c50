//! What is compared with nginx, and what is in `fuzz/corpus/messages`, goes through the function that is fuzzed: as it is, and
//! with bytes changed.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod exchanges;

use std::fs;
use std::path::Path;

use backlot_gateway::feed;
use proptest::prelude::{Strategy, any, proptest};
use proptest::sample::Index;

fn all() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/messages");
    let files = fs::read_dir(folder).unwrap().map(|file| fs::read(file.unwrap().path()).unwrap());
    let requests = exchanges::REQUESTS.iter().chain(exchanges::BODIES);
    let exchanges = requests.chain(exchanges::ANSWERS);
    files.chain(exchanges.map(|exchange| exchange.bytes.as_bytes().to_vec())).collect()
}

#[test]
fn as_it_is() {
    for bytes in all() {
        feed(&bytes);
    }
}

/// One change of some bytes: those at a place become others.
fn change() -> impl Strategy<Value = (Index, usize, Vec<u8>)> {
    const ODD: [&[u8]; 12] = [
        b"",
        b"\r",
        b"\n",
        b"\r\n",
        b" ",
        b"\t",
        b"\0",
        b":",
        b",",
        b"0",
        b"chunked",
        b"Content-Length: 1\r\n",
    ];
    let piece = proptest::prelude::prop_oneof![
        proptest::sample::select(ODD.to_vec()).prop_map(<[u8]>::to_vec),
        proptest::collection::vec(any::<u8>(), 1..4),
    ];
    (any::<Index>(), 0_usize..4, piece)
}

proptest! {
    #![proptest_config(proptest::test_runner::Config { cases: 6000, ..Default::default() })]
    #[test]
    fn with_bytes_changed(which in any::<Index>(), changes in proptest::collection::vec(change(), 1..5)) {
        let all = all();
        let mut bytes = which.get(&all).clone();
        for (place, length, piece) in changes {
            let start = place.index(bytes.len() + 1);
            let end = bytes.len().min(start + length);
            bytes.splice(start..end, piece);
        }
        feed(&bytes);
    }
}
