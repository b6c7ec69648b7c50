//! The instructions of a Dockerfile, each with all that belongs to it.

/// An instruction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Instruction {
    /// Its name, in capitals.
    pub(super) name: String,
    /// What follows it, continued lines joined.
    pub(super) rest: String,
    /// What is written in place for it (`<<EOF`), each whole.
    pub(super) written: Vec<String>,
}

/// The instructions of a text, and the character that escapes in it: that of its directive, else a backslash.
pub(super) fn instructions(text: &str) -> (Vec<Instruction>, char) {
    let escape = escape_of(text);
    let mut lines = text.lines();
    let mut all = Vec::new();
    let mut open = String::new();
    while let Some(line) = lines.next() {
        let bare = line.trim();
        // Comments and empty lines may also stand between continued ones.
        if bare.is_empty() || bare.starts_with('#') {
            continue;
        }
        let line = if open.is_empty() { line.trim_start() } else { line };
        if let Some(part) = line.trim_end().strip_suffix(escape) {
            open.push_str(part);
            continue;
        }
        open.push_str(line);
        all.extend(instruction(&std::mem::take(&mut open), &mut lines));
    }
    all.extend(instruction(&open, &mut lines));
    (all, escape)
}

fn instruction<'t>(line: &str, following: &mut impl Iterator<Item = &'t str>) -> Option<Instruction> {
    let line = line.trim();
    let (name, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let (name, rest) = (name.to_ascii_uppercase(), rest.trim().to_owned());
    let mut written = Vec::new();
    if matches!(name.as_str(), "RUN" | "COPY" | "ADD") {
        for end in rest.split_whitespace().filter_map(here_document) {
            // What is written into the Dockerfile itself is no instruction.
            let lines = following.by_ref().take_while(|line| line.trim_start_matches('\t') != end);
            written.push(lines.collect::<Vec<_>>().join("\n"));
        }
    }
    (!name.is_empty()).then_some(Instruction { name, rest, written })
}

/// The word that ends what `<<EOF`, `<<-EOF` or `<<"EOF"` begins.
pub(super) fn here_document(word: &str) -> Option<&str> {
    let word = word.trim_start_matches(|c: char| c.is_ascii_digit()).strip_prefix("<<")?;
    let word = word.strip_prefix('-').unwrap_or(word).trim_matches(['"', '\'']);
    let is_name = word.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    (is_name && !word.is_empty()).then_some(word)
}

/// Directives are the comments at the very top.
fn escape_of(text: &str) -> char {
    let directives = text.lines().map_while(|line| line.trim().strip_prefix('#'));
    let mut pairs = directives.map_while(|line| line.split_once('='));
    let told = pairs.find(|(name, _)| name.trim().eq_ignore_ascii_case("escape"));
    if told.is_some_and(|(_, value)| value.trim() == "`") { '`' } else { '\\' }
}

#[cfg(test)]
mod tests {
    use super::instructions;

    fn shown(text: &str) -> Vec<String> {
        instructions(text).0.into_iter().map(|one| format!("{} {}", one.name, one.rest)).collect()
    }

    #[test]
    fn lines_are_continued_over_comments() {
        assert_eq!(shown("run a \\\n\n  # no\n  b\\\nc\nCMD d"), ["RUN a   bc", "CMD d"]);
        assert_eq!(
            shown("# syntax=docker/dockerfile:1\n# escape=`\nRUN a `\n b\\\nCMD c"),
            ["RUN a  b\\", "CMD c"]
        );
        assert_eq!(shown("FROM a\n# escape=`\nRUN b\\\n"), ["FROM a", "RUN b"]);
    }

    #[test]
    fn what_is_written_in_place_is_no_instruction() {
        let text = "RUN <<EOF\nCMD no\nEOF\nCOPY <<-'A' <<B /x/\n\tENV no=1\n\tA\nENTRYPOINT no\nB\nCMD yes";
        assert_eq!(shown(text), ["RUN <<EOF", "COPY <<-'A' <<B /x/", "CMD yes"]);
        assert_eq!(instructions(text).0[1].written, ["\tENV no=1", "ENTRYPOINT no"]);
    }
}
