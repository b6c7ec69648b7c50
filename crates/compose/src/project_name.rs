//! What Compose takes as a project's name, and where its files give one.

use std::collections::BTreeMap;
use std::path::PathBuf;

use backlot_compose_schema::Path;
use backlot_yaml::{Source, Span, documents};

use crate::expand::{Expansion, expand};
use crate::interpolate::Variables;
use crate::missed::Missed;

/// The way out of a project name that Compose does not take.
pub const PROJECT_NAME_HINT: &str = "use only a-z, 0-9, _ and -, and begin with a letter or digit";

/// Says whether Compose takes this as a project's name.
pub fn is_project_name(name: &str) -> bool {
    let first = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    name.starts_with(first) && name.chars().all(|c| first(c) || matches!(c, '_' | '-'))
}

/// The project name that Compose files give at their top level, the last one's; a file that cannot be read gives none
/// here, and its error when it is loaded.
pub fn top_level_name(files: &[PathBuf], variables: &Variables) -> Option<(String, Span)> {
    let mut name = None;
    for file in files {
        let Ok(source) = Source::read(file) else { continue };
        for mut document in documents(&source).unwrap_or_default() {
            let Some(entry) = document.as_map_mut().and_then(|map| map.remove("name")) else { continue };
            let mut node = entry.value;
            let (unset, missed, faults) = (&mut BTreeMap::new(), &mut Missed::default(), &mut Vec::new());
            let mut expansion = Expansion { variables, unset, missed, bytes: 0, faults };
            if expand(&mut node, &Path::Root.key("name"), &mut expansion).is_ok()
                && expansion.faults.is_empty()
                && let Some(text) = node.as_str().filter(|text| !text.is_empty())
            {
                name = Some((text.to_owned(), node.span.clone()));
            }
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use super::is_project_name;

    #[test]
    fn project_names() {
        for name in ["a", "0-a_b"] {
            assert!(is_project_name(name), "{name}");
        }
        for name in ["", "A", "-a", "_a", "a b", "ä", "a.b"] {
            assert!(!is_project_name(name), "{name}");
        }
    }
}
