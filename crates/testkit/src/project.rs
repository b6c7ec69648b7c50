//! Projects to try things on.

use std::fs;
use std::path::Path;

/// What each of the seed layout's Compose files says of the database; `PORTS` and `VOLUMES` differ.
const SEED_SERVICE: &str = "\
services:
  db:
    image: postgres
    environment:
      POSTGRES_DB: ${POSTGRES_DB}
      POSTGRES_USER: ${POSTGRES_USER}
      POSTGRES_PASSWORD: ${POSTGRES_PASSWORD}
    ports:
      - \"PORTS\"
";

/// The end of a Compose file whose database has a volume.
const SEED_VOLUME: &str = "    volumes:
      - pgdata:/var/lib/postgresql/data

volumes:
  pgdata:
";

/// A project in the Compose layout: a database with a named volume.
pub const COMPOSE_FILE: &str = "\
services:
  db:
    image: postgres:15
    environment:
      POSTGRES_USER: ${POSTGRES_USER:-app}
      POSTGRES_PASSWORD: ${POSTGRES_PASSWORD:?set it in .env}
      POSTGRES_DB: blog
    ports:
      - \"5432:5432\"
    volumes:
      - pgdata:/var/lib/postgresql/data

volumes:
  pgdata:
";

/// Writes a small project in the seed layout. The development database wants a free port rather than 5432, because
/// tests run beside each other.
pub(crate) fn write_seed(root: &Path) {
    for (environment, ports, volume) in [
        ("development", "5432", true),
        ("testing", "${POSTGRES_PORT}:5432", false),
        ("scenario", "5432", false),
        ("production", "${POSTGRES_PORT}:5432", true),
    ] {
        let service = SEED_SERVICE.replace("PORTS", ports);
        let volume = if volume { SEED_VOLUME } else { "" };
        write(root, &format!("docker/{environment}.yml"), &format!("{service}{volume}"));
        write(root, &format!("config/{environment}.json"), &seed_config(environment));
    }
}

fn seed_config(environment: &str) -> String {
    let port = match environment {
        "scenario" => None,
        "testing" => Some("5433"),
        _ => Some("5432"),
    };
    let fixed = [
        ("FLASK_CONFIG", environment),
        ("POSTGRES_DB", "postgres"),
        ("POSTGRES_USER", "postgres"),
        ("POSTGRES_HOSTNAME", "localhost"),
        ("POSTGRES_PASSWORD", "s3cret-word"),
        ("APPLICATION_DB", "application"),
    ];
    let all = fixed.into_iter().chain(port.map(|port| ("POSTGRES_PORT", port)));
    let entries: Vec<String> =
        all.map(|(name, value)| format!("  {{\"name\": \"{name}\", \"value\": \"{value}\"}}")).collect();
    format!("[\n{}\n]\n", entries.join(",\n"))
}

fn write(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// Copies a directory without what was built in it.
pub fn copy_tree(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        let name = entry.file_name();
        if name == "target" || name == ".venv" || name == "__pycache__" || name == ".pytest_cache" {
            continue;
        }
        if entry.file_type().unwrap().is_dir() {
            copy_tree(&source, &target);
        } else {
            fs::copy(&source, &target).unwrap();
        }
    }
}
