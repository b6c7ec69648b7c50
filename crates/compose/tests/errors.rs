//! What is wrong in a Compose file is told with its place and a way out.

#![expect(clippy::expect_used, reason = "what a test needs and lacks may end it")]

use std::fs;
use std::path::PathBuf;

use backlot_compose::{Error, Request, Variables, load, render};

/// Compose files in a temporary directory.
struct Files {
    dir: tempfile::TempDir,
}

impl Files {
    fn new(files: &[(&str, &str)]) -> Self {
        let this = Self { dir: tempfile::tempdir().expect("a temporary directory") };
        for (path, text) in files {
            this.write(path, text);
        }
        this
    }

    fn root(&self) -> PathBuf {
        self.dir.path().canonicalize().expect("the temporary directory")
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.root().join(path);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
        fs::write(path, text).expect("a file");
    }

    /// Why `compose.yaml` is refused.
    fn error(&self, variables: &Variables) -> Error {
        let root = self.root();
        let files = [root.join("compose.yaml")];
        let request =
            Request { files: &files, working_dir: &root, name: "shop", variables, profiles: &[], named: &[] };
        load(&request).and_then(|loaded| render(&loaded.model)).expect_err("a refusal")
    }
}

/// Reads `compose.yaml`; what the error says, with its place, and its way out.
fn refusal(files: &Files) -> (String, Option<String>) {
    let error = files.error(&Variables::new());
    let root = files.root();
    let message = error.to_string().replace(&format!("{}/", root.display()), "");
    let told = match error.location() {
        Some(at) => {
            let path = at.path.strip_prefix(&root).unwrap_or(&at.path).display();
            format!("{path}:{}:{} {}: {message}", at.line, at.column, error.problem().code())
        }
        None => format!("{}: {message}", error.problem().code()),
    };
    (told, error.hint().map(str::to_owned))
}

