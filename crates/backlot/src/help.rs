//! Help: the verbs by what they are for. Clap lists them in one long row.

mod examples;
mod reference;

use std::fmt::Write;

use clap::CommandFactory;

use crate::cli::Cli;
use crate::help::examples::examples;

/// The verbs by task, the commonest first.
const TASKS: [(&str, &[&str]); 5] = [
    ("Run the project", &["up", "down", "stop", "start", "restart", "scale", "watch", "wait"]),
    ("See what it does", &["ps", "logs", "url", "open", "endpoints", "top", "ls"]),
    ("Work in it", &["run", "exec", "shell", "env", "flask", "compose", "install"]),
    (
        "Databases and tests",
        &["scenario", "snapshot", "test", "db", "create-initial-db", "volume", "adopt", "postgres", "prune"],
    ),
    ("The project and this machine", &["init", "config", "doctor", "completions", "man-pages", "help"]),
];

/// The command line with help of ours.
pub fn command_line() -> clap::Command {
    let command = Cli::command();
    let template = format!(
        "{{about-with-newline}}\n{{usage-heading}} {{usage}}\n{}\nOptions:\n{{options}}\n{{after-help}}\n",
        by_task(&command)
    );
    with_ends(command, "").help_template(template)
}

/// A verb whose short help says where the rest is, and whose long help ends with examples; so do those below it. `path` are the words before
/// it, each with a space after it.
fn with_ends(command: clap::Command, path: &str) -> clap::Command {
    let verbs: Vec<String> = command.get_subcommands().map(|verb| verb.get_name().to_owned()).collect();
    let short = if path.is_empty() {
        "`backlot` alone shows this project at a glance; `backlot --help` lists the options that all verbs take (-C DIR, -e ENV, -f FILE, --json, \
         --dry-run, …), `backlot VERB --help` all that a verb takes, with examples."
            .to_owned()
    } else {
        format!("Options that all verbs take (-C DIR, -e ENV, --json, …) and examples: backlot {path}--help")
    };
    let mut long = String::new();
    for (line, what) in examples(path.trim_end()) {
        let _ = write!(long, "\n  {line:<44}  {what}");
    }
    let command = if long.is_empty() { command } else { command.after_long_help(format!("Examples:{long}")) };
    verbs.into_iter().fold(command.after_help(short), |command, verb| {
        let path = format!("{path}{verb} ");
        command.mut_subcommand(verb, |verb| with_ends(verb, &path))
    })
}

