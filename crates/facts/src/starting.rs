//! Services that migrate the database themselves when they start: a scenario is filled, and tests are run, after that.

use std::path::Path;

use backlot_dockerfile::{Run, runs};
use backlot_project::Stack;

use crate::container::Container;
use crate::image::is_postgres;
use crate::migration::{Migration, Origin, reaches_a_database};
use crate::own;

/// Programs that migrate, with the words of theirs that say so, of which one is enough.
const TOOLS: [(&str, &[&str]); 21] = [
    ("manage.py", &["migrate"]),
    ("django-admin", &["migrate"]),
    ("django", &["migrate"]),
    ("alembic", &["upgrade"]),
    ("flask", &["upgrade"]),
    ("rails", &["db:migrate", "db:prepare", "db:schema:load"]),
    ("rake", &["db:migrate", "db:prepare", "db:schema:load"]),
    ("prisma", &["deploy", "push"]),
    ("drizzle-kit", &["migrate", "push"]),
    ("knex", &["migrate:latest", "migrate:up"]),
    ("sequelize", &["db:migrate"]),
    ("sequelize-cli", &["db:migrate"]),
    ("typeorm", &["migration:run"]),
    ("node-pg-migrate", &["up"]),
    ("diesel", &["run", "setup"]),
    ("sqlx", &["run", "setup"]),
    ("flyway", &["migrate"]),
    ("dbmate", &["up", "migrate"]),
    ("goose", &["up"]),
    ("migrate", &["up"]),
    ("artisan", &["migrate"]),
];
/// What runs scripts of a `package.json`.
const RUNNERS: [&str; 4] = ["npm", "pnpm", "yarn", "bun"];
/// What only hands on to a program that it is told.
const LAUNCHERS: [&str; 17] = [
    "exec", "env", "run", "poetry", "uv", "pipenv", "pdm", "bundle", "npx", "bunx", "npm", "pnpm", "yarn",
    "bun", "dlx", "php", "nice",
];
/// What begins a container and hands on to what follows.
const INITS: [&str; 3] = ["tini", "dumb-init", "catatonit"];
/// A command that does nothing, by which an entry point comes to its end.
const NOTHING: &str = "true";

/// What the services of the project's own run for that, each thing once. A service that is published goes before those that
/// work for it.
pub(crate) fn starting(stack: &Stack, root: &Path) -> Vec<Migration> {
    let mut own = own::services(stack, root);
    own.retain(|container| {
        container.service.extension.command.is_none()
            && reaches_a_database(&container.service.name, stack, root)
    });
    own.sort_by_key(|container| (container.service.ports.is_empty(), container.service.location.line));
    let mut all: Vec<Migration> = Vec::new();
    for container in &own {
        for (command, what) in of(container, stack) {
            let origin = Origin::Start(what);
            if !all.iter().any(|other| other.origin == origin) {
                all.push(Migration { service: Some(container.service.name.clone()), command, origin });
            }
        }
    }
    all
}

/// The commands that migrate when a service starts, each with what it is for people. What its entry point does is done by running
/// that with a command that does nothing.
fn of(container: &Container<'_>, stack: &Stack) -> Vec<(Vec<String>, String)> {
    let (entrypoint, command) = container.entrypoint_and_command();
    let place = |path: &Path| container.outside(path).filter(|place| place.exists());
    let directory = Path::new(container.working_dir().unwrap_or("/"));
    let variables = container.environment();
    let run = |words: &[String]| runs(words, directory, &variables, &place);
    let entrypoint = without_init(&entrypoint);
    if !entrypoint.is_empty() {
        let nothing = [entrypoint, &[NOTHING.to_owned()]].concat();
        let found = run(&nothing);
        let hands_on = found.iter().any(|run| run.words.last().is_some_and(|word| word == NOTHING));
        if !hands_on || awaits_others(container, entrypoint, stack) {
            return Vec::new();
        }
        let said: Vec<String> =
            found.iter().filter(|run| migrates(&run.words)).map(|run| run.words.join(" ")).collect();
        if !said.is_empty() {
            return vec![(vec![NOTHING.to_owned()], said.join("; "))];
        }
    }
    let found = run(&command).into_iter().filter(|run| migrates(&run.words));
    found.map(|run| (within(&run, directory), bare(&run.words).join(" "))).collect()
}

/// The words of a command, which may work elsewhere than its service.
fn within(run: &Run, directory: &Path) -> Vec<String> {
    let words = bare(&run.words);
    if run.directory == directory {
        return words.to_vec();
    }
    let line = "cd \"$0\" && exec \"$@\"";
    let first = ["sh".to_owned(), "-c".to_owned(), line.to_owned(), run.directory.display().to_string()];
    first.into_iter().chain(words.iter().cloned()).collect()
}

/// A command without the shell's own words before it.
fn bare(words: &[String]) -> &[String] {
    match words.split_first() {
        Some((first, rest)) if first == "exec" => rest,
        Some(_) | None => words,
    }
}

fn without_init(words: &[String]) -> &[String] {
    let Some((first, rest)) = words.split_first() else { return words };
    if !INITS.contains(&name(first)) {
        return words;
    }
    let options = rest.iter().take_while(|word| word.starts_with('-')).count();
    &rest[options..]
}

