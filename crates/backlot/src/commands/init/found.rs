//! What a project that has no Compose file is, by its files.

use std::path::{Path, PathBuf};

use backlot_engine::schema::tool_in;

/// Files that name what a Python project needs.
const PYTHON: [&str; 5] = [
    "requirements.txt",
    "pyproject.toml",
    "Pipfile",
    "requirements/base.txt",
    "requirements/development.txt",
];
/// Packages that reach a Postgres, of all languages.
const DRIVERS: [&str; 16] = [
    "psycopg",
    "asyncpg",
    "pg8000",
    "\"pg\"",
    "\"postgres\"",
    "\"@prisma/client\"",
    "\"drizzle-orm\"",
    "'pg'",
    "\"pg-promise\"",
    "lib/pq",
    "jackc/pgx",
    "tokio-postgres",
    "sqlx",
    "diesel",
    "sea-orm",
    "deadpool-postgres",
];

/// A project's program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    /// What it is written with, for people.
    pub(super) language: &'static str,
    /// The image that its container would be made of.
    pub(super) image: &'static str,
    /// What starts it, listening at every address.
    pub(super) command: String,
    /// Where it listens.
    pub(super) port: u16,
    /// Whether it needs a Postgres.
    pub(super) has_database: bool,
    /// How the URL of that begins.
    pub(super) scheme: &'static str,
    /// What migrates the database.
    pub(super) migrate: Option<&'static str>,
    /// What installs what it needs.
    pub(super) install: Option<String>,
    /// Whether it has a Dockerfile.
    pub(super) is_built: bool,
}

impl Found {
    /// What is in a directory; none where nothing is known of it.
    pub(super) fn in_directory(dir: &Path) -> Option<Self> {
        let mut found = python(dir).or_else(|| node(dir)).or_else(|| others(dir))?;
        found.install = install(dir, &found);
        let needed: String = needs(dir).iter().map(|file| text(file).to_ascii_lowercase()).collect();
        found.has_database = DRIVERS.iter().any(|driver| needed.contains(driver));
        found.scheme = scheme(&needed);
        found.is_built = dir.join("Dockerfile").exists();
        found.migrate = tool_in(dir).map(|tool| tool.command).filter(|_| found.has_database);
        Some(found)
    }

    /// The Compose file that says all that.
    pub(super) fn compose(&self) -> String {
        let Self { language, image, command, port, .. } = self;
        let made_of = if self.is_built || self.install.is_some() {
            "build: .".to_owned()
        } else {
            format!("image: {image}")
        };
        let mut text = format!(
            "# {language}, as `backlot init` found it.\nservices:\n  web:\n    {made_of}\n    command: {command}\n    working_dir: /app\n    \
             volumes: [\".:/app\"]\n    ports: [\"{port}:{port}\"]\n"
        );
        if self.has_database {
            text.extend([
                "    environment:\n      DATABASE_URL: ",
                self.scheme,
                "://postgres:postgres@db:5432/app\n",
            ]);
            text += "    depends_on:\n      db: {condition: service_healthy}\n";
        }
        if let Some(migrate) = self.migrate {
            text.extend(["    x-backlot:\n      migrate: ", migrate, "\n"]);
        }
        if self.has_database {
            text += "  db:\n    image: postgres\n    environment: {POSTGRES_PASSWORD: postgres, POSTGRES_DB: app}\n    \
                     healthcheck: {test: pg_isready -U postgres -d app, interval: 1s, retries: 30}\n    \
                     volumes: [\"data:/var/lib/postgresql\"]\nvolumes:\n  data: {}\n";
        }
        text
    }
}

impl Found {
    /// The Dockerfile that installs what it needs; none where there is one, or nothing to install.
    pub(super) fn dockerfile(&self) -> Option<String> {
        let install = self.install.as_ref().filter(|_| !self.is_built)?;
        let image = self.image;
        Some(format!("FROM {image}\nWORKDIR /app\nCOPY . .\nRUN {install}\n"))
    }
}

