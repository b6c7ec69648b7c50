//! Options of Docker Compose that are none here, and what does that here.

/// What is said where nobody chooses the user.
const USERS: &str = "processes run as you do, and a container's user is its file's: `user:` of the service";
/// What is said where a container would be called, reached or allowed something.
const CONTAINER: &str =
    "a command has no container of its own: `backlot compose run …` is Docker Compose itself";
/// What is said where the files are not to be resolved.
const AS_WRITTEN: &str =
    "the files are shown as they are resolved: `backlot compose config …` is Docker Compose itself";
/// What is said where images are to be fetched anew.
const PULL: &str = "an image that is missing is fetched; `docker pull IMAGE` fetches one anew";

/// The verbs (none: all), the options, and what does that here.
type Instead = (&'static [&'static str], &'static [&'static str], &'static str);

const INSTEAD: &[Instead] = &[
    (&["up"], &["--always-recreate-deps"], "`up --force-recreate` without services replaces all of them"),
    (&["up"], &["--menu"], "on a terminal keys are there: `up` tells which"),
    (
        &["up"],
        &["--no-recreate"],
        "`up` replaces what has changed and nothing else; services that are not named, nor needed, stay",
    ),
    (
        &["up"],
        &["--no-start"],
        "`backlot install` installs and builds ahead, and `backlot --dry-run up` shows what would be made",
    ),
    (
        &["up"],
        &["--renew-anon-volumes", "-V"],
        "`backlot down` and `up` begin with volumes that have no name anew",
    ),
    (&["up", "run"], &["--pull"], PULL),
    (
        &["up", "run"],
        &["--quiet-build", "--quiet-pull"],
        "-q prints no progress, neither of images nor of anything else",
    ),
    (
        &["run"],
        &["--cap-add", "--cap-drop", "--label", "-l", "--name", "--publish", "-p", "--use-aliases"],
        CONTAINER,
    ),
    (
        &["run"],
        &["--service-ports", "-P"],
        "`backlot up SERVICE` runs a service at its ports; a command that runs once has none",
    ),
    (
        &["run"],
        &["--volume", "-v"],
        "a command sees what its service sees: `volumes:` of the service say what that is",
    ),
    (
        &["run"],
        &["--detach", "-d"],
        "`backlot up -d SERVICE` leaves a service running; a command runs on in a shell's background with &",
    ),
    (&["exec"], &["--detach", "-d"], "a command runs on in a shell's background with &"),
    (
        &["exec"],
        &["--privileged"],
        "processes may do what you may, and a container what its file says: `privileged:` of the service",
    ),
    (&["exec", "run"], &["--user", "-u"], USERS),
    (
        &["exec"],
        &["--index"],
        "a command runs beside the first replica that runs; `backlot endpoints SERVICE` has the addresses of all",
    ),
    (
        &["config"],
        &["--environment", "--variables"],
        "`backlot config` without options shows the variables and where each is from",
    ),
    (
        &["config"],
        &["--hash"],
        "`backlot --dry-run up` tells what has changed; `backlot compose config --hash …` is Docker Compose itself",
    ),
    (&["config"], &["--lock-image-digests", "--resolve-image-digests"], AS_WRITTEN),
    (&["config"], &["--models"], "models are no services here: `backlot config --format yaml` shows them"),
    (
        &["config"],
        &[
            "--no-consistency",
            "--no-env-resolution",
            "--no-interpolate",
            "--no-normalize",
            "--no-path-resolution",
        ],
        AS_WRITTEN,
    ),
    (
        &["restart"],
        &["--no-deps"],
        "those that ask for that by `depends_on: {…: {restart: true}}` are restarted with a service, and no others",
    ),
    (&["watch"], &["--prune"], "images that nothing names any more stay: `docker image prune` removes them"),
    (&["ls"], &["--filter"], "`backlot ls --json` has all that is known of each environment"),
    (&[], &["--all-resources"], "`backlot config --json` has what services use"),
    (
        &[],
        &["--compatibility"],
        "names of containers are as Compose has them now: `container_name:` gives a service another one",
    ),
    (&[], &["--parallel"], "what is done at once, and what is not, follows from the files"),
    (
        &[],
        &["--project-directory"],
        "paths are relative to the first file; -C DIR looks for the project in DIR",
    ),
    (&[], &["--workdir"], "paths are relative to the first file; -C DIR looks for the project in DIR"),
    (&[], &["--no-ansi"], "`--ansi never` prints no colours"),
];

/// What does here what `option` does for `verb` of Docker Compose.
pub fn instead(verb: Option<&str>, option: &str) -> Option<&'static str> {
    let is_meant = |(verbs, options, _): &&Instead| {
        options.contains(&option) && (verbs.is_empty() || verb.is_some_and(|verb| verbs.contains(&verb)))
    };
    INSTEAD.iter().find(is_meant).map(|(.., instead)| *instead)
}

#[cfg(test)]
mod tests {
    use super::INSTEAD;

    #[test]
    fn each_is_one_line_and_stands_once() {
        let mut seen = std::collections::BTreeSet::new();
        for (verbs, options, instead) in INSTEAD {
            assert!(instead.len() < 130 && !instead.contains('\n'), "{instead}");
            for option in *options {
                let verbs = if verbs.is_empty() { &[""][..] } else { verbs };
                assert!(verbs.iter().all(|verb| seen.insert((*verb, *option))), "{option} stands twice");
            }
        }
    }
}
