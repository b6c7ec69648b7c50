//! What the documents list is what there is: variables, figures, pages.

#![expect(clippy::unwrap_used, reason = "a test that cannot set itself up has to fail loudly")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use backlot_testkit::{repository, sources};

fn read(path: impl AsRef<Path>) -> String {
    fs::read_to_string(repository().join(path)).unwrap()
}

/// All words of a text that begin so.
fn words<'t>(text: &'t str, start: &'t str) -> impl Iterator<Item = String> + 't {
    let of_name = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    let of_word = move |(at, _): (usize, &str)| {
        text[at..].trim_start_matches('"').chars().take_while(|c| of_name(*c)).collect()
    };
    text.match_indices(start).map(of_word)
}

#[test]
fn every_variable_is_in_the_table() {
    // Not of the program: what it is built with, and what tests are told.
    let others = ["BACKLOT_ORIGIN", "BACKLOT_WRITE_DOCS", "BACKLOT_"];
    let mut read_by_code: BTreeSet<String> =
        sources().iter().flat_map(|(_, code)| words(code, "\"BACKLOT_").collect::<Vec<_>>()).collect();
    read_by_code = read_by_code.into_iter().chain(words(&read("scripts/installer.sh"), "BACKLOT_")).collect();
    read_by_code.retain(|name| !others.contains(&name.as_str()));
    let table = read("docs/variables.md");
    let rows: String = table.lines().filter(|line| line.starts_with("| `")).collect();
    let told: BTreeSet<String> = words(&rows, "BACKLOT_").collect();
    assert_eq!(read_by_code, told, "the code on the left, docs/variables.md on the right");
}

/// Every figure of the README's table is a median of the results.
#[test]
fn the_figures_are_measured() {
    let (readme, results) = (read("README.md"), read("bench/RESULTS.md"));
    let rows = readme.lines().filter(|line| line.starts_with('|') && line.contains(" ms |"));
    let figures: Vec<&str> = rows.filter_map(|row| row.split(" ms |").next()?.rsplit(' ').next()).collect();
    assert!(figures.len() >= 3, "{figures:?}");
    for figure in figures {
        let is_median = |row: &str| row.split('|').nth(3).is_some_and(|median| median.trim() == figure);
        assert!(results.lines().any(is_median), "{figure} ms is no median of bench/RESULTS.md");
    }
}

fn pages() -> Vec<PathBuf> {
    let docs = repository().join("docs");
    let found = fs::read_dir(&docs).unwrap().flatten().map(|entry| entry.path());
    let mut pages: Vec<PathBuf> =
        found.filter(|path| path.extension().is_some_and(|end| end == "md")).collect();
    pages.push(repository().join("README.md"));
    pages
}

/// Where a page's links lead.
fn links(text: &str) -> impl Iterator<Item = &str> {
    text.split("](").skip(1).filter_map(|rest| rest.split(')').next())
}

#[test]
fn links_lead_somewhere_and_every_page_is_listed() {
    let mut seen = 0;
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        for link in links(&text).filter(|link| !link.contains("://")) {
            let path = page.parent().unwrap().join(link.split('#').next().unwrap());
            assert!(path.exists(), "{} links to {link}", page.display());
            seen += 1;
        }
    }
    assert!(seen > 50, "only {seen} links");
    let list = read("docs/README.md");
    let listed: BTreeSet<&str> = links(&list).collect();
    for page in pages() {
        let name = page.file_name().unwrap().to_string_lossy().into_owned();
        assert!(name == "README.md" || listed.contains(name.as_str()), "docs/README.md does not list {name}");
    }
}

/// The README is read in two screens, and a page of docs/ at one sitting.
#[test]
fn they_are_short() {
    for page in pages() {
        let lines = fs::read_to_string(&page).unwrap().lines().count();
        let is_table =
            ["verbs.md", "compose.md", "compose-options.md"].iter().any(|name| page.ends_with(name));
        let is_readme = page == repository().join("README.md");
        assert!(is_table || lines <= if is_readme { 150 } else { 180 }, "{}: {lines} lines", page.display());
    }
}

/// What the program ends with of its own accord is told.
#[test]
fn every_exit_code_is_in_the_table() {
    let (code, table) = (read("crates/backlot/src/exit.rs"), read("docs/exit-codes.md"));
    let told = |number: &str| table.lines().any(|row| row.starts_with(&format!("| {number} |")));
    let lines = code.lines().filter_map(|line| line.trim().strip_prefix("/// ")?.split_once(": "));
    let numbers: Vec<&str> =
        lines.map(|(number, _)| number).filter(|number| number.parse::<u8>().is_ok()).collect();
    assert!(numbers.len() >= 4, "{numbers:?}");
    assert!(numbers.iter().all(|number| told(number)), "one of {numbers:?} is not in docs/exit-codes.md");
}
