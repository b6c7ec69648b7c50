//! What is wrong in a project is told with its place and a way out; what is wrong in Compose's own sense, `compose` tests.

#![expect(clippy::expect_used, reason = "what a test needs and lacks may end it")]

#[expect(dead_code, reason = "shared with other tests, which use all of it")]
mod common;

use backlot_project::{Project, ProjectError};
use common::{Files, environment, told};

fn refusal(files: &Files) -> ProjectError {
    files.project().environment(&environment("development")).expect_err("a refusal")
}

/// A Compose file that Compose itself would take, and how the error about it begins.
const MISTAKES: &[(&str, &str)] = &[
    (
        "services:\n  web: {image: a, restart: sometimes}\n",
        "compose.yaml:2:28 value-not-allowed: restart cannot be \"sometimes\"",
    ),
    ("services:\n  web: {image: a, ports: [{target: 0}]}\n", "compose.yaml:2:36 port-invalid"),
    (
        "services:\n  a: {image: a, x-backlot: {comand: x}}\n",
        "compose.yaml:2:29 key-unknown: x-backlot has no key \"comand\"",
    ),
    ("services:\n  a: {image: a, x-backlot: [x]}\n", "compose.yaml:2:28 value-type"),
    ("x-backlot: {bin: 5}\nservices:\n  a: {image: a}\n", "compose.yaml:1:18 value-type"),
];

#[test]
fn what_compose_lets_pass_is_told_at_its_place() {
    for (text, expected) in MISTAKES {
        let files = Files::new(&[("compose.yaml", text)]);
        let said = told(&refusal(&files), &files.root());
        assert!(said.starts_with(expected), "{said}");
    }
}

#[test]
fn the_project_s_own_env_file_has_limits() {
    let double = |level: u32| format!("A{}=$A{level}$A{level}", level + 1);
    let doubling = format!("A0=xxxxxxxxxxxxxxxx\n{}\n", (0..60).map(double).collect::<Vec<_>>().join("\n"));
    let files = Files::new(&[("compose.yaml", "services:\n  a: {image: a}\n"), (".env", &doubling)]);
    let error = refusal(&files);
    assert!(["text-too-long", "interpolation-syntax"].contains(&error.code()), "{error}");
}

#[test]
fn no_project_at_all() {
    let files = Files::new(&[("config/development.json", "[]"), ("docker/other.yml", "")]);
    let error = Project::find(files.lookup()).expect_err("a refusal");
    assert_eq!(error.code(), "project-missing");
    assert!(error.hint().is_some_and(|hint| hint.contains("-C")));
}

#[test]
fn what_is_in_a_folder_of_a_folder_is_named_where_nothing_is_nearer() {
    let whole = "services:\n  a: {image: a}\n";
    let files = Files::new(&[
        ("docker/development/compose.yml", whole),
        ("docker/storages.yaml", whole),
        ("docker/notes.yaml", "pages: []\n"),
        ("node_modules/a/compose.yaml", whole),
        (".cache/compose.yaml", whole),
    ]);
    let hint = |files: &Files| {
        let error = Project::find(files.lookup()).expect_err("a refusal");
        error.hint().unwrap_or_default().split(';').next().unwrap_or_default().to_owned()
    };
    assert_eq!(
        hint(&files),
        "what may be meant: `backlot -C docker/development`, `backlot -f docker/storages.yaml`"
    );
    // As editors have it.
    let files =
        Files::new(&[("docker/development/compose.yml", whole), (".devcontainer/compose.yaml", whole)]);
    assert_eq!(hint(&files), "what may be meant: `backlot -C .devcontainer`");
}

#[test]
fn a_variable_that_must_be_set_is_told_with_the_line_that_leaves_it_empty() {
    let files = Files::new(&[
        ("compose.yaml", "services:\n  a: {image: '${IMAGE:?}', labels: {a: '${OTHER:?}'}}\n"),
        (".env", "# IMAGE=x\nexport IMAGE=\n"),
    ]);
    let error = refusal(&files);
    let hint = error.hint().unwrap_or_default();
    let (start, end) = ("set IMAGE in .env or in the environment: it is empty there (", "/.env:2)");
    assert!(hint.starts_with(start) && hint.ends_with(end), "{hint}");
}

#[test]
fn what_may_be_meant_where_there_is_no_project_is_named() {
    let whole = "services:\n  a: {image: a}\n";
    let files = Files::new(&[
        ("local.yml", whole),
        ("over.yaml", "services:\n  a: {command: x}\n"),
        (".github.yml", whole),
        ("docs.yml", "pages: []\n"),
        ("docker/compose.yml", whole),
        ("other/a.yml", whole),
    ]);
    let error = Project::find(files.lookup()).expect_err("a refusal");
    let hint = error.hint().unwrap_or_default();
    assert!(hint.starts_with("what may be meant: `backlot -C docker`, `backlot -f local.yml`; "), "{hint}");
}
