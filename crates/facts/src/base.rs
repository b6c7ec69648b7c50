//! What a Dockerfile says of the image that it is made from, and of the files that come from its folder.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use backlot_project::Service;
use backlot_project::stack::Image;

use crate::dockerfile::lines;

/// So much of a Dockerfile is read, in bytes.
const LONGEST: u64 = 1024 * 1024;

/// The image that a stage is made from, and what it adds to that.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Base {
    /// The image.
    pub(crate) image: Option<Image>,
    /// What is copied: paths in the image, and on this machine.
    pub(crate) copies: Vec<(PathBuf, PathBuf)>,
    /// Places in the image at which something is put that is not on this machine.
    pub(crate) elsewhere: Vec<PathBuf>,
    /// Whether commands are run for it.
    pub(crate) runs: bool,
}

#[derive(Debug, Clone, Default)]
struct Stage {
    name: String,
    base: Base,
    working_dir: PathBuf,
}

/// The image that a service's container is made of; that of the Dockerfile, where it is built.
pub(crate) fn image_of(service: &Service) -> Option<Image> {
    base_of(service).and_then(|base| base.image).or_else(|| service.image.clone())
}

/// What the service's Dockerfile says; none without one that can be read.
pub(crate) fn base_of(service: &Service) -> Option<Base> {
    let build = service.build.as_ref()?;
    let text = if let Some(text) = &build.dockerfile_inline {
        text.clone()
    } else {
        let path = build.context.join(&build.dockerfile);
        let fits = path.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.len() <= LONGEST);
        fits.then(|| std::fs::read_to_string(path).ok()).flatten()?
    };
    Some(read(&text, build.target.as_deref(), &build.args, &build.context))
}

fn read(text: &str, target: Option<&str>, given: &BTreeMap<String, Option<String>>, context: &Path) -> Base {
    let mut arguments: BTreeMap<String, String> = BTreeMap::new();
    let mut stages: Vec<Stage> = Vec::new();
    for line in lines(text) {
        let Some((word, rest)) = line.split_once(char::is_whitespace) else { continue };
        let rest = rest.trim();
        let Some(stage) = stages.last_mut().filter(|_| !word.eq_ignore_ascii_case("FROM")) else {
            if word.eq_ignore_ascii_case("ARG") {
                let (name, usual) = rest.split_once('=').unwrap_or((rest, ""));
                let value = given.get(name).cloned().flatten();
                let value = value.unwrap_or_else(|| usual.trim_matches(['"', '\'']).to_owned());
                arguments.insert(name.to_owned(), value);
            } else if word.eq_ignore_ascii_case("FROM") {
                stages.push(begin(&substituted(rest, &arguments), &stages));
            }
            continue;
        };
        match word.to_ascii_uppercase().as_str() {
            "COPY" | "ADD" => copy(rest, stage, context),
            "RUN" => stage.base.runs = true,
            "WORKDIR" => stage.working_dir = stage.working_dir.join(rest.trim_matches(['"', '\''])),
            _ => {}
        }
    }
    let number = target.and_then(|target| target.parse::<usize>().ok());
    let wanted = target.and_then(|target| stages.iter().position(|stage| stage.name == target)).or(number);
    let stage = wanted.map_or_else(|| stages.last(), |at| stages.get(at));
    stage.map(|stage| stage.base.clone()).unwrap_or_default()
}

/// A stage begins as the one that it is made from.
fn begin(rest: &str, stages: &[Stage]) -> Stage {
    let words: Vec<&str> = rest.split_whitespace().filter(|word| !word.starts_with("--")).collect();
    let from = words.first().copied().unwrap_or_default();
    let named = words.get(1).is_some_and(|word| word.eq_ignore_ascii_case("AS"));
    let name = if named { words.get(2).copied().unwrap_or_default() } else { "" }.to_owned();
    let known = stages.iter().find(|stage| !stage.name.is_empty() && stage.name.eq_ignore_ascii_case(from));
    if let Some(known) = known {
        return Stage { name, ..known.clone() };
    }
    let base = Base { image: Some(image(from)), ..Base::default() };
    Stage { name, base, working_dir: PathBuf::from("/") }
}

/// `COPY --chown=postgres a b /there/`, `ADD ["a", "/there"]`.
fn copy(rest: &str, stage: &mut Stage, context: &Path) {
    let (flags, rest): (Vec<&str>, Vec<&str>) = {
        let words: Vec<&str> = rest.split_whitespace().collect();
        let flags = words.iter().take_while(|word| word.starts_with("--")).count();
        (words[..flags].to_vec(), words[flags..].to_vec())
    };
    let line = rest.join(" ");
    let words: Vec<String> = serde_json::from_str(&line)
        .unwrap_or_else(|_| rest.iter().map(|word| word.trim_matches(['"', '\'']).to_owned()).collect());
    let Some((target, sources)) = words.split_last() else { return };
    let into_folder = target.ends_with('/') || sources.len() > 1;
    let target = stage.working_dir.join(target);
    let is_ours = |source: &String| !source.contains("://") && !source.starts_with("<<");
    if flags.iter().any(|flag| flag.starts_with("--from")) || !sources.iter().all(is_ours) {
        stage.base.elsewhere.push(target);
        return;
    }
    for source in sources.iter().flat_map(|source| matching(source, context)) {
        if source.is_dir() {
            let entries = std::fs::read_dir(&source).into_iter().flatten().flatten();
            let all = entries.map(|entry| (target.join(entry.file_name()), entry.path()));
            stage.base.copies.extend(all);
        } else {
            // Many that one pattern finds go into a folder, too.
            let is_folder = into_folder || words.iter().any(|word| word.contains(['*', '?']));
            let name = source.file_name().unwrap_or_default();
            let target = if is_folder { target.join(name) } else { target.clone() };
            stage.base.copies.push((target, source));
        }
    }
}

