//! The projects that `backlot init` makes: the examples, file by file.

/// A file of a template.
#[derive(Debug, Clone, Copy)]
pub struct File {
    /// Its path in the project.
    pub path: &'static str,
    /// What is in it.
    pub text: &'static str,
}

macro_rules! files {
    ($root:literal: $($path:literal),* $(,)?) => {
        &[$(File { path: $path, text: include_str!(concat!("../../../../../examples/", $root, "/", $path)) }),*]
    };
}

/// `examples/axum`.
pub const AXUM: &[File] = files!["axum":
    ".dockerignore",
    ".env",
    ".gitignore",
    "Cargo.lock",
    "Cargo.toml",
    "Dockerfile",
    "README.md",
    "compose.production.yaml",
    "compose.yaml",
    "migrations/0001_create_users.sql",
    "nginx/nginx.conf",
    "scenarios/foo.rs",
    "scenarios/million.sql",
    "scenarios/users/01-schema.sql",
    "scenarios/users/users.csv",
    "src/lib.rs",
    "src/main.rs",
    "src/users.rs",
    "tests/common/mod.rs",
    "tests/pages.rs",
    "tests/users.rs",
];

/// `examples/flask`.
pub const FLASK: &[File] = files!["flask":
    ".dockerignore",
    ".gitignore",
    "README.md",
    "application/__init__.py",
    "application/app.py",
    "application/config.py",
    "application/models.py",
    "config/development.json",
    "config/production.json",
    "config/scenario.json",
    "config/testing.json",
    "docker/Dockerfile",
    "docker/Dockerfile.production",
    "docker/development.yml",
    "docker/nginx/nginx.conf",
    "docker/production.yml",
    "docker/scenario.yml",
    "docker/testing.yml",
    "migrations/alembic.ini",
    "migrations/env.py",
    "migrations/script.py.mako",
    "migrations/versions/3d14f00ee589_create_users.py",
    "requirements/development.txt",
    "requirements/production.txt",
    "requirements/testing.txt",
    "scenarios/foo.py",
    "scenarios/million.py",
    "scenarios/users.py",
    "tests/__init__.py",
    "tests/conftest.py",
    "tests/test_app.py",
    "tests/test_models.py",
    "wsgi.py",
];

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{AXUM, FLASK, File};

    /// What lies about in an example that was worked in, and is no part of it.
    const MADE: [&str; 6] = ["target", ".venv", "__pycache__", ".pytest_cache", ".coverage", "instance"];

    fn paths_in(root: &Path, dir: &Path, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if MADE.iter().any(|made| path.ends_with(made)) {
                continue;
            }
            if path.is_dir() {
                paths_in(root, &path, found);
            } else {
                found.push(path.strip_prefix(root).unwrap().to_str().unwrap().to_owned());
            }
        }
    }

    #[test]
    fn no_file_of_an_example_is_missing() {
        let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
        for (name, files) in [("axum", AXUM), ("flask", FLASK)] {
            let root = examples.join(name);
            let mut there = Vec::new();
            paths_in(&root, &root, &mut there);
            there.sort();
            let mut listed: Vec<&str> = files.iter().map(|File { path, .. }| *path).collect();
            listed.sort_unstable();
            assert_eq!(listed, there, "{name}");
        }
    }
}
