//! What a Dockerfile says of the container that it makes; not how it is built.

use std::collections::BTreeMap;

/// What the last stage, or the one that was asked for, starts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dockerfile {
    /// `ENTRYPOINT` and `CMD`, as one command; none when neither is there.
    pub command: Option<Vec<String>>,
    /// `WORKDIR`.
    pub working_dir: Option<String>,
    /// `EXPOSE`.
    pub ports: Vec<u16>,
    /// `ENV`; values that refer to other variables are left out.
    pub variables: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Default)]
struct Stage {
    name: String,
    entrypoint: Option<Vec<String>>,
    cmd: Option<Vec<String>>,
    working_dir: Option<String>,
    ports: Vec<u16>,
    variables: BTreeMap<String, String>,
}

/// Reads a Dockerfile; `target` is the stage that is wanted. What is not understood is left out: Docker would tell.
pub(crate) fn read(text: &str, target: Option<&str>) -> Dockerfile {
    let mut stages: Vec<Stage> = Vec::new();
    for line in lines(text) {
        let Some((word, rest)) = line.split_once(char::is_whitespace) else { continue };
        let rest = rest.trim();
        if word.eq_ignore_ascii_case("FROM") {
            stages.push(begin(rest, &stages));
            continue;
        }
        let Some(stage) = stages.last_mut() else { continue };
        match word.to_ascii_uppercase().as_str() {
            "CMD" => stage.cmd = Some(command(rest)),
            "ENTRYPOINT" => {
                stage.entrypoint = Some(command(rest));
                stage.cmd = None;
            }
            "WORKDIR" => stage.working_dir = Some(joined(stage.working_dir.as_deref(), rest)),
            "EXPOSE" => stage.ports.extend(rest.split_whitespace().filter_map(port)),
            "ENV" => stage.variables.extend(variables(rest)),
            _ => {}
        }
    }
    let wanted = target.and_then(|target| stages.iter().position(|stage| stage.name == target));
    let Some(stage) = wanted.map_or_else(|| stages.last(), |at| stages.get(at)).cloned() else {
        return Dockerfile::default();
    };
    let command = match (stage.entrypoint, stage.cmd) {
        (None, None) => None,
        (entrypoint, cmd) => {
            Some(entrypoint.unwrap_or_default().into_iter().chain(cmd.unwrap_or_default()).collect())
        }
    };
    Dockerfile { command, working_dir: stage.working_dir, ports: stage.ports, variables: stage.variables }
}

/// A stage begins as the one that it is made from.
fn begin(rest: &str, stages: &[Stage]) -> Stage {
    let words: Vec<&str> = rest.split_whitespace().filter(|word| !word.starts_with("--")).collect();
    let base = words.first().and_then(|base| stages.iter().find(|stage| stage.name == *base));
    let named = words.get(1).is_some_and(|word| word.eq_ignore_ascii_case("AS"));
    let name = if named { words.get(2).copied().unwrap_or_default() } else { "" };
    Stage { name: name.to_owned(), ..base.cloned().unwrap_or_default() }
}

/// The instructions, each on one line, without comments.
fn lines(text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut open = String::new();
    for line in text.lines() {
        let line = line.trim();
        if line.starts_with('#') || line.is_empty() {
            continue;
        }
        if let Some(part) = line.strip_suffix('\\') {
            open.push_str(part);
            open.push(' ');
        } else {
            open.push_str(line);
            lines.push(std::mem::take(&mut open));
        }
    }
    if !open.is_empty() {
        lines.push(open);
    }
    lines
}

/// `["a", "b"]`, or a line for the shell.
fn command(rest: &str) -> Vec<String> {
    if rest.starts_with('[')
        && let Ok(words) = serde_json::from_str(rest)
    {
        return words;
    }
    ["/bin/sh", "-c", rest].map(str::to_owned).to_vec()
}

fn joined(base: Option<&str>, path: &str) -> String {
    let path = path.trim_matches(['"', '\'']);
    match base {
        Some(base) if !path.starts_with('/') => format!("{}/{path}", base.trim_end_matches('/')),
        Some(_) | None => path.to_owned(),
    }
}

/// `8000`, `8000/tcp`
fn port(word: &str) -> Option<u16> {
    let (number, protocol) = word.split_once('/').unwrap_or((word, "tcp"));
    protocol.eq_ignore_ascii_case("tcp").then(|| number.parse().ok()).flatten()
}

/// `A=1 B="two words"`, or the old `A all the rest`.
fn variables(rest: &str) -> Vec<(String, String)> {
    let is_new = rest.split_whitespace().next().is_some_and(|word| word.contains('='));
    let pairs = if is_new {
        words(rest)
            .into_iter()
            .filter_map(|word| word.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned())))
            .collect()
    } else {
        rest.split_once(char::is_whitespace)
            .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
            .into_iter()
            .collect::<Vec<_>>()
    };
    pairs.into_iter().filter(|(_, value)| !value.contains('$')).collect()
}

/// Words as a shell reads them: quotes keep spaces, a backslash keeps what follows it.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut quote = None;
    let mut begun = false;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (c, quote) {
            ('\\', None | Some('"')) => word.extend(chars.next()),
            ('"' | '\'', None) => {
                quote = Some(c);
                begun = true;
            }
            (c, Some(open)) if c == open => quote = None,
            (c, None) if c.is_whitespace() => {
                if begun || !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
                begun = false;
            }
            (c, _) => word.push(c),
        }
    }
    if begun || !word.is_empty() {
        words.push(word);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::{Dockerfile, read};

    fn command(text: &str) -> Option<Vec<String>> {
        read(text, None).command
    }

    #[test]
    fn entrypoint_and_command_are_one() {
        assert_eq!(command("FROM a\nRUN make"), None);
        assert_eq!(command("FROM a\nCMD [\"flask\", \"run\"]").unwrap(), ["flask", "run"]);
        assert_eq!(
            command("FROM a\ncmd flask run \\\n  # not this\n  --debug").unwrap(),
            ["/bin/sh", "-c", "flask run  --debug"]
        );
        assert_eq!(command("FROM a\nENTRYPOINT [\"e\"]\nCMD [\"c\"]").unwrap(), ["e", "c"]);
        assert_eq!(command("FROM a\nCMD [\"c\"]\nENTRYPOINT [\"e\"]").unwrap(), ["e"]);
    }

    #[test]
    fn stages_build_on_each_other() {
        let text = "FROM python:3 AS base\nWORKDIR /opt\nEXPOSE 80 443/tcp 53/udp\nENV A=1 B=\"two words\" C=$A\nCMD [\"base\"]\nFROM base AS web\nWORKDIR code\nCMD [\"web\"]\nFROM scratch\nENV OLD all the rest\n";
        let web = read(text, Some("web"));
        assert_eq!(web.command.unwrap(), ["web"]);
        assert_eq!(web.working_dir.as_deref(), Some("/opt/code"));
        assert_eq!(web.ports, [80, 443]);
        let expected =
            [("A", "1"), ("B", "two words")].map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(web.variables, expected.into());
        let last = read(text, None);
        assert_eq!((last.command, last.variables["OLD"].as_str()), (None, "all the rest"));
        assert_eq!(read("", None), Dockerfile::default());
    }
}
