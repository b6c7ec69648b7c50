//! Tools that migrate a database, recognised by their files.

use std::fs;
use std::path::Path;

use backlot_project::Stack;

use crate::migration::migrations;
use crate::own;

/// A tool that keeps a schema's history in a directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tool {
    /// What it is called.
    pub name: &'static str,
    /// What brings a database up to date.
    pub command: &'static str,
}

impl Tool {
    /// What has it run before anybody else has the database, for a service of the project's, else for all of it.
    pub fn way_out(&self, service: Option<&str>) -> String {
        let under = service.map_or("at the top".to_owned(), |service| format!("under service {service}"));
        format!("`x-backlot: {{migrate: {}}}` {under} of the Compose file", self.command)
    }
}

const fn tool(name: &'static str, command: &'static str) -> Tool {
    Tool { name, command }
}

const FLASK: Tool = tool("Flask-Migrate", "flask db upgrade");
const ALEMBIC: Tool = tool("Alembic", "alembic upgrade head");
const DJANGO: Tool = tool("Django", "python manage.py migrate");
const RAILS: Tool = tool("Rails", "bin/rails db:migrate");
const PRISMA: Tool = tool("Prisma", "npx prisma migrate deploy");
const DRIZZLE: Tool = tool("Drizzle", "npx drizzle-kit migrate");
const DIESEL: Tool = tool("diesel", "diesel migration run");
const SQLX: Tool = tool("sqlx", "sqlx migrate run");
const FLYWAY: Tool = tool("Flyway", "flyway migrate");

/// How deep sources are looked through for migrations that a program runs by itself.
const DEPTH: usize = 4;

/// The tool whose files are in a directory.
pub fn tool_in(dir: &Path) -> Option<Tool> {
    let has = |name: &str| dir.join(name).exists();
    if has("migrations/alembic.ini") {
        return Some(FLASK);
    }
    if has("alembic.ini") {
        return Some(ALEMBIC);
    }
    if has("manage.py") && has_folder(dir, "migrations", 3) {
        return Some(DJANGO);
    }
    if has("bin/rails") && has("db/migrate") {
        return Some(RAILS);
    }
    if has("prisma/migrations") {
        return Some(PRISMA);
    }
    if ["ts", "js", "mjs", "json"].iter().any(|end| has(&format!("drizzle.config.{end}"))) {
        return Some(DRIZZLE);
    }
    if has("diesel.toml") && !says(dir, "embed_migrations!", DEPTH) {
        return Some(DIESEL);
    }
    if has("Cargo.toml") && has_sql(&dir.join("migrations")) && !says(dir, "migrate!", DEPTH) {
        return Some(SQLX);
    }
    (has("flyway.conf") || has("flyway.toml")).then_some(FLYWAY)
}

/// The tools of a stack's own services that nothing in its files runs, each with its service.
pub fn unused(stack: &Stack, root: &Path, is_seed: bool) -> Vec<(Option<String>, Tool)> {
    // The seed layout has commands of its own for that.
    if is_seed || !migrations(stack, root, is_seed).is_empty() {
        return Vec::new();
    }
    let own = own::services(stack, root);
    let mut found: Vec<(Option<String>, Tool)> = Vec::new();
    let places = own.iter().map(|container| (Some(container.service.name.clone()), container.directory()));
    let project = own.is_empty().then(|| (None, root.to_owned()));
    for (service, directory) in places.chain(project) {
        let Some(tool) = tool_in(&directory) else { continue };
        if !found.iter().any(|(_, other)| *other == tool) {
            found.push((service, tool));
        }
    }
    found
}

fn has_folder(dir: &Path, name: &str, depth: usize) -> bool {
    let folders = fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut folders = folders.filter(|path| path.is_dir() && !is_foreign(path));
    depth > 0 && folders.any(|path| path.ends_with(name) || has_folder(&path, name, depth - 1))
}

fn has_sql(dir: &Path) -> bool {
    let mut entries = fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path());
    entries.any(|path| path.extension().is_some_and(|end| end == "sql") || path.join("up.sql").exists())
}

/// Whether a Rust source says this.
fn says(dir: &Path, word: &str, depth: usize) -> bool {
    let mut entries = fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path());
    depth > 0
        && entries.any(|path| {
            if path.is_dir() {
                return !is_foreign(&path) && says(&path, word, depth - 1);
            }
            path.extension().is_some_and(|end| end == "rs")
                && backlot_files::text(&path).is_ok_and(|text| text.contains(word))
        })
}

/// Folders that are not written by the project's people.
fn is_foreign(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    name.starts_with('.') || ["node_modules", "target", "venv", "env"].contains(&name)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::{tool_in, unused};
    use backlot_project::{EnvironmentName, Lookup, Project};

    fn write(dir: &Path, file: &str, text: &str) {
        let path = dir.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    #[test]
    fn tools_are_known_by_their_files() {
        for (files, command) in [
            (&["migrations/alembic.ini", "alembic.ini"][..], Some("flask db upgrade")),
            (&["alembic.ini"], Some("alembic upgrade head")),
            (&["manage.py", "shop/items/migrations/0001_initial.py"], Some("python manage.py migrate")),
            (&["manage.py"], None),
            (&["bin/rails", "db/migrate/1_items.rb"], Some("bin/rails db:migrate")),
            (&["prisma/migrations/1/migration.sql"], Some("npx prisma migrate deploy")),
            (&["drizzle.config.ts"], Some("npx drizzle-kit migrate")),
            (&["diesel.toml"], Some("diesel migration run")),
            (&["Cargo.toml", "migrations/1_items.sql"], Some("sqlx migrate run")),
            (&["migrations/1_items.sql"], None),
            (&["flyway.conf"], Some("flyway migrate")),
        ] {
            let dir = tempfile::tempdir().unwrap();
            for file in files {
                write(dir.path(), file, "");
            }
            assert_eq!(tool_in(dir.path()).map(|tool| tool.command), command, "{files:?}");
        }
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), "Cargo.toml", "");
        write(dir.path(), "migrations/1.sql", "");
        write(dir.path(), "src/main.rs", "sqlx::migrate!().run(&pool)");
        assert_eq!(tool_in(dir.path()), None);
    }

    #[test]
    fn what_the_files_run_is_not_proposed() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), "backend/alembic.ini", "");
        let told = |web: &str| {
            let compose =
                format!("services:\n  db: {{image: postgres}}\n  web: {{build: ./backend, {web}}}\n");
            write(dir.path(), "compose.yaml", &compose);
            let lookup = Lookup { start_dir: dir.path().to_owned(), ..Lookup::default() };
            let environment = Project::find(lookup)
                .unwrap()
                .environment(&EnvironmentName::parse("development").unwrap())
                .unwrap();
            unused(&environment.stack, dir.path(), false)
                .into_iter()
                .map(|(service, tool)| format!("{} {}", service.unwrap_or_default(), tool.name))
                .collect::<Vec<_>>()
        };
        assert_eq!(told("command: uvicorn app"), ["web Alembic"]);
        assert_eq!(told("command: sh -c 'sleep 1 && uvicorn app'"), ["web Alembic"]);
        assert!(told("command: sh -c 'alembic upgrade head && uvicorn app', depends_on: [db]").is_empty());
        assert!(told("command: uvicorn app, x-backlot: {migrate: alembic upgrade head}").is_empty());
    }
}
