//! The projects that `backlot init` makes: the examples, with what is the templates' own in the place of the examples' files.
//!
//! Each is one text in `templates`, so that nothing from outside of this crate is needed to build it, and none of its files is taken
//! for a part of this crate. `BACKLOT_WRITE_TEMPLATES=1 cargo test -p backlot --bin backlot templates` writes them anew.

/// What is before the name of each file.
const MARK: &str = "=== ";

/// `examples/axum`.
pub const AXUM: &str = include_str!("../../../templates/axum.txt");

/// `examples/flask`, with `templates/flask`: its database is made and migrated when it is brought up.
pub const FLASK: &str = include_str!("../../../templates/flask.txt");

/// A file of a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct File<'a> {
    /// Its path in the project.
    pub path: &'a str,
    /// What is in it.
    pub text: &'a str,
}

/// The files of a template.
pub fn files(template: &str) -> impl Iterator<Item = File<'_>> {
    let mut rest = template;
    std::iter::from_fn(move || {
        let (path, after) = rest.strip_prefix(MARK)?.split_once('\n')?;
        let next = format!("\n{MARK}");
        let end =
            if after.starts_with(MARK) { 0 } else { after.find(&next).map_or(after.len(), |at| at + 1) };
        let (text, others) = after.split_at(end);
        rest = others;
        Some(File { path, text })
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;

    use super::{AXUM, FLASK, File, MARK, files};

    /// What lies about in an example that was worked in, and is no part of it.
    const MADE: [&str; 6] = ["target", ".venv", "__pycache__", ".pytest_cache", ".coverage", "instance"];

    fn texts_in(root: &Path, dir: &Path, found: &mut BTreeMap<String, String>) {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if MADE.iter().any(|made| path.ends_with(made)) {
                continue;
            }
            if path.is_dir() {
                texts_in(root, &path, found);
            } else {
                let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                found.insert(name, std::fs::read_to_string(path).unwrap());
            }
        }
    }

    #[test]
    fn the_templates_are_the_examples() {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        for (name, template) in [("axum", AXUM), ("flask", FLASK)] {
            let mut wanted = BTreeMap::new();
            for root in [here.join("../../examples").join(name), here.join("templates").join(name)] {
                if root.exists() {
                    texts_in(&root, &root, &mut wanted);
                }
            }
            let texts: Vec<String> =
                wanted.iter().map(|(path, text)| format!("{MARK}{path}\n{text}")).collect();
            let text = texts.concat();
            if std::env::var("BACKLOT_WRITE_TEMPLATES").is_ok_and(|value| value == "1") {
                std::fs::write(here.join(format!("templates/{name}.txt")), &text).unwrap();
                continue;
            }
            let stale = "is stale: write it with BACKLOT_WRITE_TEMPLATES=1 cargo test -p backlot --bin backlot templates";
            assert!(text == template, "templates/{name}.txt {stale}");
            let read = files(template).map(|File { path, text }| (path.to_owned(), text.to_owned()));
            assert_eq!(read.collect::<BTreeMap<_, _>>(), wanted, "{name}");
        }
    }
}