/// The files of the folder that a source names; its last part may be a pattern.
fn matching(source: &str, context: &Path) -> Vec<PathBuf> {
    let path = context.join(source.trim_start_matches('/'));
    if !source.contains(['*', '?']) {
        return vec![path];
    }
    let pattern = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let folder = path.parent().unwrap_or(context);
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> = entries
        .filter(|entry| {
            entry.file_name().to_str().is_some_and(|name| fits(pattern.as_bytes(), name.as_bytes()))
        })
        .map(|entry| entry.path())
        .collect();
    found.sort();
    found
}

fn fits(pattern: &[u8], name: &[u8]) -> bool {
    match (pattern.split_first(), name.split_first()) {
        (None, None) => true,
        (Some((b'*', rest)), _) => {
            fits(rest, name) || name.split_first().is_some_and(|(_, name)| fits(pattern, name))
        }
        (Some((b'?', pattern)), Some((_, name))) => fits(pattern, name),
        (Some((one, pattern)), Some((other, name))) => one == other && fits(pattern, name),
        (Some(_), None) | (None, Some(_)) => false,
    }
}

/// `${NAME:-usual}`, `${NAME}` and `$NAME`.
fn substituted(text: &str, arguments: &BTreeMap<String, String>) -> String {
    let (mut out, mut rest) = (String::new(), text);
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(before);
        let plain = || {
            let end = after.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
            after.split_at(end.unwrap_or(after.len()))
        };
        let braced = after.strip_prefix('{').and_then(|after| after.split_once('}'));
        let (name, left) = braced.unwrap_or_else(plain);
        let (name, usual) = name.split_once(":-").or_else(|| name.split_once('-')).unwrap_or((name, ""));
        let value = arguments.get(name).filter(|value| !value.is_empty());
        out.push_str(value.map_or(usual, String::as_str));
        rest = left;
    }
    out.push_str(rest);
    out
}

/// An image's name, taken apart.
fn image(name: &str) -> Image {
    let (name, digest) = match name.split_once('@') {
        Some((name, digest)) => (name, Some(digest.to_owned())),
        None => (name, None),
    };
    let (repository, tag) = match name.rsplit_once(':').filter(|(_, tag)| !tag.contains('/')) {
        Some((repository, tag)) => (repository, Some(tag.to_owned()).filter(|tag| !tag.is_empty())),
        None => (name, None),
    };
    Image { repository: repository.to_owned(), tag, digest }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;
    use std::path::PathBuf;

    use super::{image, read};

    #[test]
    fn the_image_is_that_of_the_stage_that_is_built() {
        let text = "\
ARG VERSION=15
ARG KIND
FROM postgres:${VERSION}${KIND:--alpine} AS base
FROM golang AS tools
RUN make
FROM base
";
        let of = |target: Option<&str>, given: &[(&str, &str)]| {
            let given = given.iter().map(|(name, value)| ((*name).to_owned(), Some((*value).to_owned())));
            read(text, target, &given.collect(), &PathBuf::from("/nowhere"))
        };
        assert_eq!(of(None, &[]).image, Some(image("postgres:15-alpine")));
        assert!(!of(None, &[]).runs && of(Some("tools"), &[]).runs);
        assert_eq!(
            of(None, &[("VERSION", "16"), ("KIND", "-bookworm")]).image,
            Some(image("postgres:16-bookworm"))
        );
        assert_eq!(of(Some("tools"), &[]).image, Some(image("golang")));
        assert_eq!(image("r:5000/a/b").repository, "r:5000/a/b");
    }

    #[test]
    fn what_is_copied_is_where_it_comes_from() {
        let dir = tempfile::tempdir().unwrap();
        for file in ["init/01.sql", "init/02.sh", "a.sql", "b.sql", "my.conf"] {
            let path = dir.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        let copies = |line: &str| {
            let base =
                read(&format!("FROM postgres\nWORKDIR /etc\n{line}\n"), None, &BTreeMap::new(), dir.path());
            let mut copies: Vec<String> = base
                .copies
                .iter()
                .map(|(target, source)| {
                    format!("{}={}", target.display(), source.strip_prefix(dir.path()).unwrap().display())
                })
                .collect();
            copies.sort();
            copies.extend(base.elsewhere.iter().map(|target| format!("{}?", target.display())));
            copies.join(" ")
        };
        for (line, expected) in [
            ("COPY init /init.d", "/init.d/01.sql=init/01.sql /init.d/02.sh=init/02.sh"),
            (
                "COPY --chown=postgres ./init/ /init.d/",
                "/init.d/01.sql=./init/01.sql /init.d/02.sh=./init/02.sh",
            ),
            ("ADD *.sql /init.d/", "/init.d/a.sql=a.sql /init.d/b.sql=b.sql"),
            ("COPY a.sql b.sql /init.d", "/init.d/a.sql=a.sql /init.d/b.sql=b.sql"),
            ("COPY [\"a.sql\", \"/init.d/9 a.sql\"]", "/init.d/9 a.sql=a.sql"),
            ("COPY my.conf pg.conf", "/etc/pg.conf=my.conf"),
            ("COPY --from=tools /x /init.d/x", "/init.d/x?"),
            ("ADD https://example.com/x.sql /init.d/", "/init.d/?"),
        ] {
            assert_eq!(copies(line).replace("./init", "init"), expected.replace("./init", "init"), "{line}");
        }
    }
}
