//! The scripts that fill a new database, in the order in which the image's shell finds them.

use std::cmp::Ordering;
use std::path::Path;

use backlot_postgres::{INIT_DIR, Script, ScriptContent};

use crate::image::PostgresImage;
use crate::inside::{Found, Inside};

/// All of them, and what lies beside them; what is missing, in words.
pub(super) fn scripts(inside: &Inside, image: &PostgresImage, by_bytes: bool) -> (Vec<Script>, Vec<String>) {
    let folder = Path::new(INIT_DIR);
    let (mut scripts, mut missing) = (Vec::new(), Vec::new());
    for (name, found) in inside.list(folder) {
        let content = match found {
            Found::Path(path) => ScriptContent::Path(path),
            Found::Text(text) => ScriptContent::Text(text),
            Found::Missing(what) => {
                missing.push(format!("{INIT_DIR}/{name} is {what}"));
                continue;
            }
        };
        // As a shell's pattern does it.
        if !name.starts_with('.') {
            scripts.push(Script { name, content });
        }
    }
    if let Some(Found::Missing(what)) = inside.find(folder) {
        missing.push(format!("{INIT_DIR} is {what}"));
    }
    // What is mounted over the folder hides the image's own.
    let own = image.script().filter(|_| !inside.is_covered(folder));
    scripts
        .extend(own.map(|(name, text)| Script { name: name.to_owned(), content: ScriptContent::Text(text) }));
    if by_bytes {
        scripts.sort_by(|a, b| a.name.cmp(&b.name));
    } else {
        scripts.sort_by(|a, b| as_in_english(&a.name, &b.name));
    }
    (scripts, missing)
}

/// The order of `en_US.utf8` in GNU's library: digits before letters; case decides where these are the same, and signs
/// after that.
fn as_in_english(a: &str, b: &str) -> Ordering {
    let weight = |c: char| match c {
        '$' => Some((0, c)),
        '0'..='9' => Some((1, c)),
        c if c.is_alphabetic() => Some((2, c.to_lowercase().next().unwrap_or(c))),
        _ => None,
    };
    let is_capital = |c: char| c.is_alphabetic().then(|| c.is_uppercase());
    let letters = a.chars().filter_map(weight).cmp(b.chars().filter_map(weight));
    let case = || a.chars().filter_map(is_capital).cmp(b.chars().filter_map(is_capital));
    letters.then_with(case).then_with(|| a.cmp(b))
}

#[cfg(test)]
mod tests {
    use super::as_in_english;

    #[test]
    fn names_are_in_the_order_of_the_images_locale() {
        // As `bash` lists them in a Debian that has the locale.
        let sorted = [
            "01.sql", "10_x.sql", "1_x.sql", "2.sql", "a$b", "aa.sql", "a!b", "a+b", "a,b", "a.b", "a=b",
            "a~b", "a b.sql", "a-b.sql", "a_b.sql", "a.sql", "A.sql", "B.sql", "_z.sql",
        ];
        let mut names = sorted;
        names.reverse();
        names.sort_by(|a, b| as_in_english(a, b));
        assert_eq!(names, sorted);
    }
}
