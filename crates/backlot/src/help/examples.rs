//! A few lines of each verb that one would type.

/// A line, and what it does.
type Example = (&'static str, &'static str);

/// Those of a verb, by its words; none of words that others follow.
pub(super) fn examples(verb: &str) -> &'static [Example] {
    EXAMPLES.iter().find(|(name, _)| *name == verb).map_or(&[], |(_, examples)| examples)
}

/// All of them.
pub(super) const EXAMPLES: &[(&str, &[Example])] = &[
    (
        "",
        &[
            ("backlot up", "run the development environment; Ctrl-C ends it"),
            ("backlot -e production up -d --wait", "run production in the background"),
            ("backlot scenario up users", "a throw-away database with chosen data"),
            ("backlot test", "run the tests on a Postgres of their own"),
        ],
    ),
    (
        "init",
        &[
            ("backlot init blog --template flask", "a new project in the folder blog"),
            ("backlot init", "show what would be written for the project that is here"),
        ],
    ),
    (
        "up",
        &[
            ("backlot up", "everything, in the foreground"),
            ("backlot up -d --wait web", "web and what it depends on; return when it is ready"),
            ("backlot up -d --scale web=3", "three of web, behind one port"),
            ("backlot --dry-run up", "what would be done"),
        ],
    ),
    (
        "adopt",
        &[
            ("backlot ls --all", "what there is on this machine, orphans included"),
            ("backlot adopt", "take over the data of the only orphan of this project"),
            ("backlot adopt ../shop-old", "of the one that was there"),
        ],
    ),
    (
        "down",
        &[
            ("backlot down", "stop it; volumes stay"),
            ("backlot -e production down", "stop production"),
            ("backlot down --volumes", "remove its data, too; that is asked"),
        ],
    ),
    (
        "stop",
        &[
            ("backlot stop web", "end web; everything else goes on"),
            ("backlot stop", "end everything, keep all data"),
        ],
    ),
    ("start", &[("backlot start web", "start web again"), ("backlot start", "start everything again")]),
    (
        "restart",
        &[
            ("backlot restart web", "end and start web"),
            ("backlot restart --rolling web", "without dropping a request"),
        ],
    ),
    (
        "scale",
        &[("backlot scale web=3", "run three of web"), ("backlot scale web=3 worker=2", "and two of worker")],
    ),
    (
        "watch",
        &[("backlot watch", "replace what has changed, as it changes"), ("backlot watch web", "web alone")],
    ),
    (
        "wait",
        &[
            ("backlot wait", "until everything is ready"),
            ("backlot wait --for stopped job", "the exit code of job"),
        ],
    ),
    ("ps", &[("backlot ps", "how the services do"), ("backlot ps --json", "the same for programs")]),
    (
        "logs",
        &[
            ("backlot logs -f web", "follow what web prints"),
            ("backlot logs -n 20 --since 10m", "the last of it"),
        ],
    ),
    (
        "url",
        &[
            ("backlot url web", "http://web.shop.localhost:7355/"),
            ("backlot url --tls web", "https://web.shop.localhost:7355/"),
            ("BACKLOT_DOOR=off backlot url web", "its own address: http://127.0.0.1:8000"),
        ],
    ),
    ("open", &[("backlot open", "the first service in the browser"), ("backlot open web", "that one")]),
    ("endpoints", &[("backlot endpoints web", "where each replica of web listens")]),
    ("top", &[("backlot top", "the processes of all services"), ("backlot top web", "those of web")]),
    ("ls", &[("backlot ls", "what is up of this project")]),
    (
        "run",
        &[
            ("backlot run python manage.py shell", "with the environment's variables and database"),
            ("backlot run web env", "as the service web would run it"),
            ("backlot -e testing run -- pytest -x", "in another environment"),
        ],
    ),
    (
        "exec",
        &[
            ("backlot exec web env", "beside web that runs"),
            ("backlot exec db psql -U postgres", "with the server's own programs"),
        ],
    ),
    ("shell", &[("backlot shell web", "a shell that sees what web sees")]),
    ("env", &[("eval \"$(backlot env)\"", "the environment's variables in this shell")]),
    (
        "flask",
        &[("backlot flask db upgrade", "migrate the database"), ("backlot flask routes", "list the pages")],
    ),
    ("compose", &[("backlot compose ps", "docker compose, with this project's files")]),
    (
        "install",
        &[
            ("backlot install", "what Dockerfiles install, for all services"),
            ("backlot install web", "for web"),
        ],
    ),
    (
        "scenario up",
        &[
            ("backlot scenario up users", "filled by scenarios/users.py, users.sql, …"),
            ("backlot scenario up users --fresh", "made anew"),
            ("backlot scenario up users --only db", "the database alone"),
        ],
    ),
    (
        "scenario ls",
        &[("backlot scenario ls", "those that are up"), ("backlot scenario ls -q", "their names")],
    ),
    (
        "scenario shell",
        &[
            ("backlot scenario shell users", "psql in its database"),
            ("backlot scenario shell users -c 'TABLE users'", "one statement"),
            (
                "echo 'SELECT 1' | backlot scenario shell users -- -At",
                "what is piped, as psql's own -At shows it",
            ),
        ],
    ),
    (
        "scenario new",
        &[
            ("backlot scenario new users", "a file to be filled in"),
            ("backlot scenario new shop --from shop.dump", "of a dump of pg_dump"),
            ("backlot scenario new shop --from users.csv items.csv", "of rows"),
        ],
    ),
    ("scenario diff", &[("backlot scenario diff users mine", "tables, columns and rows that differ")]),
    ("scenario reset", &[("backlot scenario reset users", "as it was after it was filled")]),
    ("scenario fork", &[("backlot scenario fork users mine", "a second one with the same data")]),
    (
        "snapshot save",
        &[
            ("backlot snapshot save monday", "keep development as it is"),
            ("backlot snapshot save users full", "a scenario"),
        ],
    ),
    ("snapshot load", &[("backlot snapshot load monday dump.sql.gz", "what pg_dump has written")]),
    ("snapshot restore", &[("backlot snapshot restore monday", "put it back; that is asked")]),
    ("snapshot ls", &[("backlot snapshot ls", "those that there are")]),
    ("snapshot rm", &[("backlot snapshot rm monday", "with its data; that is asked")]),
    ("scenario url", &[("backlot scenario url users", "for any other client")]),
    ("scenario env", &[("eval \"$(backlot scenario env users)\"", "its variables in this shell")]),
    ("scenario logs", &[("backlot scenario logs users -f", "follow what its services print")]),
    ("scenario run", &[("backlot scenario run users -- flask routes", "a command with its variables")]),
    (
        "scenario down",
        &[
            ("backlot scenario down users", "gone, with its data"),
            ("backlot scenario down --all", "all of this checkout"),
        ],
    ),
    (
        "test",
        &[
            ("backlot test", "what the project's tests are run by"),
            ("backlot test -x -k users", "with arguments for it"),
        ],
    ),
    ("db url", &[("backlot db url", "for any other client")]),
    (
        "db shell",
        &[("backlot db shell", "psql"), ("backlot -e production db shell -c 'SELECT 1'", "one statement")],
    ),
    ("db create", &[("backlot db create", "unless it is there")]),
    ("db drop", &[("backlot db drop", "with all that is in it; that is asked")]),
    ("create-initial-db", &[("backlot create-initial-db", "unless it is there")]),
    (
        "prune",
        &[
            ("backlot prune --dry-run", "what is kept, what it takes, what would go"),
            ("backlot prune --all", "also what was used in the last week"),
        ],
    ),
    ("volume ls", &[("backlot volume ls", "the volumes that projects share")]),
    ("volume create", &[("backlot volume create shared", "for `external: true`")]),
    ("volume inspect", &[("backlot volume inspect shared", "what is known of it, as JSON")]),
    ("volume rm", &[("backlot volume rm shared", "with its data; that is asked")]),
    ("postgres ls", &[("backlot postgres ls", "the servers that are here")]),
    ("postgres install", &[("backlot postgres install 17", "ahead of need")]),
    (
        "postgres upgrade",
        &[("backlot postgres upgrade pgdata", "the data of a volume, to the version that the files ask for")],
    ),
    ("postgres rm", &[("backlot postgres rm 17", "a server that was fetched")]),
    (
        "config",
        &[
            ("backlot config", "what was found in the files"),
            ("backlot config --json", "the same for programs"),
        ],
    ),
    ("doctor", &[("backlot doctor", "what is here, and what is in the way")]),
    ("man-pages", &[("backlot man-pages man1", "into the folder man1")]),
    ("completions", &[("backlot completions bash > backlot.bash", "to be sourced by bash")]),
];