fn by_task(command: &clap::Command) -> String {
    let about = |name: &str| match command.find_subcommand(name).and_then(clap::Command::get_about) {
        Some(about) => about.to_string(),
        None => "Print this message or the help of a verb".to_owned(), // clap's own, which is added when it parses
    };
    let mut text = String::new();
    for (task, verbs) in TASKS {
        let _ = writeln!(text, "\n{task}:");
        for verb in verbs {
            let about = about(verb);
            // The rest of a longer one is in the verb's own help.
            let about = [";", ": ", ", and", ", each", ", which"]
                .iter()
                .filter_map(|end| about.find(end))
                .min()
                .map_or(about.as_str(), |end| &about[..end]);
            let _ = writeln!(text, "  {verb:<18} {about}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use clap::CommandFactory;

    use clap::Parser;

    use super::examples::EXAMPLES;
    use super::{TASKS, command_line};
    use crate::cli::Cli;

    #[test]
    fn every_verb_has_its_task_and_a_line() {
        let command = Cli::command();
        let visible = command.get_subcommands().filter(|verb| !verb.is_hide_set());
        let mut verbs: BTreeSet<&str> = visible.map(clap::Command::get_name).collect();
        verbs.insert("help");
        let listed: Vec<&str> = TASKS.iter().flat_map(|(_, verbs)| verbs.iter().copied()).collect();
        assert_eq!(listed.len(), verbs.len(), "a verb stands twice, or is missing");
        assert_eq!(listed.into_iter().collect::<BTreeSet<_>>(), verbs);
        let help = command_line().render_help().to_string();
        let long: Vec<&str> = help.lines().filter(|line| line.chars().count() > 100).collect();
        assert!(long.is_empty(), "{long:#?}");
        assert!(!help.contains("__"), "{help}");
    }
    /// Each leaf of the command line, by its words.
    fn leaves(command: &clap::Command, path: &str, found: &mut Vec<String>) {
        for verb in command.get_subcommands().filter(|verb| !verb.is_hide_set()) {
            let path = format!("{path}{}", verb.get_name());
            if verb.has_subcommands() { leaves(verb, &format!("{path} "), found) } else { found.push(path) }
        }
    }

    #[test]
    fn every_verb_has_examples_that_are_understood() {
        let mut all = Vec::new();
        leaves(&Cli::command(), "", &mut all);
        for verb in &all {
            let told = EXAMPLES.iter().find(|(name, _)| name == verb);
            let (_, lines) = told.unwrap_or_else(|| panic!("{verb} has no example"));
            for (line, what) in *lines {
                assert!(line.len() + what.chars().count() < 98, "{line}");
                let line =
                    line.split(" > ").next().unwrap().trim_start_matches("eval \"$(").trim_end_matches(")\"");
                let line = line.split_once("| ").map_or(line, |(_, line)| line);
                let set = line.split_once(' ').filter(|(first, _)| first.contains('='));
                let line = set.map_or(line, |(_, line)| line);
                assert!(line.starts_with("backlot "), "{line}");
                Cli::try_parse_from(words(line)).unwrap_or_else(|error| panic!("{line}: {error}"));
            }
        }
        assert!(EXAMPLES.iter().all(|(name, _)| name.is_empty() || all.iter().any(|verb| verb == name)));
    }

    /// Those whose output is a program's of the user's, or a text for a shell.
    const WITHOUT_JSON: [&str; 11] = [
        "run",
        "exec",
        "shell",
        "flask",
        "compose",
        "test",
        "scenario shell",
        "scenario run",
        "db shell",
        "completions",
        "man-pages",
    ];

    #[test]
    fn the_json_of_every_verb_is_in_the_schema() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/json.schema.json");
        let schema: serde_json::Value =
            serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let mut all = Vec::new();
        leaves(&Cli::command(), "", &mut all);
        for verb in all {
            let is_there = schema["$defs"].get(format!("verb-{}", verb.replace(' ', "-"))).is_some();
            assert_eq!(is_there, !WITHOUT_JSON.contains(&verb.as_str()), "{verb}");
        }
    }

    /// The words of a line of a shell, as far as examples go.
    fn words(line: &str) -> Vec<String> {
        let mut words = vec![String::new()];
        let mut within = false;
        for c in line.chars() {
            match c {
                '\'' => within = !within,
                ' ' if !within => words.push(String::new()),
                c => words.last_mut().unwrap().push(c),
            }
        }
        words.retain(|word| !word.is_empty());
        words
    }

    #[test]
    fn short_help_is_about_the_verb() {
        let help = |path: &[&str], long: bool| {
            let mut command = command_line();
            command.build();
            for word in path {
                command = command.find_subcommand(word).unwrap().clone();
            }
            if long { command.render_long_help().to_string() } else { command.render_help().to_string() }
        };
        for path in [&["up"][..], &["scenario", "down"], &["down"], &["db", "drop"]] {
            let (short, long) = (help(path, false), help(path, true));
            assert!(!short.contains("--engine") && !short.contains("Global options:"), "{short}");
            assert!(short.contains(&format!("backlot {} --help", path.join(" "))), "{short}");
            assert!(long.contains("--engine <ENGINE>") && long.contains("Global options:"), "{long}");
            assert!(long.contains("Examples:\n  backlot "), "{long}");
            assert!(long.find("Options:").unwrap() < long.find("Global options:").unwrap(), "{long}");
        }
        assert!(help(&[], true).contains("--engine <ENGINE>"));
    }
}
