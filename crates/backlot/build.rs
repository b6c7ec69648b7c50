//! Tells the program what it was made of, for `backlot --version`: the commit with its date, and the target.

use std::fs;
use std::path::Path;

/// Of a commit, as much as people and git tell it apart by.
const LENGTH: usize = 9;
const SECONDS_OF_A_DAY: i64 = 24 * 60 * 60;

fn main() {
    let variable = |name: &str| std::env::var(name).unwrap_or_default();
    let folder = variable("CARGO_MANIFEST_DIR");
    let origin = Origin::of(Path::new(&folder), std::env::var("SOURCE_DATE_EPOCH").ok().as_deref());
    println!("cargo::rustc-env=BACKLOT_ORIGIN={}", origin.said(&variable("TARGET")));
    println!("cargo::rerun-if-env-changed=SOURCE_DATE_EPOCH");
    println!("cargo::rerun-if-changed=build.rs");
    if let Some(moves) = origin.moves {
        println!("cargo::rerun-if-changed={moves}");
    }
}

/// Where the source is from.
#[derive(Debug, Default)]
pub(crate) struct Origin {
    commit: Option<String>,
    /// In seconds since 1970: of the commit, or as `SOURCE_DATE_EPOCH` has it. Never today's, so that the same source makes the
    /// same program.
    date: Option<i64>,
    /// The file that changes when another commit is checked out.
    pub(crate) moves: Option<String>,
}

impl Origin {
    /// Of the source in `folder`: a packaged crate, which tells its commit, or one of the crates in a checkout. What else may be
    /// above it (a home directory that is kept in git, a vendored copy) is another project's.
    pub(crate) fn of(folder: &Path, source_date_epoch: Option<&str>) -> Self {
        let root = folder.join("../..");
        let mut origin = if let Ok(told) = fs::read_to_string(folder.join(".cargo_vcs_info.json")) {
            let commit = told.split("\"sha1\"").nth(1).and_then(|rest| rest.split('"').nth(1));
            Self { commit: commit.map(str::to_owned), ..Self::default() }
        } else if root.join(".git").exists() {
            Self::of_checkout(&root)
        } else {
            Self::default()
        };
        let given = source_date_epoch.and_then(|text| text.parse().ok());
        origin.date = given.or(origin.date);
        origin
    }

    fn of_checkout(root: &Path) -> Self {
        let commit = git(root, &["log", "-1", "--no-show-signature", "--format=%H %ct"]);
        let (commit, date) = commit.as_deref().and_then(|said| said.split_once(' ')).unzip();
        let moves = git(root, &["rev-parse", "--path-format=absolute", "--git-path", "logs/HEAD"]);
        Self {
            commit: commit.map(str::to_owned),
            date: date.and_then(|date| date.parse().ok()),
            moves: moves.filter(|path| Path::new(path).exists()), // one that is missing has cargo ask each time
        }
    }

    /// `8bd5dc4c0 2026-11-26, x86_64-unknown-linux-gnu`, or what of it is known.
    pub(crate) fn said(&self, target: &str) -> String {
        let commit = self.commit.as_deref().map(|commit| commit.get(..LENGTH).unwrap_or(commit).to_owned());
        let words: Vec<String> = commit.into_iter().chain(self.date.map(day)).collect();
        if words.is_empty() { target.to_owned() } else { format!("{}, {target}", words.join(" ")) }
    }
}

/// What git says of the checkout at `root`; nothing where it is not here, or does not trust the folder.
fn git(root: &Path, arguments: &[&str]) -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "what cargo runs before there is a crate of ours")]
    let mut git = std::process::Command::new("git");
    // Named, it is not taken from a variable that a hook has.
    let output = git.arg("--git-dir").arg(root.join(".git")).args(arguments).output().ok()?;
    let said = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| said.trim().to_owned())
}

/// `2026-11-26`, in UTC: days since 1970 as a date of the Gregorian calendar, after Howard Hinnant's `civil_from_days`.
pub(crate) fn day(seconds: i64) -> String {
    let days = seconds.div_euclid(SECONDS_OF_A_DAY) + 719_468; // since March 1st of the year 0
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_based = (5 * of_year + 2) / 153;
    let day = of_year - (153 * march_based + 2) / 5 + 1;
    let month = if march_based < 10 { march_based + 3 } else { march_based - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}