/// A Compose file, and how the error about it begins.
const MISTAKES: &[(&str, &str)] = &[
    // The place in a line that is not as far in as the letter of YAML has it.
    (
        "services:\n  web: {image: a,\ncomand: x\n}\n",
        "compose.yaml:3:1 key-unknown: services.web has no key \"comand\"",
    ),
    ("services:\n  web:\n    command: [\n    ]]\n", "compose.yaml:4:6 yaml-syntax"),
    ("services:\n  web: {image: a\n", "compose.yaml:3:1 yaml-syntax"),
    ("services: [\n", "compose.yaml:2:1 yaml-syntax"),
    ("- a\n", "compose.yaml:1:1 value-type: a Compose file must be a mapping, but this is a list"),
    ("", "compose-empty: compose.yaml has no services"),
    (
        "services:\n  web: {image: a}\n  web: {image: b}\n",
        "compose.yaml:3:3 key-repeated: the key \"web\" is there a second time; line 2 has it first",
    ),
    (
        "services:\n  1: {image: a}\n",
        "compose.yaml:2:3 yaml-key: a key must be a string, but this is an integer",
    ),
    ("a: &a [*a]\n", "compose.yaml:1:8 yaml-alias-loop: this alias is part of what it stands for"),
    (
        "x-a: &a 1\nservices:\n  web: {<<: *a, image: a}\n",
        "compose.yaml:3:13 yaml-merge: `<<` takes a mapping or a list of mappings, but this is an integer",
    ),
    (
        "services:\n  web:\n    image: ${TAG\n",
        "compose.yaml:3:12 interpolation-syntax: \"${TAG\" has a variable that cannot be understood",
    ),
    (
        "services:\n  web:\n    image: ${TAG:?give a tag}\n",
        "compose.yaml:3:12 variable-required: the variable TAG must be set: give a tag",
    ),
    (
        "services:\n  web: {image: a, scale: many}\n",
        "compose.yaml:2:26 value-type: services.web.scale must be an integer, but \"many\" is not",
    ),
    (
        "services:\n  web: {image: a, user: 1000}\n",
        "compose.yaml:2:25 value-type: services.web.user must be a string, but this is an integer",
    ),
    (
        "services:\n  web: {image: a, ports: 80}\n",
        "compose.yaml:2:26 value-type: services.web.ports must be a list, but this is an integer",
    ),
    (
        "services:\n  web: {image: a, comand: x}\n",
        "compose.yaml:2:19 key-unknown: services.web has no key \"comand\"",
    ),
    ("servces: {}\n", "compose.yaml:1:1 key-unknown: the Compose file has no key \"servces\""),
    ("services:\n  \"we b\": {image: a}\n", "compose.yaml:2:3 key-unknown: services has no key \"we b\""),
    (
        "services:\n  web: {image: a, depends_on: {db: {}}}\n  db: {image: a}\n",
        "compose.yaml:2:36 key-missing: services.web.depends_on.db needs the key \"condition\"",
    ),
    (
        "services:\n  web: {image: a, depends_on: [db]}\n",
        "compose.yaml:2:32 service-undefined: service \"web\" depends on \"db\", which is not defined",
    ),
    (
        "services:\n  web: {image: a, security_opt: [x, x]}\n",
        "compose.yaml:2:37 value-repeated: services.web.security_opt has \"x\" twice",
    ),
    (
        "services:\n  web: {image: a, pull_policy: often}\n",
        "compose.yaml:2:32 value-not-allowed: services.web.pull_policy cannot be \"often\"",
    ),
    (
        "services:\n  web: {image: a, stop_grace_period: 10}\n",
        "compose.yaml:2:38 value-type: services.web.stop_grace_period must be a string, but this is an integer",
    ),
    (
        "services:\n  web: {image: a, stop_grace_period: soon}\n",
        "compose.yaml:2:38 value-not-allowed: services.web.stop_grace_period cannot be \"soon\"",
    ),
    (
        "services:\n  web: {image: a, ports: [\"99999:80\"]}\n",
        "compose.yaml:2:27 port-invalid: \"99999:80\" is not a port: a port is a number from 0 to 65535",
    ),
    (
        "services:\n  web: {image: a, volumes: [\"aa:bb:cc:dd\"]}\n",
        "compose.yaml:2:29 volume-invalid: \"aa:bb:cc:dd\" is not a volume: it has too many colons",
    ),
    (
        "services:\n  web: {image: a, volumes: [\"data:/data\"]}\n",
        "compose.yaml:2:29 service-undefined: service \"web\" uses the volume \"data\", which is not defined",
    ),
    (
        "services:\n  web: {image: a, command: \"a 'b\"}\n",
        "compose.yaml:2:28 command-quotes: \"a 'b\" cannot be split into words: a quote is never closed",
    ),
    (
        "services:\n  web: {image: a, mem_limit: much}\n",
        "compose.yaml:2:30 value-type: this value must be a size such as 512m or 1.5gb, but \"much\" is not",
    ),
    (
        "services:\n  web: {image: a, env_file: none.env}\n",
        "compose.yaml:2:29 env-file-missing: the env file none.env does not exist",
    ),
    (
        "services:\n  web: {extends: base, image: a}\n",
        "compose.yaml:2:18 service-undefined: service \"web\" extends \"base\", which is not defined",
    ),
    (
        "services:\n  a: {extends: b}\n  b: {extends: a}\n",
        "compose.yaml:3:16 cycle: `extends` go round in a circle: a → b → a",
    ),
    (
        "services:\n  a: {extends: {service: x, file: no.yaml}}\n",
        "compose.yaml:2:26 file-missing: no.yaml does not exist",
    ),
    ("include: [no.yaml]\n", "compose.yaml:1:11 file-missing: no.yaml does not exist"),
    ("include: [compose.yaml]\n", "compose.yaml:1:11 cycle"),
    ("include: [\"https://example.com/x.yaml\"]\n", "compose.yaml:1:11 remote-unsupported"),
    (
        "services:\n  web: {command: x}\n",
        "compose.yaml:2:3 service-without-image: service \"web\" has neither an image nor a build",
    ),
    (
        "services:\n  a: {image: a, depends_on: [b]}\n  b: {image: a, depends_on: [a]}\n",
        "compose.yaml:2:29 cycle: dependencies go round in a circle: a → b → a",
    ),
    (
        "services:\n  a: {image: a, container_name: x}\n  b: {image: a, container_name: x}\n",
        "compose.yaml:3:33 container-name-taken",
    ),
    ("services:\n  a: {image: a, network_mode: host, networks: [x]}\n", "compose.yaml:2:31 keys-conflict"),
    (
        "services:\n  a: {image: a}\nsecrets:\n  s: {}\n",
        "compose.yaml:4:3 keys-conflict: secrets.s: it says not where its content comes from",
    ),
];

