//! Every key of a Compose file is honoured or named: the table is whole, what is documented is the table, and whatever keys
//! a file has, those that are not honoured are named.
//!
//! `BACKLOT_WRITE_DOCS=1` writes `docs/compose.md` anew.

#[path = "common/samples.rs"]
mod samples;

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;

use backlot_project::keys::{Gap, Level, Native, ROWS, Row, RunBy, When};
use backlot_project::readers;
use proptest::prelude::{ProptestConfig, any, prop, prop_assert_eq, proptest};
use samples::{QUIET, REST, SAMPLES};

fn patterns() -> Vec<(&'static str, String)> {
    SAMPLES.iter().map(|(key, _)| (*key, samples::row(key))).collect()
}

fn is_named(native: Native) -> bool {
    matches!(native, Native::Named(_))
}

#[test]
fn no_key_is_in_the_reader_and_not_in_the_table_or_the_other_way_round() {
    let known = backlot_compose::keys();
    for row in ROWS {
        assert!(known.iter().any(|key| key == row.key), "the reader knows no key {}", row.key);
    }
    let distinct: BTreeSet<&str> = ROWS.iter().map(|row| row.key).collect();
    assert_eq!(distinct.len(), ROWS.len(), "a key has two rows");
    for key in &known {
        let above = |row: &&Row| {
            key.strip_prefix(row.key).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        let row = ROWS.iter().filter(above).max_by_key(|row| row.key.len());
        let row = row.unwrap_or_else(|| panic!("no row is about {key}"));
        // What is below a key that is honoured has to be told of itself.
        let is_covered = row.key == *key || ![row.process, row.postgres].contains(&Native::Honoured);
        assert!(is_covered, "{key} has no row, and {} is honoured", row.key);
    }
}

#[test]
fn every_key_that_is_named_has_a_sample() {
    let sampled: BTreeSet<String> = patterns().into_iter().map(|(_, pattern)| pattern).collect();
    let named = ROWS.iter().filter(|row| is_named(row.process) || is_named(row.postgres)).map(|row| row.key);
    let named: BTreeSet<String> =
        named.filter(|key| key.starts_with("services.")).map(str::to_owned).collect();
    assert_eq!(named, sampled);
}

/// Takes those lines whose first key is not there yet.
fn service(lines: &[&'static str]) -> Vec<&'static str> {
    let mut taken: Vec<&str> = Vec::new();
    for line in lines {
        let key = |line: &str| line.split(':').next().unwrap_or_default().replace("network_mode", "networks");
        if !taken.iter().any(|known| key(known) == key(line)) {
            taken.push(line);
        }
    }
    taken
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_not_honoured_is_named_and_nothing_else(
        first in prop::collection::vec((any::<bool>(), any::<prop::sample::Index>()), 0..12),
        second in prop::collection::vec((any::<bool>(), any::<prop::sample::Index>()), 0..12),
        is_postgres in any::<bool>(),
    ) {
        let patterns = patterns();
        let mut text = "services:\n".to_owned();
        let mut expected = BTreeSet::new();
        for (name, chosen) in [("one", first), ("two", second)] {
            let lines: Vec<&str> = chosen
                .iter()
                .map(|(sample, index)| if *sample { index.get(SAMPLES).1 } else { *index.get(QUIET) })
                .collect();
            let _ = write!(text, "  {name}:\n    image: x\n");
            for line in service(&lines) {
                // One container name is for one service.
                let line = line.replace("nobody-knows-it", &format!("{name}-known-to-nobody"));
                if name == "two" && line.starts_with("container_name: the") {
                    continue;
                }
                let _ = writeln!(text, "    {line}");
                let Some(index) = SAMPLES.iter().position(|(_, sample)| *sample == line) else { continue };
                let row = ROWS.iter().find(|row| row.key == patterns[index].1).expect("a row");
                if is_named(if is_postgres { row.postgres } else { row.process }) {
                    expected.insert(format!("services.{name}.{}", patterns[index].0));
                }
            }
        }
        text.push_str(REST);
        let found = readers::unhonoured(&text, is_postgres);
        let found: BTreeSet<String> = found.expect(&text).into_iter().map(|named| named.key).collect();
        prop_assert_eq!(found, expected, "{}", text);
    }
}

#[test]
fn what_is_about_the_whole_stack_is_named_where_it_is_used() {
    let text = "services:\n  a: {image: x, networks: [in, ext]}\nnetworks:\n  in: {internal: true}\n  ext: {external: true}\n  off: {internal: true}\n";
    let found = readers::unhonoured(text, false).expect("a stack");
    let lines: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[0].starts_with(
        "networks.in.internal: services reach the outside natively (/project/compose.yaml:4:8); "
    ));
}

const NO_NAMES: &str = " where no view with names can be made";

fn cell(native: Native) -> String {
    match native {
        Native::Honoured => "honoured".to_owned(),
        Native::Void(why) => format!("– ({why})"),
        Native::Named(Gap { when, level, what, .. }) => {
            let level = match level {
                Level::Warning => "warning",
                Level::Error => "error",
            };
            let quoted =
                |words: &[&str]| words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ");
            let when = match when {
                When::Always => String::new(),
                When::Relative => " if it does not begin with /".to_owned(),
                When::True => " if true".to_owned(),
                When::False => " if false".to_owned(),
                When::Is(words) => format!(" if {}", quoted(words)),
                When::IsNot(words) => format!(" unless {}", quoted(words)),
                When::Limits => " unless 0".to_owned(),
                When::Referred => format!(" if a service refers to it{NO_NAMES}"),
                When::OfContainer => " if it is of a `container:`".to_owned(),
                When::Renames => format!(" if it gives another name{NO_NAMES}"),
                When::TrueNoView => " if true where no view can be made".to_owned(),
                When::NoView => " where no view can be made".to_owned(),
                When::NoNames => NO_NAMES.to_owned(),
            };
            format!("**{level}**{when}: {what}")
        }
    }
}

#[test]
fn the_documentation_is_the_table() {
    let mut text = "\
# Keys of Compose files

A key is honoured, or it is named: `backlot up` (with `--dry-run`, too), `backlot config` and `backlot doctor` tell of every key
in use that is not honoured, a line each with its place and a way out. An *error* is about a key without which something else
would be done than the file says; with a *warning* the stack works. A view, in which a service has its mounts, secrets and
configs at their own paths, needs a Linux that lets you make one: `backlot doctor` tells. Where it has names as well, a service
knows those that Docker Compose would have it know: of the services on its networks, aliases, `container_name` and links included,
its own, and `extra_hosts`; with `network_mode: host` it looks names up as this machine does, with `none` it knows itself alone, and
with `service:x` it knows what `x` knows. Elsewhere all services of a stack know each other. A dash means that the key changes nothing for a native
process. What stands below a key that is not honoured goes with it, unless it has a line of its own.

With `--engine docker` Compose is given the files as they are: what it honours is honoured. Keys that begin with `x-` are
yours; those of [`x-backlot`](x-backlot.md) have a page of their own. This table is made by a test from the one that the program uses.

| key | native program | native Postgres server, where that differs | container beside them, where that differs |
|---|---|---|---|
".to_owned();
    for row in ROWS {
        let postgres = if row.postgres == row.process { String::new() } else { cell(row.postgres) };
        let container = row.of(RunBy::Container);
        let container = if container == row.process { String::new() } else { cell(container) };
        let _ = writeln!(text, "| `{}` | {} | {postgres} | {container} |", row.key, cell(row.process));
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/compose.md");
    if std::env::var("BACKLOT_WRITE_DOCS").is_ok_and(|value| value == "1") {
        std::fs::write(&path, &text).expect("the documentation");
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == text,
        "docs/compose.md is stale: write it with BACKLOT_WRITE_DOCS=1 cargo test -p backlot-project --test keys"
    );
}
