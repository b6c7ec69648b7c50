//! Which name somebody may have meant who has typed another. A name that is nearly right is never carried out as it stands.

/// Longer words are no misspelt names, and the distance costs length times length.
const LONGEST: usize = 64;
/// Up to so many letters, two others make another word: `db` is no misspelt `web`.
const SHORT: usize = 4;

/// The one of `known` that differs from `word` in a letter or two; swapped neighbours count as one.
pub fn nearest<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let length = word.chars().count();
    if length > LONGEST {
        return None;
    }
    let most = if length <= SHORT { 1 } else { 2 };
    known
        .into_iter()
        .map(|known| (strsim::osa_distance(word, known), known))
        .filter(|(distance, _)| (1..=most).contains(distance))
        .min()
        .map(|(_, known)| known)
}

/// The one of `known` that `word` is with one slip: a letter too many, too few, or another, or swapped neighbours. Short words, and what
/// differs in its digits (`python2`), are no slips.
pub fn slip_of<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    if !(SHORT + 1..=LONGEST).contains(&word.chars().count()) {
        return None;
    }
    let letters = |word: &str| word.chars().filter(|c| !c.is_ascii_digit() && *c != '.').collect::<String>();
    let is_slip = |known: &&str| strsim::osa_distance(word, known) == 1 && letters(word) != letters(known);
    known.into_iter().filter(is_slip).min()
}

/// What there is instead of `word`, in words: `did you mean web? there are db, web`.
pub fn instead<'k>(word: &str, known: impl IntoIterator<Item = &'k str> + Clone) -> String {
    let all = known.clone().into_iter().collect::<Vec<_>>().join(", ");
    match nearest(word, known) {
        Some(near) => format!("did you mean {near}? there are {all}"),
        None => format!("there are {all}"),
    }
}

#[cfg(test)]
mod tests {
    use super::{instead, nearest, slip_of};

    #[test]
    fn a_slip_is_one_letter_of_a_longer_word() {
        let known = ["mode", "node", "python", "python3", "gunicorn"];
        for (word, near) in [
            ("pyhton", Some("python")),
            ("pythn", Some("python")),
            ("gunicornn", Some("gunicorn")),
            ("python", None),
            ("python2", None),
            ("nodf", None),
            ("celery", None),
        ] {
            assert_eq!(slip_of(word, known), near, "{word}");
        }
    }

    #[test]
    fn a_misspelt_name_finds_its_neighbour() {
        for (word, known, near) in [
            ("comand", &["image", "command"][..], Some("command")),
            ("wbe", &["db", "web"], Some("web")),
            ("usres", &["users", "user"], Some("users")),
            ("prodution", &["development", "production"], Some("production")),
            // Neither another short word, nor the word itself, nor anything else.
            ("db", &["web", "do"], Some("do")),
            ("db", &["web"], None),
            ("web", &["web"], None),
            ("nothing", &["image", "command"], None),
            (&"a".repeat(1000), &["a"], None),
        ] {
            assert_eq!(nearest(word, known.iter().copied()), near, "{word}");
        }
        assert_eq!(instead("wbe", ["db", "web"]), "did you mean web? there are db, web");
        assert_eq!(instead("x", ["db", "web"]), "there are db, web");
    }
}
