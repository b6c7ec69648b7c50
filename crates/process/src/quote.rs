//! Words as a POSIX shell would have to be given them.

use std::borrow::Cow;

/// `word` in a form that a POSIX shell reads as exactly that one word: unchanged when nothing in it is special, else in
/// single quotes.
pub fn shell_quote(word: &str) -> Cow<'_, str> {
    if !word.is_empty() && word.chars().all(is_plain) {
        return Cow::Borrowed(word);
    }
    Cow::Owned(format!("'{}'", word.replace('\'', r"'\''")))
}

fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || "_-./:=,@%+".contains(c)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::{ProptestConfig, proptest};

    use super::shell_quote;
    use crate::Program;

    #[test]
    fn quotes_only_what_needs_it() {
        let cases = [
            ("", "''"),
            ("plain-word_1.sql", "plain-word_1.sql"),
            ("a b", "'a b'"),
            ("it's", r"'it'\''s'"),
            ("$HOME", "'$HOME'"),
            ("~", "'~'"),
        ];
        for (word, expected) in cases {
            assert_eq!(shell_quote(word), expected);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]
        #[test]
        fn a_real_shell_reads_the_word_back(word in "[^\0]{0,40}") {
            let script = format!("printf %s {}", shell_quote(&word));
            let output = Program::new("/bin/sh").args(["-c", &script]).output(Duration::from_secs(10)).unwrap();
            assert_eq!(String::from_utf8(output.stdout).unwrap(), word);
        }
    }
}
