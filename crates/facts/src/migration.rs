//! What brings a database's schema to what the project's code expects.

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;

use backlot_plan::Condition;
use backlot_project::Stack;

use crate::container::Container;
use crate::image::is_postgres;
use crate::own;
use crate::starting::starting;

/// One thing to run for that, on a database that is up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migration {
    /// The service that it runs as; none where it is the project's.
    pub service: Option<String>,
    /// The command; none is the service's own.
    pub command: Vec<String>,
    /// What of the files has it run.
    pub origin: Origin,
}

/// Why something migrates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// It is a service that others await.
    Job,
    /// The files name it as what migrates.
    Named,
    /// A service runs it when it starts: what it is, for people.
    Start(String),
}

impl Migration {
    /// Whether an `up` runs it anyway, with the services.
    pub fn runs_anyway(&self) -> bool {
        match self.origin {
            Origin::Job | Origin::Start(_) => true,
            Origin::Named => false,
        }
    }
}

impl fmt::Display for Migration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let command = match &self.origin {
            Origin::Job => return f.write_str(self.service.as_deref().unwrap_or_default()),
            Origin::Named => self.command.join(" "),
            Origin::Start(what) => what.clone(),
        };
        match &self.service {
            Some(service) => write!(f, "{command} as {service}"),
            None => f.write_str(&command),
        }
    }
}

/// All of them, in the order in which they are to run: the services that reach the database and that others await by
/// `service_completed_successfully`, those that they await before them; then what the files name as `migrate`. Where there is neither,
/// what services run for that when they start.
pub fn migrations(stack: &Stack, root: &Path, is_seed: bool) -> Vec<Migration> {
    let mut all = Vec::new();
    let mut seen = BTreeSet::new();
    for service in stack.services.values() {
        awaited(&service.name, stack, root, &mut seen, &mut all);
    }
    let said = stack.services.values().filter_map(|service| {
        let command = service.extension.migrate.clone()?;
        // Beside a database there is nothing of the project's.
        let service = Some(service).filter(|service| !is_postgres(service));
        let service = service.map(|service| service.name.clone());
        Some(Migration { service, command, origin: Origin::Named })
    });
    all.extend(said);
    if let Some(command) = stack.extension.migrate.clone() {
        let own = if is_seed { None } else { own::only(stack, root) };
        let service = own.map(|container| container.service.name.clone());
        all.push(Migration { service, command, origin: Origin::Named });
    }
    if all.is_empty() && !is_seed { starting(stack, root) } else { all }
}

fn awaited(name: &str, stack: &Stack, root: &Path, seen: &mut BTreeSet<String>, all: &mut Vec<Migration>) {
    if !seen.insert(name.to_owned()) {
        return;
    }
    let Some(service) = stack.services.get(name) else { return };
    for (other, dependency) in &service.depends_on {
        awaited(other, stack, root, seen, all);
        let is_there = all.iter().any(|migration| migration.service.as_deref() == Some(other));
        if dependency.condition == Condition::CompletedSuccessfully
            && !is_there
            && reaches_a_database(other, stack, root)
        {
            let service = Some(other.clone());
            all.push(Migration { service, command: Vec::new(), origin: Origin::Job });
        }
    }
}

/// Whether a service says somewhere that it has to do with a database.
pub(crate) fn reaches_a_database(name: &str, stack: &Stack, root: &Path) -> bool {
    let Some(service) = stack.services.get(name).filter(|service| !is_postgres(service)) else {
        return false;
    };
    let databases: Vec<&str> =
        stack.services.values().filter(|other| is_postgres(other)).map(|other| other.name.as_str()).collect();
    let container = Container::of(service, root);
    let texts = container.environment().into_values().chain(container.command().unwrap_or_default());
    let words: Vec<String> = texts.collect();
    databases.iter().any(|database| {
        let is_named = |text: &String| {
            text.split(|c: char| !c.is_alphanumeric() && c != '_' && c != '-').any(|word| word == *database)
        };
        service.depends_on.contains_key(*database) || words.iter().any(is_named)
    })
}

#[cfg(test)]
mod tests {
    use backlot_project::{EnvironmentName, Lookup, Project};

    use super::migrations;

    fn told(compose: &str) -> Vec<String> {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("compose.yaml"), compose).unwrap();
        let project =
            Project::find(Lookup { start_dir: dir.path().to_owned(), ..Lookup::default() }).unwrap();
        let environment = project.environment(&EnvironmentName::parse("development").unwrap()).unwrap();
        migrations(&environment.stack, dir.path(), false).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_a_service_runs_for_that_when_it_starts_is_one() {
        let web = |rest: &str| told(&format!("{DB}  web: {{build: ., depends_on: [db], {rest}}}\n"));
        let line = "command: sh -c 'python -u manage.py migrate --noinput && exec gunicorn app'";
        assert_eq!(web(line), ["python -u manage.py migrate --noinput as web"]);
        let job = format!(
            "{DB}  web: {{build: ., {line}, depends_on: {{db: {{condition: service_started}}, m: {WAITS}}}}}\n  m: {{build: ., depends_on: [db], command: x}}\n"
        );
        assert_eq!(told(&job), ["m"], "what is said to be one is enough");
        for other in ["command: uvicorn app", "command: [sh, -c, 'test -n $$M && alembic upgrade head; app']"]
        {
            assert!(web(other).is_empty(), "{other}");
        }
    }

    const DB: &str = "services:\n  db: {image: postgres}\n";
    const WAITS: &str = "{condition: service_completed_successfully}";

    #[test]
    fn a_job_that_others_await_is_one_if_it_reaches_the_database() {
        let jobs = format!(
            "{DB}  web: {{build: ., depends_on: {{seed: {WAITS}, assets: {WAITS}, other: {{condition: service_started}}}}}}\n  \
             seed: {{build: ., command: seed, environment: {{URL: 'postgres://u@db/x'}}, depends_on: {{migrate: {WAITS}}}}}\n  \
             migrate: {{build: ., command: alembic upgrade head, depends_on: [db]}}\n  \
             assets: {{build: ., command: npm run build}}\n  other: {{build: ., depends_on: [db]}}\n"
        );
        assert_eq!(told(&jobs), ["migrate", "seed"]);
    }

    #[test]
    fn what_the_files_name_is_one() {
        let said = format!("{DB}  web: {{build: ., x-backlot: {{migrate: python manage.py migrate}}}}\n");
        assert_eq!(told(&said), ["python manage.py migrate as web"]);
        let top = format!("{DB}  web: {{build: .}}\nx-backlot: {{migrate: flask db upgrade}}\n");
        assert_eq!(told(&top), ["flask db upgrade as web"]);
        let none = format!("{DB}  web: {{image: x, command: y}}\nx-backlot: {{migrate: sqlx migrate run}}\n");
        assert_eq!(told(&none), ["sqlx migrate run"]);
        let beside = "services:\n  db: {image: postgres, x-backlot: {migrate: psql -f a.sql}}\n";
        assert_eq!(told(beside), ["psql -f a.sql"]);
        assert!(told(DB).is_empty());
    }
}
