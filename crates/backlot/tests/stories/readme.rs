//! The README's console blocks are run, and print what it says.

use std::path::Path;

use backlot_testkit::{Stage, free_port, repository};

use crate::BACKLOT;

/// A command of the README and what it prints there.
struct Example {
    command: String,
    output: String,
}

/// The blocks marked `console`: lines that begin with `$ ` are commands, those that follow are what they print.
fn examples(readme: &str) -> Vec<Example> {
    let mut examples: Vec<Example> = Vec::new();
    let mut inside = false;
    for line in readme.lines() {
        if line.starts_with("```") {
            inside = line == "```console";
        } else if let Some(command) = line.strip_prefix("$ ").filter(|_| inside) {
            examples.push(Example { command: command.into(), output: String::new() });
        } else if let Some(example) = examples.last_mut().filter(|_| inside) {
            example.output.push_str(line);
            example.output.push('\n');
        }
    }
    examples
}

/// Text in which every number is `#`, and times and sizes have no unit: they differ from run to run.
fn without_numbers(text: &str) -> String {
    let mut neutral = String::new();
    let mut digits = false;
    for c in text.chars() {
        let is_number = c.is_ascii_digit() || (digits && c == '.');
        if !is_number {
            neutral.push(c);
        } else if !digits {
            neutral.push('#');
        }
        digits = is_number;
    }
    for unit in ["ms", "s", "KiB", "MiB"] {
        neutral = neutral.replace(&format!("# {unit}"), "#");
    }
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    neutral.trim().lines().map(words).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_readme_shows_what_happens() {
    let readme = std::fs::read_to_string(repository().join("README.md")).unwrap();
    let stage = Stage::example(BACKLOT, "flask");
    let binary = std::env::var("BACKLOT_TEST_BINARY").unwrap_or_else(|_| BACKLOT.to_owned());
    let bin = Path::new(&binary).parent().unwrap().display().to_string();
    let path = format!("{bin}:{}", std::env::var("PATH").unwrap());
    let (postgres, nginx) = (free_port().to_string(), free_port().to_string());
    let stage = stage.with("PATH", path).with("POSTGRES_PORT", postgres);
    // It publishes a port that may be taken on this machine.
    let file = std::fs::read_to_string(stage.project().join("docker/production.yml")).unwrap();
    stage.file("docker/production.yml", file.replace("8080:8080", &format!("{nginx}:8080")));
    // It shows everyday life: the template is there already.
    stage.backlot(&["scenario", "up", "warm", "-q"]).output().assert_prints("");
    stage.backlot(&["scenario", "down", "warm", "-q"]).output().assert_prints("");
    let examples = examples(&readme);
    assert!(examples.len() >= 6, "the README shows only {} commands", examples.len());
    for Example { command, output } in examples {
        let command = command.replace("8080", &nginx);
        let outcome = stage.run("sh", &["-c", &format!("exec 2>&1; {command}")]).output();
        let (shown, printed) = (without_numbers(&output), without_numbers(&outcome.stdout));
        assert_eq!(printed, shown, "the README shows something else for\n{outcome}");
    }
}
