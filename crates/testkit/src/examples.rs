//! The two examples that are made as projects for Docker are, and what holds of them whatever runs them.

use std::fs;

use crate::http::{free_port, get};
use crate::run::Outcome;
use crate::stage::Stage;
use crate::wait::wait_until;

/// What migrates the database of `examples/shelf` where nothing else does: its entry point is not run before a scenario is filled.
const MIGRATED: &str = "services: {web: {x-backlot: {migrate: python manage.py migrate --noinput}}}\n";

/// Runs Backlot on a stage, on the engine that a story is about.
type Backlot<'b> = &'b dyn Fn(&[&str]) -> Outcome;

/// Has an example published at free ports in the place of its own, which are returned.
fn published<const N: usize>(stage: &Stage, ports: [u16; N]) -> [u16; N] {
    let mut text = fs::read_to_string(stage.project().join("compose.yaml")).unwrap();
    let free = ports.map(|port| {
        let free = free_port();
        let line = |port: u16| format!("- \"{port}:");
        assert!(text.contains(&line(port)), "{port} is not published");
        text = text.replace(&line(port), &line(free));
        free
    });
    stage.file("compose.yaml", text);
    free
}

fn asked(backlot: Backlot<'_>, sql: &str) -> String {
    backlot(&["db", "shell", "-c", sql, "--", "-qAt"]).assert_code(0).stdout.trim().to_owned()
}

#[track_caller]
fn shown(port: u16, path: &str, text: &str) {
    let (status, body) = get(port, path).unwrap();
    assert!(status == 200 && body.contains(text), "{path}: {status} {body}");
}

/// `examples/shelf`: Django, Celery, Redis, and nginx with static files.
#[derive(Debug)]
pub struct Shelf {
    nginx: u16,
}

impl Shelf {
    /// The one in a stage's project.
    pub fn on(stage: &Stage) -> Self {
        let [nginx] = published(stage, [8080]);
        stage.file("compose.scenario.yaml", MIGRATED);
        Self { nginx }
    }

    /// From `up` to `down`, but for the leak check.
    pub fn story(&self, backlot: Backlot<'_>) {
        backlot(&["up", "-d", "--wait", "-q"]).assert_code(0);
        shown(self.nginx, "/", "<li>The Pickwick Papers</li>");
        shown(self.nginx, "/static/books/style.css", "body { font-family: serif; }");
        // The web server asks by Redis, and the worker looks into the database.
        shown(self.nginx, "/books/1/words/", "{\"words\": 3}");
        asked(backlot, "INSERT INTO books_book (title) VALUES ('Emma Woodhouse')");
        shown(self.nginx, "/books/2/words/", "{\"words\": 2}");
        let test = backlot(&["test", "-q"]).assert_code(0);
        assert!(test.stderr.contains("Ran 3 tests in"), "{test}");
        backlot(&["scenario", "up", "long", "-q", "--only", "db"]).assert_code(0);
        let words =
            ["scenario", "shell", "long", "-c", "SELECT max(length(title)) FROM books_book", "--", "-At"];
        backlot(&words).assert_prints("200");
        backlot(&["scenario", "down", "long", "-q"]).assert_code(0);
        backlot(&["down", "-q", "--volumes", "--yes"]).assert_prints("");
    }

    /// A scenario with all that runs on it, filled by the application's own code.
    pub fn scenario(backlot: Backlot<'_>) {
        backlot(&["scenario", "up", "classics", "-q", "--wait"]).assert_code(0);
        let listed = backlot(&["scenario", "ls", "--json"]).assert_code(0).stdout;
        let listed: serde_json::Value = serde_json::from_str(&listed).unwrap();
        let port = listed[0]["services"][0]["port"].as_u64().unwrap().try_into().unwrap();
        shown(port, "/", "<li>Persuasion</li>");
        backlot(&["scenario", "down", "classics", "-q"]).assert_code(0);
    }
}

/// `examples/desk`: an API in Python, a job that others await, and a front end in Node.
#[derive(Debug)]
pub struct Desk {
    backend: u16,
    frontend: u16,
}

impl Desk {
    /// The one in a stage's project.
    pub fn on(stage: &Stage) -> Self {
        let [backend, frontend] = published(stage, [8000, 3000]);
        Self { backend, frontend }
    }

    /// From `up` to `down`, but for the leak check.
    pub fn story(&self, backlot: Backlot<'_>) {
        backlot(&["up", "-d", "--wait", "-q"]).assert_code(0);
        shown(self.backend, "/tickets", "{\"id\":1,\"title\":\"Welcome to the desk\"}");
        wait_until("the front end is there", || get(self.frontend, "/").is_ok());
        shown(self.frontend, "/", "<li>1: Welcome to the desk</li>");
        asked(backlot, "INSERT INTO ticket (title) VALUES ('It hums')");
        shown(self.frontend, "/", "<li>2: It hums</li>");
        let test = backlot(&["test", "-q"]).assert_code(0);
        assert!(test.stdout.contains(" 3 passed"), "{test}");
        backlot(&["scenario", "up", "busy", "-q", "--only", "db"]).assert_code(0);
        let words = ["scenario", "shell", "busy", "-c", "SELECT count(*) FROM ticket", "--", "-At"];
        backlot(&words).assert_prints("101");
        backlot(&["scenario", "down", "busy", "-q"]).assert_code(0);
        backlot(&["down", "-q", "--volumes", "--yes"]).assert_prints("");
    }
}