/// How a URL begins that the packages understand which a project names: `SQLAlchemy` is told the driver, and knows no `postgres`.
fn scheme(needed: &str) -> &'static str {
    let drivers = [
        ("psycopg2", "postgresql"),
        ("psycopg", "postgresql+psycopg"),
        ("asyncpg", "postgresql+asyncpg"),
        ("pg8000", "postgresql+pg8000"),
    ];
    let is_alchemy = needed.contains("sqlalchemy") || needed.contains("sqlmodel");
    let driver = drivers.iter().find(|(driver, _)| is_alchemy && needed.contains(driver));
    driver.map_or("postgresql", |(_, scheme)| scheme)
}

fn text(file: &Path) -> String {
    backlot_files::text(file).unwrap_or_default()
}

/// The files that name what a project needs.
fn needs(dir: &Path) -> Vec<PathBuf> {
    let more = ["package.json", "Cargo.toml", "go.mod", "Gemfile"];
    PYTHON.iter().chain(&more).map(|name| dir.join(name)).filter(|file| file.exists()).collect()
}

fn found(language: &'static str, image: &'static str, command: impl Into<String>, port: u16) -> Found {
    Found {
        language,
        image,
        command: command.into(),
        port,
        has_database: false,
        scheme: "",
        migrate: None,
        install: None,
        is_built: false,
    }
}

/// What installs what a project needs, as its files have it.
fn install(dir: &Path, found: &Found) -> Option<String> {
    let has = |name: &str| dir.join(name).exists();
    if found.image.starts_with("python") {
        let list = PYTHON.iter().find(|name| name.starts_with("requirements") && has(name));
        return match list {
            _ if has("uv.lock") => Some("pip install uv && uv sync".to_owned()),
            Some(list) => Some(format!("pip install -r {list}")),
            None if has("pyproject.toml") => Some("pip install .".to_owned()),
            None => None,
        };
    }
    let node = [
        ("pnpm-lock.yaml", "corepack enable && pnpm install"),
        ("yarn.lock", "yarn install"),
        ("package-lock.json", "npm ci"),
    ];
    let ruby = [("Gemfile", "bundle install")];
    let known: &[(&str, &str)] = match found.image {
        image if image.starts_with("node") => &node,
        image if image.starts_with("ruby") => &ruby,
        _ => &[],
    };
    let by_lock = known.iter().find(|(name, _)| has(name)).map(|(_, line)| (*line).to_owned());
    by_lock.or_else(|| found.image.starts_with("node").then(|| "npm install".to_owned()))
}

fn python(dir: &Path) -> Option<Found> {
    let needed: String = PYTHON.iter().map(|name| text(&dir.join(name)).to_ascii_lowercase()).collect();
    if dir.join("manage.py").exists() {
        return Some(found("Django", "python:3", "python manage.py runserver 0.0.0.0:8000", 8000));
    }
    let modules = ["main", "app", "wsgi", "asgi", "src/main", "app/main", "app/__init__"];
    let module = |word: &str| {
        let file = |name: &&&str| text(&dir.join(format!("{name}.py"))).contains(word);
        let name = modules.iter().find(file)?;
        Some(name.trim_end_matches("/__init__").replace('/', "."))
    };
    if needed.contains("fastapi") || needed.contains("starlette") {
        let module = module("FastAPI(").or_else(|| module("Starlette("))?;
        return Some(found(
            "Python with FastAPI",
            "python:3",
            format!("uvicorn {module}:app --host 0.0.0.0 --port 8000"),
            8000,
        ));
    }
    if needed.contains("flask") {
        let module = module("Flask(").or_else(|| module("create_app("))?;
        return Some(found(
            "Python with Flask",
            "python:3",
            format!("flask --app {module} run --host 0.0.0.0 --port 5000"),
            5000,
        ));
    }
    None
}

fn node(dir: &Path) -> Option<Found> {
    let package: serde_json::Value = serde_json::from_str(&text(&dir.join("package.json"))).ok()?;
    let script = ["dev", "start"].into_iter().find(|name| package["scripts"][name].is_string())?;
    let tool = match () {
        () if dir.join("pnpm-lock.yaml").exists() => "pnpm",
        () if dir.join("yarn.lock").exists() => "yarn",
        () => "npm",
    };
    Some(found("Node", "node:22", format!("{tool} run {script}"), 3000))
}

