//! Services that are nothing but their image.

use std::path::Path;

use backlot_project::Service;

use crate::container::{Container, last_name};
use crate::runtime::python_of;

/// Images that have the interpreters of languages and the tools of systems, and run what is mounted into them.
const LANGUAGES: [&str; 20] = [
    "alpine",
    "amazoncorretto",
    "busybox",
    "bun",
    "composer",
    "debian",
    "deno",
    "eclipse-temurin",
    "elixir",
    "erlang",
    "golang",
    "gradle",
    "maven",
    "node",
    "openjdk",
    "php",
    "python",
    "ruby",
    "rust",
    "ubuntu",
];
/// Files by which a folder is known as one of code.
const OF_CODE: [&str; 12] = [
    "Cargo.toml",
    "Dockerfile",
    "Gemfile",
    "Pipfile",
    "composer.json",
    "go.mod",
    "manage.py",
    "mix.exs",
    "package.json",
    "pom.xml",
    "pyproject.toml",
    "requirements.txt",
];

impl Container<'_> {
    /// Whether it is nothing but its image: none of this machine's programs as is known, no interpreter of a language, and with
    /// none of the project's code in it.
    pub fn is_its_image_alone(&self) -> bool {
        let Service { image: Some(image), build: None, .. } = self.service else { return false };
        let mounts = self.mounts();
        let has_code = || mounts.iter().any(|(_, source)| self.root.starts_with(source) || is_code(source));
        let is_plain = LANGUAGES.contains(&last_name(image)) || python_of(image).is_some();
        self.service.extension.command.is_none() && self.known.is_none() && !is_plain && !has_code()
    }
}

fn is_code(folder: &Path) -> bool {
    OF_CODE.iter().any(|file| folder.join(file).exists())
}
