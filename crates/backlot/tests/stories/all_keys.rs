//! Whatever keys a file has, a dry run names those that are not honoured, and no others.

#[path = "../../../project/tests/common/samples.rs"]
mod samples;

use std::collections::BTreeSet;
use std::fmt::Write;

use backlot_project::keys::{Native, ROWS};
use backlot_testkit::Stage;
use samples::{QUIET, REST, SAMPLES};

use crate::{BACKLOT, has_views};

/// What has to be there to be started, or keeps a service from it: other stories have those.
const OTHERS: [&str; 9] = [
    "command",
    "container_name: the",
    "post_start",
    "pre_",
    "profiles",
    "ports: ['80",
    "expose",
    "volumes: ['v:",
    "volumes_from",
];

/// As many files are tried, each with several keys of several services.
const FILES: u64 = 40;

/// Random numbers that are the same each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % most
    }
}

fn is_named(key: &str, is_postgres: bool) -> bool {
    let pattern = samples::row(key);
    let row = ROWS.iter().find(|row| row.key == pattern).unwrap();
    let native = if is_postgres { row.postgres } else { row.process };
    matches!(native, Native::Named(gap) if gap.when.holds_with(true, true))
}

/// Some lines of different keys.
fn lines(dice: &mut Dice) -> Vec<&'static str> {
    let mut taken: Vec<&str> = Vec::new();
    let key = |line: &str| line.split(':').next().unwrap_or_default().replace("network_mode", "networks");
    for _ in 0..10 {
        let line = if dice.below(3) > 0 {
            SAMPLES[dice.below(SAMPLES.len())].1
        } else {
            QUIET[dice.below(QUIET.len())]
        };
        let is_other = OTHERS.iter().any(|other| line.starts_with(other));
        if !is_other && !taken.iter().any(|known| key(known) == key(line)) {
            taken.push(line);
        }
    }
    taken
}

#[test]
fn a_dry_run_names_every_key_that_is_not_honoured_and_no_other() {
    // On lower rungs more is named, or refused.
    if !has_views() || std::env::var_os("BACKLOT_VIEW").is_some() {
        return;
    }
    let stage = Stage::empty(BACKLOT);
    for seed in 0..FILES {
        let mut dice = Dice(seed);
        let mut text = "services:\n".to_owned();
        let mut expected = BTreeSet::new();
        for (name, is_postgres) in [("one", false), ("two", false), ("db", true)] {
            let what = if is_postgres {
                "image: postgres\n    environment: {POSTGRES_PASSWORD: x}"
            } else {
                "image: x\n    command: sleep 1"
            };
            let _ = write!(text, "  {name}:\n    {what}\n");
            for line in lines(&mut dice) {
                // The data of a database, and its variables, are other stories'.
                if is_postgres
                    && ["volumes", "environment", "networks"].iter().any(|key| line.starts_with(key))
                {
                    continue;
                }
                let line_of_it = line.replace("nobody-knows-it", &format!("{name}-known-to-nobody"));
                let _ = writeln!(text, "    {line_of_it}");
                let sample = SAMPLES.iter().find(|(_, sample)| *sample == line);
                expected.extend(
                    sample
                        .filter(|(key, _)| is_named(key, is_postgres))
                        .map(|(key, _)| format!("{name}.{key}")),
                );
            }
        }
        text.push_str(&REST.replace("image: x,", "image: x, command: sleep 1,"));
        stage.file("compose.yaml", &text).file("a", "A=b\n");
        let dry = stage.backlot(&["up", "--dry-run"]).output();
        assert_eq!(dry.code, 0, "{text}\n{dry}");
        let lines =
            dry.stderr.lines().filter_map(|line| line.trim_start().strip_prefix("⚠ ")?.split_once(": "));
        let keys =
            lines.map(|(key, _)| key).filter(|key| !key.contains(' ') && !key.starts_with("networks."));
        let found: BTreeSet<String> = keys.map(str::to_owned).collect();
        assert_eq!(found, expected, "{text}\n{dry}");
        stage.assert_nothing_left();
    }
}