fn others(dir: &Path) -> Option<Found> {
    if dir.join("bin/rails").exists() {
        return Some(found("Rails", "ruby:3", "bin/rails server -b 0.0.0.0 -p 3000", 3000));
    }
    if dir.join("Cargo.toml").exists() && dir.join("src/main.rs").exists() {
        return Some(found("Rust", "rust:1", "cargo run", 8000));
    }
    if dir.join("go.mod").exists() && dir.join("main.go").exists() {
        return Some(found("Go", "golang:1", "go run .", 8080));
    }
    None
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::Found;

    fn found(files: &[(&str, &str)]) -> Option<Found> {
        let dir = tempfile::tempdir().unwrap();
        for (file, text) in files {
            let path = dir.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        Found::in_directory(dir.path())
    }

    #[test]
    fn projects_are_known_by_their_files() {
        for (files, command, has_database) in [
            (
                &[("manage.py", ""), ("requirements.txt", "Django\npsycopg[binary]\n")][..],
                "python manage.py runserver 0.0.0.0:8000",
                true,
            ),
            (
                &[("pyproject.toml", "dependencies = [\"fastapi\"]"), ("app/main.py", "app = FastAPI()")],
                "uvicorn app.main:app --host 0.0.0.0 --port 8000",
                false,
            ),
            (
                &[("requirements.txt", "Flask\nasyncpg"), ("app/__init__.py", "Flask(__name__)")],
                "flask --app app run --host 0.0.0.0 --port 5000",
                true,
            ),
            (
                &[
                    ("package.json", r#"{"scripts": {"start": "x"}, "dependencies": {"pg": "1"}}"#),
                    ("yarn.lock", ""),
                ],
                "yarn run start",
                true,
            ),
            (&[("bin/rails", ""), ("Gemfile", "gem 'pg'")], "bin/rails server -b 0.0.0.0 -p 3000", true),
            (&[("Cargo.toml", "sqlx = \"1\""), ("src/main.rs", "")], "cargo run", true),
            (&[("go.mod", "require github.com/jackc/pgx/v5"), ("main.go", "")], "go run .", true),
        ] {
            let found = found(files).unwrap();
            assert_eq!((found.command.as_str(), found.has_database), (command, has_database));
        }
        assert_eq!(found(&[("README.md", "")]), None);
        assert_eq!(found(&[("package.json", "{}")]), None);
    }

    #[test]
    fn the_url_is_one_that_the_packages_understand() {
        for (needed, expected) in [
            ("Flask\nFlask-SQLAlchemy\npsycopg2-binary\n", "postgresql"),
            ("flask\nsqlalchemy\npsycopg[binary]\n", "postgresql+psycopg"),
            ("flask\nSQLModel\nasyncpg\n", "postgresql+asyncpg"),
            ("flask\npsycopg\n", "postgresql"),
        ] {
            let flask = found(&[("app.py", "app = Flask(__name__)"), ("requirements.txt", needed)]).unwrap();
            let line = format!("DATABASE_URL: {expected}://postgres:");
            assert!(flask.compose().contains(&line), "{}", flask.compose());
        }
    }

    #[test]
    fn the_compose_file_says_it_all() {
        let django = found(&[
            ("manage.py", ""),
            ("requirements.txt", "psycopg"),
            ("shop/migrations/0001_initial.py", ""),
        ])
        .unwrap();
        let text = django.compose();
        for line in [
            "    command: python manage.py runserver 0.0.0.0:8000\n",
            "    ports: [\"8000:8000\"]\n",
            "      migrate: python manage.py migrate\n",
            "      DATABASE_URL: postgresql://postgres:postgres@db:5432/app\n",
            "    build: .\n",
        ] {
            assert!(text.contains(line), "{line}{text}");
        }
        let dockerfile = "FROM python:3\nWORKDIR /app\nCOPY . .\nRUN pip install -r requirements.txt\n";
        assert_eq!(django.dockerfile().as_deref(), Some(dockerfile));
    }
}