#[test]
fn every_kind_of_mistake_is_told_at_its_place() {
    let mut failures = Vec::new();
    for (text, expected) in MISTAKES {
        let (said, _) = refusal(&Files::new(&[("compose.yaml", text)]));
        if !said.starts_with(*expected) {
            failures.push(format!("{text}\n  expected: {expected}\n  said:     {said}"));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn the_way_out_is_told() {
    let cases = [
        ("services:\n  web: {image: a, comand: x}\n", "did you mean command?"),
        ("services:\n  web: {image: a, user: 1000}\n", "put the value in quotes"),
        ("services:\n  web: {image: a, nonsense: 1}\n", "keys of your own begin with x-"),
        ("services:\n  web: {image: a, depends_on: [db]}\n", "defined are web"),
        (
            "services:\n  web: {image: a, depends_on: [db]}\n  db: {image: a, profiles: [data]}\n",
            "db is switched off by its profiles; add --profile data, or say required: false",
        ),
        (
            "services:\n  web: {image: a, pull_policy: often}\n",
            "write one of always, never, if_not_present, build, missing, refresh, daily, weekly, or every_12h",
        ),
        ("services:\n  web: {image: \"${A:?}\"}\n", "set A in the environment or in its config file"),
        (
            "services:\n  web:\n    image: {{name}}\n",
            "`{{…}}` is to be filled in by what makes a project of a template (cookiecutter, copier, startproject --template): make one \
             of it first; else put the key in quotes",
        ),
    ];
    for (text, hint) in cases {
        let (said, way_out) = refusal(&Files::new(&[("compose.yaml", text)]));
        assert_eq!(way_out.as_deref(), Some(hint), "{said}");
    }
}

#[test]
fn the_error_points_into_the_file_that_is_wrong() {
    let files = Files::new(&[
        (
            "compose.yaml",
            "include: [db/compose.yaml]\nservices:\n  web: {extends: {service: app, file: base/x.yaml}}\n",
        ),
        ("db/compose.yaml", "services:\n  db:\n    image: a\n    env_file: db.env\n"),
        ("db/db.env", "A=1\nB C=2\n"),
        ("base/x.yaml", "services:\n  app:\n    image: a\n    user: 5\n"),
    ]);
    assert_eq!(
        refusal(&files).0,
        "base/x.yaml:4:11 value-type: services.web.user must be a string, but this is an integer"
    );
    files.write("base/x.yaml", "services:\n  app: {image: a}\n");
    assert_eq!(refusal(&files).0, "db/db.env:2:2 env-file-syntax: ' ' cannot be part of a variable's name");
}

#[test]
fn a_place_carries_what_a_renderer_shows() {
    let files = Files::new(&[("compose.yaml", "services:\n  web: {image: a, comand: x}\n")]);
    let error = files.error(&Variables::new());
    let place = error.place().expect("a place");
    let line = place.text.lines().nth(place.location.line - 1).expect("the line");
    let shown: String = line.chars().skip(place.location.column - 1).take(place.length).collect();
    assert_eq!(shown, "comand");
}

#[test]
fn nesting_and_aliases_have_limits() {
    let deep = format!("x-a: {}{}\n", "[".repeat(5000), "]".repeat(5000));
    let level =
        |level: u32| format!("x-a{}: &a{0} [{}]", level + 1, vec![format!("*a{level}"); 10].join(", "));
    let bomb = [vec!["x-a0: &a0 [x, x, x, x]".to_owned()], (0..12).map(level).collect()].concat().join("\n");
    let service = |number: u32| format!("  s{number}: {{extends: s{}}}", number + 1);
    let extends = (0..2000).map(service).collect::<Vec<_>>().join("\n");
    let extends = format!("services:\n{extends}\n  s2000: {{image: a}}\n");
    let indented = (0..500).map(|level| format!("{}x-a:", " ".repeat(level))).collect::<Vec<_>>().join("\n");
    let range = |service: u32| format!("  s{service}: {{image: a, ports: [1-15000]}}");
    let ranges = format!("services:\n{}\n", (0..300).map(range).collect::<Vec<_>>().join("\n"));
    let huge = format!("# {}\n", "x".repeat(5 * 1024 * 1024));
    let low = format!("x-a: {{b: {{c: [\n{}]}}}}\n", "x,\n".repeat(100_000));
    for (text, code) in [
        (deep.as_str(), "yaml-too-deep"),
        (&low, "yaml"),
        (&indented, "yaml-too-deep"),
        (&bomb, "yaml-too-many-values"),
        (&extends, "chain-too-long"),
        (&huge, "file-too-large"),
        (&ranges, "ports-too-many"),
    ] {
        let (said, _) = refusal(&Files::new(&[("compose.yaml", text)]));
        assert!(said.contains(code), "{said}");
    }
    let doubling = Files::new(&[("compose.yaml", "include: [0.yaml, 0.yaml]\n")]);
    for level in 0..40 {
        let next = level + 1;
        doubling.write(&format!("{level}.yaml"), &format!("include: [{next}.yaml, {next}.yaml]\n"));
    }
    let (said, _) = refusal(&doubling);
    assert!(said.contains("chain-too-long"), "{said}");
}

#[test]
fn growing_variables_have_limits() {
    let big = "x".repeat(1_000_000);
    let uses = "  - ${BIG}\n".repeat(100);
    let files = Files::new(&[("compose.yaml", &format!("x-a:\n{uses}services:\n  a: {{image: a}}\n"))]);
    let error = files.error(&Variables::from([("BIG".to_owned(), big)]));
    assert_eq!(error.problem().code(), "text-too-long");
}

#[test]
fn what_is_no_plain_file_is_not_waited_for() {
    let files = Files::new(&[("compose.yaml", "services:\n  a: {image: a, env_file: /dev/zero}\n")]);
    let (said, _) = refusal(&files);
    assert_eq!(said, "file-unreadable: /dev/zero cannot be read");
}
