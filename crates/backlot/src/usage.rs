//! What is said of a command line that makes no sense: words of other tools lead to ours, and hidden verbs are never named.

mod composes;
mod options;

use std::ffi::OsString;

use backlot_engine::Hint;
use backlot_near::nearest;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::error::CommandError;
pub use options::instead;

/// Verbs of Docker Compose and others that are none here, and what does that here.
const ELSEWHERE: [(&str, &str); 24] = [
    (
        "attach",
        "`backlot logs -f SERVICE` shows what a service prints, `backlot shell SERVICE` is a shell beside it",
    ),
    (
        "build",
        "`backlot install` installs and builds what Dockerfiles do, and `up --build` builds the images of containers",
    ),
    ("clean", "`backlot down` ends what runs; with --volumes its data goes, too"),
    ("commit", "processes have no image"),
    ("cp", "services see the project's own files: `backlot exec SERVICE cp …` copies what only they see"),
    ("create", "`backlot up -d` makes and starts; `--dry-run up` shows what would be made"),
    ("dev", "`backlot up` runs the development environment in the foreground"),
    ("events", "`backlot logs -f` follows what services print, `backlot ps` says how they do"),
    ("export", "processes have no image"),
    (
        "images",
        "`backlot doctor` lists the images that services need, `backlot postgres ls` the servers that are here",
    ),
    ("kill", "`backlot stop SERVICE` and `backlot down` end what runs, and a second Ctrl-C does so at once"),
    ("migrate", "migrations run with `up`, as the project's files say: `backlot --dry-run up` shows them"),
    ("new", "`backlot init NAME` makes a project"),
    ("pause", "`backlot stop SERVICE` ends a service until `backlot start SERVICE`"),
    ("port", "`backlot endpoints SERVICE` prints where a service is reached, `backlot url SERVICE` its URL"),
    ("psql", "`backlot db shell` opens psql in the application's database, or runs SQL in it"),
    ("publish", "nothing is published: `backlot up` runs the project here"),
    (
        "pull",
        "`backlot up` fetches what is missing, and `backlot postgres install VERSION` a server ahead of need",
    ),
    ("push", "nothing is published: `backlot up` runs the project here"),
    ("remove", "`backlot down` ends what runs; with --volumes its data goes, too"),
    ("rm", "`backlot down` ends what runs; with --volumes its data goes, too"),
    ("serve", "`backlot up` runs the development environment in the foreground"),
    ("unpause", "`backlot start SERVICE` starts a service that was stopped"),
    (
        "volumes",
        "`backlot volume ls` lists the volumes that projects share, `backlot down --volumes` removes an environment's",
    ),
];

/// Ends the process as clap's users know it, but for what they would be misled by; with `--json` the error is one, too.
pub fn explain(error: &clap::Error, verbs: &clap::Command, as_json: bool) -> CommandError {
    match error.kind() {
        ErrorKind::DisplayHelp
        | ErrorKind::DisplayVersion
        | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => error.exit(),
        _ => {}
    }
    let word = unknown_word(error);
    let elsewhere = word.as_deref().and_then(|word| ELSEWHERE.iter().find(|(known, _)| *known == word));
    if let Some((word, instead)) = elsewhere {
        return CommandError::usage("unknown-verb", format!("there is no verb {word} here")).hint(*instead);
    }
    if let Some(word) = word {
        return unknown_verb(&word, error, verbs);
    }
    if let Some(error) = unknown_option(error).and_then(|option| no_option(verb_of(error, verbs), option)) {
        return error;
    }
    if !as_json {
        error.exit();
    }
    let text = error.render().to_string();
    let message = text.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned();
    CommandError::usage("usage", message)
}

/// That there is no such option, where it is one of Docker Compose's.
pub fn no_option(verb: Option<&str>, option: &str) -> Option<CommandError> {
    let instead = instead(verb, option)?;
    Some(CommandError::usage("usage", format!("there is no option {option} here")).hint(instead))
}

/// The verb that an error is about.
fn verb_of<'v>(error: &clap::Error, verbs: &'v clap::Command) -> Option<&'v str> {
    let usage = error.get(ContextKind::Usage)?.to_string();
    let word = usage.split_once("backlot ")?.1.split_whitespace().next()?.to_owned();
    verbs.get_subcommands().map(clap::Command::get_name).find(|name| *name == word)
}

/// Whether arguments that could not be understood ask for JSON.
pub fn ask_for_json(arguments: &[OsString]) -> bool {
    arguments.iter().take_while(|word| *word != "--").any(|word| word == "--json")
}

