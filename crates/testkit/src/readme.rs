//! Console blocks of a document: lines that begin with `$ ` are commands, those that follow are what they print.

use crate::run::matches;

/// A command of a document and what it prints there.
#[derive(Debug, PartialEq, Eq)]
pub struct Example {
    /// What follows the `$ `.
    pub command: String,
    /// The lines up to the next command.
    pub output: String,
}

/// The examples of all blocks that are marked so, in their order.
pub fn examples(readme: &str, mark: &str) -> Vec<Example> {
    let mut examples: Vec<Example> = Vec::new();
    let mut inside = false;
    for line in readme.lines() {
        if let Some(found) = line.strip_prefix("```") {
            inside = found == mark;
        } else if let Some(command) = line.strip_prefix("$ ").filter(|_| inside) {
            examples.push(Example { command: command.into(), output: String::new() });
        } else if let Some(example) = examples.last_mut().filter(|_| inside) {
            example.output.push_str(line);
            example.output.push('\n');
        }
    }
    examples
}

/// Text in which every number is `#`, and times and sizes have no unit: they differ from run to run.
pub fn without_numbers(text: &str) -> String {
    let mut neutral = String::new();
    let mut digits = false;
    for c in text.chars() {
        let is_number = c.is_ascii_digit() || (digits && c == '.');
        if !is_number {
            neutral.push(c);
        } else if !digits {
            neutral.push('#');
        }
        digits = is_number;
    }
    for unit in ["ms", "s", "KiB", "MiB"] {
        neutral = neutral.replace(&format!("# {unit}"), "#");
    }
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    neutral.trim().lines().map(words).collect::<Vec<_>>().join("\n")
}

/// Whether this is what a document shows of it: numbers may be others, a line `…` stands for any lines, `…` within one for anything.
pub fn is_shown(shown: &str, printed: &str) -> bool {
    matches(&without_numbers(shown), &without_numbers(printed))
}
