//! The reference of all verbs, `docs/verbs.md`, as the command line itself tells it; and that documents name no verb or option that is not there.
//!
//! `BACKLOT_WRITE_DOCS=1 cargo test -p backlot --bin backlot reference` writes it anew.

#[cfg(test)]
mod tests {
    use std::fmt::Write;
    use std::fs;
    use std::path::{Path, PathBuf};

    use clap::{Arg, Command, Parser};

    use crate::cli::Cli;
    use crate::help::examples::examples;
    use crate::help::{TASKS, command_line};

    const HEAD: &str = "\
# Verbs

`backlot VERB --help` tells the same in a terminal. This page is made from the command line by a test.

";

    fn docs() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs")
    }

    /// Text as Markdown has it: what stands in angle brackets is no tag.
    fn plain(text: &str) -> String {
        text.replace('<', "&lt;").replace('|', "\\|").replace("\n\n", "<br>").replace('\n', " ")
    }

    /// An argument as it is typed.
    fn typed(argument: &Arg) -> String {
        let names = argument.get_value_names().unwrap_or_default();
        let values: Vec<&str> = names.iter().map(clap::builder::Str::as_str).collect();
        let value = if argument.get_action().takes_values() {
            format!(" {}", values.join(" "))
        } else {
            String::new()
        };
        match (argument.get_short(), argument.get_long()) {
            (Some(short), Some(long)) => format!("-{short}, --{long}{value}"),
            (None, Some(long)) => format!("--{long}{value}"),
            (Some(short), None) => format!("-{short}{value}"),
            (None, None) => values.join(" "),
        }
    }

    fn rows<'a>(text: &mut String, arguments: impl Iterator<Item = &'a Arg>) {
        let mut arguments = arguments
            .filter(|one| !one.is_hide_set() && one.get_id() != "help" && one.get_id() != "version")
            .peekable();
        if arguments.peek().is_none() {
            return;
        }
        text.push_str("| | |\n|---|---|\n");
        for argument in arguments {
            let help =
                argument.get_long_help().or(argument.get_help()).map(ToString::to_string).unwrap_or_default();
            let _ = writeln!(text, "| `{}` | {} |", typed(argument).replace('|', "\\|"), plain(help.trim()));
        }
        text.push('\n');
    }

    /// A verb, or those below it.
    fn tell(text: &mut String, verb: &Command, path: &str) {
        let path = format!("{path} {}", verb.get_name());
        let below: Vec<&Command> =
            verb.get_subcommands().filter(|one| !one.is_hide_set() && one.get_name() != "help").collect();
        if !below.is_empty() {
            return below.into_iter().for_each(|one| tell(text, one, &path));
        }
        let about = verb.get_long_about().or(verb.get_about()).map(ToString::to_string).unwrap_or_default();
        let usage = verb.clone().render_usage().to_string();
        let usage = usage.trim_start_matches("Usage: ").split_whitespace().collect::<Vec<_>>().join(" ");
        let _ = write!(text, "### `{}`\n\n{}\n\n```text\n{usage}\n", path.trim_start(), about.trim());
        for (line, what) in examples(path.trim_start().trim_start_matches("backlot ")) {
            let _ = write!(text, "\n{line:<44}  # {what}");
        }
        text.truncate(text.trim_end().len());
        text.push_str("\n```\n\n");
        rows(text, verb.get_arguments().filter(|one| !one.is_global_set()));
    }

    fn reference() -> String {
        let mut text = HEAD.to_owned();
        let mut command = command_line();
        command.build();
        for (task, verbs) in TASKS {
            let _ = write!(text, "## {task}\n\n");
            for verb in verbs.iter().filter(|verb| **verb != "help") {
                tell(&mut text, command.find_subcommand(verb).unwrap(), "backlot");
            }
        }
        text.push_str(
        "## Options that all verbs take\n\nThey stand before the verb or after it; `-f` before it only.\n\n",
    );
        rows(&mut text, command.get_arguments());
        format!("{}\n", text.trim_end())
    }

    #[test]
    fn the_reference_is_the_command_line() {
        let (path, text) = (docs().join("verbs.md"), reference());
        if std::env::var("BACKLOT_WRITE_DOCS").is_ok_and(|value| value == "1") {
            fs::write(&path, &text).unwrap();
        }
        assert!(
            fs::read_to_string(path).unwrap_or_default() == text,
            "docs/verbs.md is stale: write it with BACKLOT_WRITE_DOCS=1 cargo test -p backlot --bin backlot reference"
        );
    }

    /// What stands in backticks, without fenced blocks.
    fn quoted(page: &str) -> Vec<String> {
        let mut fenced = false;
        let prose: String = page
            .lines()
            .filter(|line| {
                fenced ^= line.trim_start().starts_with("```");
                !fenced
            })
            .flat_map(|line| [line, "\n"])
            .collect();
        prose.split('`').skip(1).step_by(2).map(|words| words.replace('\n', " ")).collect()
    }

    /// Whether the command line understands these words, of which some may be left out.
    fn is_understood(line: &str) -> bool {
        let line = line.split(" > ").next().unwrap_or(line).replace(['…', '[', ']'], " ");
        let words: Vec<&str> =
            line.split_whitespace().map(|word| word.split('|').next().unwrap_or(word)).collect();
        match Cli::try_parse_from(&words) {
            Ok(_) => true,
            Err(error) => matches!(
                error.kind(),
                clap::error::ErrorKind::DisplayHelp
                    | clap::error::ErrorKind::DisplayVersion
                    | clap::error::ErrorKind::MissingRequiredArgument
                    | clap::error::ErrorKind::MissingSubcommand
                    | clap::error::ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
            ),
        }
    }

    #[test]
    fn what_documents_say_can_be_typed() {
        let folder = fs::read_dir(docs()).unwrap().flatten().map(|entry| entry.path());
        let pages = folder.filter(|path| path.extension().is_some_and(|end| end == "md"));
        let (mut looked_at, mut wrong) = (0, Vec::new());
        for path in pages.chain([docs().join("../README.md")]) {
            let text = fs::read_to_string(&path).unwrap();
            for line in quoted(&text).iter().filter(|words| {
                words.starts_with("backlot ") && !words.contains('$') && !words.contains(" VERB")
            }) {
                looked_at += 1;
                if !is_understood(line) {
                    wrong.push(format!("{}: {line}", path.display()));
                }
            }
        }
        assert_eq!(wrong, Vec::<String>::new());
        assert!(looked_at > 80, "only {looked_at} commands were found");
    }
}