/// The option that is none.
fn unknown_option(error: &clap::Error) -> Option<&str> {
    match (error.kind(), error.get(ContextKind::InvalidArg)?) {
        (ErrorKind::UnknownArgument, ContextValue::String(word)) => Some(word),
        _ => None,
    }
}

/// The verb that is none.
fn unknown_word(error: &clap::Error) -> Option<String> {
    match (error.kind(), error.get(ContextKind::InvalidSubcommand)?) {
        (ErrorKind::InvalidSubcommand, ContextValue::String(word)) => Some(word.clone()),
        _ => None,
    }
}

/// The error about a verb that is none, with the one that may have been meant: of those that `word` stands among.
fn unknown_verb(word: &str, error: &clap::Error, verbs: &clap::Command) -> CommandError {
    let usage = error.get(ContextKind::Usage).map(ToString::to_string).unwrap_or_default();
    let group = verbs
        .get_subcommands()
        .find(|verb| verb.has_subcommands() && usage.contains(&format!("backlot {} ", verb.get_name())));
    let (of, verbs) = match group {
        Some(group) => (format!("{} ", group.get_name()), group),
        None => (String::new(), verbs),
    };
    let visible = verbs.get_subcommands().filter(|verb| !verb.is_hide_set());
    let names = visible.flat_map(|verb| std::iter::once(verb.get_name()).chain(verb.get_visible_aliases()));
    let error = CommandError::usage("unknown-verb", format!("there is no verb {of}{word}"));
    match in_a_group(word, verbs).or_else(|| Some(format!("{of}{}", nearest(word, names)?))) {
        Some(meant) => error.hint(format!("did you mean `backlot {meant}`?")),
        None => error.hint(Hint::anywhere(&["--help"]).then(" lists them")),
    }
}

/// A verb of this name within another one.
fn in_a_group(word: &str, verbs: &clap::Command) -> Option<String> {
    let of = verbs.get_subcommands().filter(|verb| !verb.is_hide_set());
    let group = of.into_iter().find(|group| {
        group
            .get_subcommands()
            .any(|verb| verb.get_name() == word || verb.get_visible_aliases().any(|alias| alias == word))
    });
    group.map(|group| format!("{} {word}", group.get_name()))
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::{ELSEWHERE, ask_for_json, explain};
    use crate::cli::Cli;

    fn said(line: &str) -> (String, Vec<String>) {
        let words: Vec<std::ffi::OsString> = line.split(' ').map(Into::into).collect();
        let error = Cli::try_parse_from(&words).unwrap_err();
        let failure = explain(&error, &Cli::command(), ask_for_json(&words));
        let hints = failure.hints.iter().map(|hint| hint.render("")).collect();
        (failure.error.to_string(), hints)
    }

    #[test]
    fn words_of_others_lead_to_ours_and_hidden_verbs_are_never_named() {
        assert_eq!(
            ELSEWHERE.len(),
            ELSEWHERE.iter().map(|(word, _)| word).collect::<std::collections::BTreeSet<_>>().len()
        );
        for (word, _) in ELSEWHERE {
            let (error, hints) = said(&format!("backlot {word}"));
            assert_eq!((error, hints.len()), (format!("there is no verb {word} here"), 1));
        }
        for (line, hint) in [
            ("backlot lgos", "did you mean `backlot logs`?"),
            ("backlot -e testing tset", "did you mean `backlot test`?"),
            ("backlot scenario dwon", "did you mean `backlot scenario down`?"),
            ("backlot __stok", "backlot --help lists them"),
            ("backlot stok", "did you mean `backlot stop`?"),
            ("backlot fork", "did you mean `backlot scenario fork`?"),
            ("backlot reset users", "did you mean `backlot scenario reset`?"),
        ] {
            assert_eq!(said(line).1, [hint], "{line}");
        }
    }

    #[test]
    fn options_of_others_lead_to_ours() {
        for (line, word) in [
            ("backlot up --pull always", "--pull"),
            ("backlot up --pull=always", "--pull"),
            ("backlot exec -u root web id", "-u"),
            ("backlot exec -uroot web id", "-u"),
            ("backlot --parallel 3 ps", "--parallel"),
            ("backlot ps --parallel 3", "--parallel"),
        ] {
            let (error, hints) = said(line);
            assert_eq!((error, hints.len()), (format!("there is no option {word} here"), 1), "{line}");
        }
    }

    #[test]
    fn usage_errors_are_json_where_that_is_asked_for() {
        assert_eq!(said("backlot --json up --wiat").0, "unexpected argument '--wiat' found");
    }
}