/// Whether an entry point may wait for a service that is not there yet when the database is migrated.
fn awaits_others(container: &Container<'_>, entrypoint: &[String], stack: &Stack) -> bool {
    let files = entrypoint.iter().filter_map(|word| container.own_program(word));
    let texts: Vec<String> =
        files.filter_map(|file| backlot_files::text(&file).ok()).map(|text| text.to_lowercase()).collect();
    let others = container.service.depends_on.keys().filter_map(|name| stack.services.get(name));
    let mut others = others.filter(|other| !is_postgres(other)).map(|other| other.name.to_lowercase());
    others.any(|name| texts.iter().any(|text| text.contains(&name)))
}

/// Whether a command brings a database's schema up to date, as its words say.
fn migrates(words: &[String]) -> bool {
    let mut runs_scripts = false;
    for (at, word) in words.iter().enumerate() {
        let name = name(word);
        let rest = &words[at + 1..];
        let says = |known: &[&str]| rest.iter().any(|word| known.contains(&word.as_str()));
        // A script of the project's own that is called so.
        if runs_scripts && !word.starts_with('-') && name != "run" && word.contains("migrat") {
            return true;
        }
        if let Some((_, known)) = TOOLS.iter().find(|(tool, _)| *tool == name) {
            return says(known);
        }
        runs_scripts |= RUNNERS.contains(&name);
        let is_launcher = LAUNCHERS.contains(&name)
            || name.starts_with("python")
            || word.starts_with('-')
            || word.contains('=');
        if !is_launcher {
            return false;
        }
    }
    false
}

fn name(word: &str) -> &str {
    word.rsplit('/').next().unwrap_or(word)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use backlot_project::{EnvironmentName, Lookup, Project};

    use super::{migrates, starting};

    #[test]
    fn commands_that_migrate_are_known_by_their_words() {
        let is = |line: &str| migrates(&line.split(' ').map(str::to_owned).collect::<Vec<_>>());
        for line in [
            "python manage.py migrate --noinput",
            "./manage.py migrate",
            "python3 -m django migrate",
            "poetry run alembic upgrade head",
            "uv run --no-sync alembic -c x.ini upgrade head",
            "flask --app web db upgrade",
            "exec bundle exec rails db:prepare",
            "bin/rails db:migrate",
            "npx prisma migrate deploy",
            "pnpm exec drizzle-kit migrate",
            "yarn run db:migrate",
            "npm run migrate",
            "sqlx migrate run --source migrations",
            "diesel setup",
            "goose -dir m postgres up",
            "php artisan migrate --force",
        ] {
            assert!(is(line), "{line}");
        }
        for line in [
            "python manage.py makemigrations",
            "python manage.py runserver",
            "alembic revision",
            "echo alembic upgrade",
            "npm start",
            "rails server",
            "python migrate.py",
        ] {
            assert!(!is(line), "{line}");
        }
    }

    /// What `web` does with this entry point.
    fn told(entry: &str, web: &str) -> Vec<String> {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("entry.sh"), entry).unwrap();
        fs::write(dir.path().join("start"), "#!/bin/bash\ncd /app/backend\nalembic upgrade head\nexec app\n")
            .unwrap();
        let dockerfile = "FROM python\nENV MIGRATES=1\nWORKDIR /app\nCOPY start /start\nCOPY . .\nENTRYPOINT [\"/app/entry.sh\"]\nCMD [\"/start\"]\n";
        fs::write(dir.path().join("Dockerfile"), dockerfile).unwrap();
        let compose = format!(
            "services:\n  db: {{image: postgres}}\n  redis: {{image: redis}}\n  worker: {{build: ., command: /start, depends_on: [db]}}\n  web: {{build: ., ports: ['1'], {web}}}\n"
        );
        fs::write(dir.path().join("compose.yaml"), compose).unwrap();
        let lookup = Lookup { start_dir: dir.path().to_owned(), ..Lookup::default() };
        let project = Project::find(lookup).unwrap();
        let environment = project.environment(&EnvironmentName::parse("development").unwrap()).unwrap();
        let all = starting(&environment.stack, dir.path());
        all.iter().map(|one| format!("{one}: {}", one.command.join(" "))).collect()
    }

    #[test]
    fn what_an_entry_point_or_a_start_script_runs_is_told() {
        let after =
            ["alembic upgrade head as web: sh -c cd \"$0\" && exec \"$@\" /app/backend alembic upgrade head"];
        let entry = "#!/bin/sh\nwhile ! nc -z db 5432; do sleep 1; done\n";
        let migrates =
            format!("{entry}if [ $MIGRATES = 1 ]; then python manage.py migrate; fi\nexec \"$@\"\n");
        assert_eq!(told(&migrates, "depends_on: [db]"), ["python manage.py migrate as web: true"]);
        assert_eq!(told(&format!("{entry}exec \"$@\"\n"), "depends_on: [db]"), after, "its command does");
        assert_eq!(
            told(&migrates.replace("db 5432", "redis 6379"), "depends_on: [db, redis]"),
            ["python manage.py migrate as worker: true"],
            "it would wait for redis"
        );
        assert!(
            told("#!/bin/sh\npython manage.py migrate\nexec app\n", "depends_on: [db]").is_empty(),
            "it never ends"
        );
        let own =
            "entrypoint: [/usr/bin/tini, --], depends_on: [db], command: sh -c 'alembic upgrade head && app'";
        assert_eq!(told(entry, own), ["alembic upgrade head as web: alembic upgrade head"]);
    }
}
