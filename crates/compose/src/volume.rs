//! The short form of a service's volume: `source:target:options`.

use backlot_yaml::{Map, Node, Span, Value};

use crate::error::{Error, Problem};

/// A short volume, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ShortVolume {
    pub(crate) source: Option<String>,
    pub(crate) target: String,
    pub(crate) read_only: bool,
    pub(crate) no_copy: bool,
    pub(crate) propagation: Option<String>,
    pub(crate) selinux: Option<String>,
}

/// Takes a short volume apart.
pub(crate) fn parse_volume(text: &str, span: &Span) -> Result<ShortVolume, Error> {
    let fail = |reason| span.error(Problem::Mount { value: text.to_owned(), reason });
    let mut volume = ShortVolume {
        source: None,
        target: String::new(),
        read_only: false,
        no_copy: false,
        propagation: None,
        selinux: None,
    };
    // Too short for anything but a target, which may then be a colon.
    if text.len() <= 2 && !text.is_empty() {
        text.clone_into(&mut volume.target);
        return Ok(volume);
    }
    let parts = split(text);
    if parts.iter().any(std::string::String::is_empty) {
        return Err(
            fail("a part between colons is empty").with_hint("write source:target or source:target:ro")
        );
    }
    match parts.as_slice() {
        [target] => target.clone_into(&mut volume.target),
        [source, target, options @ ..] => {
            volume.source = Some(source.clone());
            target.clone_into(&mut volume.target);
            match options {
                [] => {}
                [options] => options.split(',').for_each(|option| apply(&mut volume, option)),
                [..] => {
                    return Err(
                        fail("it has too many colons").with_hint("write source:target or source:target:ro")
                    );
                }
            }
        }
        [] => return Err(fail("it is empty")),
    }
    Ok(volume)
}

/// Splits at colons, but not at that of a Windows drive.
fn split(text: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    for character in text.chars() {
        let Some(part) = parts.last_mut() else { break };
        let is_drive = part.chars().count() == 1 && part.chars().all(char::is_alphabetic);
        if character == ':' && !is_drive { parts.push(String::new()) } else { part.push(character) }
    }
    parts
}

/// Options that are not known are ignored, as Compose does.
fn apply(volume: &mut ShortVolume, option: &str) {
    match option {
        "ro" => volume.read_only = true,
        "rw" => volume.read_only = false,
        "nocopy" => volume.no_copy = true,
        "rprivate" | "private" | "rshared" | "shared" | "rslave" | "slave" => {
            volume.propagation = Some(option.to_owned());
        }
        "z" | "Z" => volume.selinux = Some(option.to_owned()),
        _ => {}
    }
}

impl ShortVolume {
    /// Whether the source is a path of the host.
    fn is_bind(&self) -> bool {
        let Some(source) = &self.source else { return false };
        let mut characters = source.chars();
        let drive =
            matches!((characters.next(), characters.next()), (Some(a), Some(':')) if a.is_alphabetic());
        source.starts_with(['.', '/', '~']) || source.starts_with(r"\\") || drive
    }

    /// The long form.
    pub(crate) fn into_node(self, span: &Span) -> Node {
        let is_bind = self.is_bind();
        let text = Value::String;
        let mut map = Map::default();
        map.set("type", text(if is_bind { "bind" } else { "volume" }.to_owned()), span);
        if let Some(source) = self.source {
            map.set("source", text(source), span);
        }
        map.set("target", text(clean_path(&self.target)), span);
        if self.read_only {
            map.set("read_only", Value::Bool(true), span);
        }
        let mut bind = Map::default();
        if let Some(selinux) = self.selinux {
            bind.set("selinux", text(selinux), span);
        }
        if let Some(propagation) = self.propagation {
            bind.set("propagation", text(propagation), span);
        }
        if is_bind {
            // The short form has always made the host's folder when it was missing.
            bind.set("create_host_path", Value::Bool(true), span);
        }
        if is_bind || !bind.entries.is_empty() {
            map.set("bind", Value::Map(bind), span);
        }
        let mut volume = Map::default();
        if self.no_copy {
            volume.set("nocopy", Value::Bool(true), span);
        }
        if !is_bind || self.no_copy {
            map.set("volume", Value::Map(volume), span);
        }
        Node::new(Value::Map(map), span.clone())
    }
}

/// A path without `.`, `..` and doubled slashes, by its text alone.
pub(crate) fn clean_path(path: &str) -> String {
    let rooted = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            ".." if rooted => {}
            _ => parts.push(part),
        }
    }
    let joined = parts.join("/");
    match (rooted, joined.is_empty()) {
        (true, _) => format!("/{joined}"),
        (false, true) => ".".to_owned(),
        (false, false) => joined,
    }
}

#[cfg(test)]
mod tests {
    use super::clean_path;

    #[test]
    fn paths_are_cleaned_by_their_text() {
        let cases = [
            ("/a//b/./c/", "/a/b/c"),
            ("/../a", "/a"),
            ("a/../..", ".."),
            ("", "."),
            ("/", "/"),
            ("a/b/..", "a"),
        ];
        for (path, clean) in cases {
            assert_eq!(clean_path(path), clean, "{path}");
        }
    }
}
