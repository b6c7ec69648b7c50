//! What the fuzz target is fed with goes through the readers in every test run as well.

use std::fs;
use std::path::Path;

use backlot_project::readers;

#[test]
fn the_corpus_of_the_fuzz_target_is_read_or_refused() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/readers");
    let mut count = 0;
    for entry in fs::read_dir(folder).expect("the corpus") {
        let text = fs::read(entry.expect("a file").path()).expect("a file");
        let text = String::from_utf8_lossy(&text);
        readers::feed(&text);
        // Cut short anywhere, it is still answered.
        text.char_indices().step_by(7).for_each(|(end, _)| readers::feed(&text[..end]));
        count += 1;
    }
    assert!(count >= 10, "only {count} files");
}
