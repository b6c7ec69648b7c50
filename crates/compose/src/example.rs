//! Examples of files of variables: what a project has in the place of one that everybody makes for themselves.

use std::path::{Path, PathBuf};

/// Words that tell an example from what it is one of.
const WORDS: [&str; 7] = ["example", "sample", "template", "dist", "default", "defaults", "tpl"];

/// How a file that is missing is made of the examples beside it: those with the fewest words that are not in its name, of which
/// `.env.example`, `.env.dev-sample` and `env-example` are some.
pub fn way_out(missing: &Path) -> Option<String> {
    let all = examples_of(missing)?;
    let (first, others) = all.split_first()?;
    let name = missing.file_name()?.to_string_lossy();
    let others: Vec<String> = others.iter().map(|path| quoted(path)).collect();
    let (or, one_of) = match others.as_slice() {
        [] => (String::new(), "its example"),
        _ => (format!(" (or of {})", others.join(", ")), "one of its examples"),
    };
    let (example, missing) = (quoted(first), quoted(missing));
    Some(format!("make {name} of {one_of}, and look through it: `cp {example} {missing}`{or}"))
}

/// The examples of a missing file that are as near to it as any, in order.
fn examples_of(missing: &Path) -> Option<Vec<PathBuf>> {
    let wanted = words(missing);
    let entries = std::fs::read_dir(missing.parent()?).ok()?;
    let files = entries.flatten().map(|entry| entry.path()).filter(|path| path.is_file());
    let fit = files.filter_map(|path| Some((more_than(&wanted, &words(&path))?, path)));
    let mut fit: Vec<(usize, PathBuf)> = fit.collect();
    fit.sort();
    let fewest = fit.first()?.0;
    Some(fit.into_iter().take_while(|(more, _)| *more == fewest).map(|(_, path)| path).collect())
}

fn words(path: &Path) -> Vec<String> {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    name.split(['.', '-', '_']).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// How many words an example has that the file has not; none if it is no example of that.
fn more_than(wanted: &[String], found: &[String]) -> Option<usize> {
    let is_one = found.iter().any(|word| WORDS.contains(&word.as_str()));
    let has_all = wanted.iter().all(|word| found.contains(word));
    (is_one && has_all && !wanted.is_empty()).then(|| found.len().saturating_sub(wanted.len()))
}

/// A path as a word for a shell.
pub fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let is_plain = |c: char| c.is_alphanumeric() || "/._-+@%:,".contains(c);
    if text.chars().all(is_plain) { text } else { format!("'{}'", text.replace('\'', "'\\''")) }
}

#[cfg(test)]
mod tests {
    use super::{examples_of, way_out};

    /// What is taken for examples of `missing` among these files.
    fn found(missing: &str, files: &[&str]) -> Vec<String> {
        let dir = tempfile::tempdir().unwrap();
        for file in files {
            std::fs::write(dir.path().join(file), "A=1\n").unwrap();
        }
        let found = examples_of(&dir.path().join(missing)).unwrap_or_default();
        found.iter().map(|path| path.file_name().unwrap().to_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn the_nearest_examples_are_taken() {
        for (missing, files, expected) in [
            (".env", &[".env.example", ".env.prod.example"][..], &[".env.example"][..]),
            (".env", &[".env.prod-sample", "README.md"], &[".env.prod-sample"]),
            (".env", &["env-example-b", "env-example-a", "example.txt"], &["env-example-a", "env-example-b"]),
            (".env.prod", &[".env.prod-sample", ".env.prod.db-sample"], &[".env.prod-sample"]),
            (".env.prod.db", &[".env.prod-sample", ".env.prod.db-sample"], &[".env.prod.db-sample"]),
            ("web.env", &["web.env.dist"], &["web.env.dist"]),
            (".env", &[".env.local", "example.json", "environment.example"], &[]),
            (".env.dev", &[".env.example"], &[]),
        ] {
            assert_eq!(found(missing, files), expected, "{missing} among {files:?}");
        }
    }

    #[test]
    fn a_path_with_spaces_is_one_word_and_all_examples_are_told() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("my shop's");
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join(".env.dist"), "").unwrap();
        let said = way_out(&folder.join(".env")).unwrap();
        assert!(said.starts_with("make .env of its example") && said.ends_with('`'), "{said}");
        assert!(said.contains("my shop'\\''s/.env.dist' '/"), "{said}");
        std::fs::write(folder.join(".env.sample"), "").unwrap();
        let said = way_out(&folder.join(".env")).unwrap();
        assert!(said.starts_with("make .env of one of its examples") && said.ends_with("sample')"), "{said}");
    }
}
