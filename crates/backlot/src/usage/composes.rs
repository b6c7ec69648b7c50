//! Every option that Docker Compose has for a verb that is here, too, and what becomes of it: `docs/compose-options.md`.
//!
//! `BACKLOT_WRITE_DOCS=1 cargo test -p backlot --bin backlot composes` writes it anew.

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::ffi::OsString;
    use std::fmt::Write;
    use std::path::Path;

    use clap::CommandFactory;
    use clap::Parser;

    use crate::cli::Cli;
    use crate::commands::Command;
    use crate::usage::{explain, instead};

    /// What becomes of an option.
    #[derive(Clone, Copy)]
    enum Here {
        /// It means what it means there.
        Same,
        /// It is understood, and so without it, too: why.
        Always(&'static str),
        /// It means the same, but for this.
        But(&'static str),
        /// It is refused, with a line that says what does that here.
        Named,
    }
    use Here::{Always, But, Named, Same};

    /// An option with its other spellings, and a value if it takes one: `-t, --timeout 5`.
    type Options = &'static [(&'static str, Here)];

    /// Those before the verb.
    const GLOBAL: Options = &[
        ("--all-resources", Named),
        ("--ansi never", Same),
        ("--compatibility", Named),
        ("--dry-run", Same),
        ("--env-file .env", Same),
        ("-f, --file compose.yaml", Same),
        ("--no-ansi", Named),
        ("--parallel 2", Named),
        ("--profile debug", Same),
        ("--progress plain", But("it is one of `auto`, `tty`, `plain` and `quiet`")),
        ("--project-directory .", Named),
        ("-p, --project-name shop", Same),
        ("--verbose", Same),
        ("--workdir .", Named),
    ];

    const UP: Options = &[
        ("--abort-on-container-exit", Same),
        ("--abort-on-container-failure", Same),
        ("--always-recreate-deps", Named),
        ("--attach web", Same),
        ("--attach-dependencies", Always("what all services print is shown")),
        ("--build", Same),
        ("-d, --detach", Same),
        (
            "--exit-code-from web",
            But("a service that is stopped because another one has ended counts as 143"),
        ),
        ("--force-recreate", Same),
        ("--menu", Named),
        ("--no-attach web", Same),
        ("--no-build", But("what processes need of Dockerfiles is left out by `--no-install`")),
        ("--no-color", Same),
        ("--no-deps", But("natively the database is started all the same")),
        ("--no-log-prefix", Same),
        ("--no-recreate", Named),
        ("--no-start", Named),
        ("--pull always", Named),
        ("--quiet-build", Named),
        ("--quiet-pull", Named),
        ("--remove-orphans", Same),
        ("-V, --renew-anon-volumes", Named),
        ("--scale web=2", Same),
        ("-t, --timeout 5", Same),
        ("--timestamps", Same),
        ("--wait", Same),
        ("--wait-timeout 5", But("it goes with `--wait` only")),
        ("-w, --watch", Same),
        ("-y, --yes", Always("nothing is asked")),
    ];

    const DOWN: Options = &[
        ("--remove-orphans", Always("all that runs of the environment goes")),
        ("--rmi local", Same),
        ("-t, --timeout 5", Same),
        ("-v, --volumes", But("it asks first: `--yes`")),
    ];

    const RUN: Options = &[
        ("--build", Same),
        ("--cap-add NET_ADMIN", Named),
        ("--cap-drop ALL", Named),
        ("-d, --detach", Named),
        ("--entrypoint sh", Same),
        ("-e, --env A=b", But("without a value it names the environment")),
        ("--env-from-file .env", Same),
        ("-i, --interactive", Always("standard input is the command's")),
        ("-l, --label a=b", Named),
        ("--name it", Named),
        ("--no-deps", Same),
        ("-T, --no-tty, --no-TTY", Same),
        ("-p, --publish 80:80", Named),
        ("--pull always", Named),
        ("-q, --quiet", Same),
        ("--quiet-build", Named),
        ("--quiet-pull", Named),
        ("--remove-orphans", Same),
        ("--rm", Always("nothing is kept of it")),
        ("-P, --service-ports", Named),
        ("-t, --tty", Always("it has the terminal, where there is one")),
        ("--use-aliases", Named),
        ("-u, --user root", Named),
        ("-v, --volume .:/src", Named),
        ("-w, --workdir /", Same),
    ];

    const EXEC: Options = &[
        ("-d, --detach", Named),
        ("-e, --env A=b", But("without a value it names the environment")),
        ("--index 2", Named),
        ("-i, --interactive", Always("standard input is the command's")),
        ("-T, --no-tty, --no-TTY", Same),
        ("--privileged", Named),
        ("-t, --tty", Always("it has the terminal, where there is one")),
        ("-u, --user root", Named),
        ("-w, --workdir /", Same),
    ];

    const LOGS: Options = &[
        ("-f, --follow", Same),
        ("--index 2", Same),
        ("--no-color", Same),
        ("--no-log-prefix", Same),
        ("--since 10m", Same),
        ("-n, --tail 5", Same),
        ("-t, --timestamps", Same),
        ("--until 10m", But("it does not go with `--follow`")),
    ];

    const PS: Options = &[
        ("-a, --all", Always("what has ended is listed, too")),
        ("--filter status=running", Same),
        ("--format json", But("a table, or the JSON of Backlot")),
        ("--no-trunc", Always("nothing is cut")),
        ("--orphans=false", Same),
        ("-q, --quiet", But("names of replicas instead of numbers of containers")),
        ("--services", Same),
        ("--status running", Same),
    ];

    const CONFIG: Options = &[
        ("--environment", Named),
        ("--format yaml", But("secrets are masked without `--show-secrets`")),
        ("--hash web", Named),
        ("--images", Same),
        ("--lock-image-digests", Named),
        ("--models", Named),
        ("--networks", Same),
        ("--no-consistency", Named),
        ("--no-env-resolution", Named),
        ("--no-interpolate", Named),
        ("--no-normalize", Named),
        ("--no-path-resolution", Named),
        ("-o, --output resolved.yaml", But("secrets are masked without `--show-secrets`")),
        ("--profiles", Same),
        ("-q, --quiet", Same),
        ("--resolve-image-digests", Named),
        ("--services", Same),
        ("--variables", Named),
        ("--volumes", Same),
    ];

    const RESTART: Options = &[("--no-deps", Named), ("-t, --timeout 5", Same)];
    const STOP: Options = &[("-t, --timeout 5", Same)];
    const START: Options = &[("--wait", Same), ("--wait-timeout 5", But("it goes with `--wait` only"))];
    const SCALE: Options = &[("--no-deps", Always("nothing is started with it"))];
    const WATCH: Options =
        &[("--no-up", Always("it starts nothing: `up --watch` does")), ("--prune", Named), ("--quiet", Same)];
    const LS: Options = &[
        ("-a, --all", But("of this machine: else those of this checkout")),
        ("--filter name=shop", Named),
        ("--format json", But("a table, or the JSON of Backlot")),
        ("-q, --quiet", Same),
    ];
    const STATS: Options = &[
        ("-a, --all", Always("all are listed")),
        ("--format json", But("a table, or the JSON of Backlot")),
        ("--no-stream", Always("it looks once")),
        ("--no-trunc", Always("nothing is cut")),
    ];
    const WAIT: Options = &[("--down-project", Same)];

    /// The verbs, what they need besides, and their options.
    const VERBS: &[(&str, &str, Options)] = &[
        ("", "ps", GLOBAL),
        ("up", "", UP),
        ("down", "", DOWN),
        ("run", "web true", RUN),
        ("exec", "web true", EXEC),
        ("logs", "", LOGS),
        ("ps", "", PS),
        ("config", "", CONFIG),
        ("restart", "", RESTART),
        ("stop", "", STOP),
        ("start", "", START),
        ("scale", "web=2", SCALE),
        ("watch", "", WATCH),
        ("ls", "", LS),
        ("top", "", &[]),
        ("stats", "", STATS),
        ("wait", "web", WAIT),
    ];

    /// The spellings of an option, each with its value.
    fn spellings(option: &str) -> Vec<Vec<String>> {
        let (names, value) = match option.rsplit_once(' ') {
            Some((names, value)) if !value.starts_with('-') => (names, Some(value)),
            Some(_) | None => (option, None),
        };
        let words = |name: &str| [name].into_iter().chain(value).map(str::to_owned).collect();
        names.split(", ").map(words).collect()
    }

    /// What is said of a line that is refused: the error and its hints.
    fn refused(line: &[String]) -> Option<(String, Vec<String>)> {
        let words: Vec<OsString> = line.iter().map(Into::into).collect();
        let error = match Cli::try_parse_from(&words) {
            Err(error) => explain(&error, &Cli::command(), true),
            Ok(cli) => match cli.command {
                Some(Command::Run(args)) => args.misplaced(&cli.global)?,
                _ => return None,
            },
        };
        Some((error.error.to_string(), error.hints.iter().map(|hint| hint.render("")).collect()))
    }

    #[test]
    fn every_option_of_composes_is_understood_or_says_what_does_that_here() {
        let mut looked_at = 0;
        for (verb, rest, options) in VERBS {
            for (option, here) in *options {
                for words in spellings(option) {
                    looked_at += 1;
                    let mut line = vec!["backlot".to_owned()];
                    line.extend((!verb.is_empty()).then(|| (*verb).to_owned()));
                    line.extend(words.clone());
                    // What goes with another one only.
                    line.extend((words[0] == "--wait-timeout").then(|| "--wait".to_owned()));
                    line.extend(rest.split_whitespace().map(str::to_owned));
                    let name = words[0].split('=').next().unwrap();
                    match (refused(&line), here) {
                        (None, Same | Always(_) | But(_)) => {}
                        (Some((error, hints)), Named) => {
                            let expected = format!("there is no option {name} here");
                            assert_eq!((error, hints), (expected, vec![told(verb, name)]), "{line:?}");
                        }
                        (outcome, _) => panic!("{line:?}: {outcome:?}"),
                    }
                }
            }
        }
        assert!(looked_at > 150, "only {looked_at}");
    }

    /// What is told of an option that is refused.
    fn told(verb: &str, option: &str) -> String {
        let verb = Some(verb).filter(|verb| !verb.is_empty());
        instead(verb, option).unwrap_or_else(|| panic!("nothing is said of {option}")).to_owned()
    }

    #[test]
    fn each_option_stands_once() {
        for (verb, _, options) in VERBS {
            let names: Vec<String> = options
                .iter()
                .flat_map(|(option, _)| spellings(option))
                .map(|words| words[0].clone())
                .collect();
            assert_eq!(names.len(), names.iter().collect::<BTreeSet<_>>().len(), "{verb}: {names:?}");
        }
    }

    const HEAD: &str = "\
# Options of docker compose

Each option that `docker compose` has for a verb that is here, too: what it does here. What is refused says the same in a terminal. This page is
made by a test, which types them all; see also [coming from docker compose](from-compose.md).
";

    fn page() -> String {
        let mut text = HEAD.to_owned();
        for (verb, _, options) in VERBS.iter().filter(|(.., options)| !options.is_empty()) {
            let verb_or_all =
                if verb.is_empty() { "Before the verb".to_owned() } else { format!("`{verb}`") };
            let _ = write!(text, "\n## {verb_or_all}\n\n| option | here |\n|---|---|\n");
            for (option, here) in *options {
                let names: Vec<String> = spellings(option)
                    .into_iter()
                    .map(|words| format!("`{}`", words[0].split('=').next().unwrap()))
                    .collect();
                let here = match here {
                    Same => "the same".to_owned(),
                    Always(why) => format!("always so: {why}"),
                    But(what) => format!("the same; {what}"),
                    Named => format!("refused: {}", told(verb, names[0].trim_matches('`'))),
                };
                let _ = writeln!(text, "| {} | {} |", names.join(", "), here.replace('|', "\\|"));
            }
        }
        text
    }

    #[test]
    fn the_page_is_the_table() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/compose-options.md");
        if std::env::var("BACKLOT_WRITE_DOCS").is_ok_and(|value| value == "1") {
            std::fs::write(&path, page()).unwrap();
        }
        assert!(
            std::fs::read_to_string(path).unwrap_or_default() == page(),
            "docs/compose-options.md is stale: write it with BACKLOT_WRITE_DOCS=1 cargo test -p backlot --bin backlot composes"
        );
    }
}
