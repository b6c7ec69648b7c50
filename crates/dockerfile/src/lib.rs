//! What a Dockerfile says of the container that it makes; not how it is built.

mod brought;
mod copies;
mod file;
mod installs;
mod lines;
mod options;
mod runs;
mod shell;
mod shell_tokens;
mod stage;
mod words;
mod workshop;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use backlot_project::Service;
use backlot_project::stack::Image;

use brought::is_of_language;
pub use copies::Copies;
use copies::From;
pub use copies::{matching, normal};
pub use file::Dockerfile;
pub use installs::{
    Argument, Build, Install, Installs, Kind, SETTINGS, SystemPackage, Tool, folder_of_modules,
};
use lines::{Instruction, instructions};
pub use options::quoted;
use options::{option, options, ports};
pub use runs::{Run, runs};
use stage::Stage;
use words::Words;
pub use workshop::{Made, Workshop};

/// What images set that their Dockerfiles refer to.
const USUAL: [(&str, &str); 2] =
    [("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"), ("HOME", "/root")];
/// Ends of the names of archives that `ADD` unpacks.
const ARCHIVES: [&str; 6] = [".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar.zst"];

/// What the Dockerfile of a service says; none for a service that is not built.
///
/// # Errors
/// When it cannot be read: with its path.
pub fn of_service(service: &Service) -> Result<Option<Dockerfile>, (PathBuf, io::Error)> {
    let Some(build) = &service.build else { return Ok(None) };
    let text = match &build.dockerfile_inline {
        Some(text) => text.clone(),
        None => backlot_files::text(&build.dockerfile).map_err(|error| (build.dockerfile.clone(), error))?,
    };
    let target = build.target.as_deref();
    Ok(Some(read(&text, Building { context: &build.context, target, args: &build.args })))
}

/// How a Dockerfile is built.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Building<'b> {
    /// The build context.
    pub(crate) context: &'b Path,
    /// The stage that is wanted.
    pub(crate) target: Option<&'b str>,
    /// The build arguments.
    pub(crate) args: &'b BTreeMap<String, Option<String>>,
}

/// Reads a Dockerfile. What is not understood is left out: Docker would tell.
pub(crate) fn read(text: &str, building: Building<'_>) -> Dockerfile {
    let (instructions, escape) = instructions(text);
    let mut reader = Reader { building, escape, globals: BTreeMap::new(), stages: Vec::new() };
    for instruction in &instructions {
        reader.take(instruction);
    }
    let wanted = building.target.and_then(|target| reader.find(target));
    let stage = wanted.map_or_else(|| reader.stages.last(), |at| reader.stages.get(at));
    stage.map(|stage| stage.file.clone().with_own()).unwrap_or_default()
}

struct Reader<'b> {
    building: Building<'b>,
    escape: char,
    /// `ARG` before the first stage.
    globals: BTreeMap<String, String>,
    stages: Vec<Stage>,
}

impl Reader<'_> {
    fn take(&mut self, Instruction { name, rest, written }: &Instruction) {
        match (name.as_str(), self.stages.is_empty()) {
            ("FROM", _) => self.begin(rest),
            ("ARG", true) => {
                let words = Words { escape: self.escape, variables: &self.globals }.split(rest);
                let given = words.iter().filter_map(|word| self.argument(word));
                self.globals.extend(given.collect::<Vec<_>>());
            }
            ("ARG", false) => {
                let words = self.split(rest);
                let given: Vec<_> = words.iter().filter_map(|word| self.argument(word)).collect();
                self.change(|stage| stage.args.extend(given));
            }
            ("COPY" | "ADD", false) => self.copy(name, rest),
            ("RUN", false) => self.run(rest, written),
            (_, false) => self.set(name, rest),
            (_, true) => {}
        }
    }

    /// A stage begins as the one that it is made from.
    fn begin(&mut self, rest: &str) {
        let words = Words { escape: self.escape, variables: &self.globals }.split(rest);
        let words: Vec<&String> = words.iter().filter(|word| !word.starts_with("--")).collect();
        let base = words.first().map(|base| base.as_str()).unwrap_or_default();
        let is_named = words.get(1).is_some_and(|word| word.eq_ignore_ascii_case("AS"));
        let name = words.get(2).filter(|_| is_named).map(|name| (*name).clone()).unwrap_or_default();
        let mut stage = if let Some(stage) = self.stages.iter().find(|stage| stage.is_named(base)) {
            let mut stage = Stage { args: BTreeMap::new(), ..stage.clone() };
            stage.file.undone.extend(stage.later.drain(..).map(|line| format!("ONBUILD {line}")));
            stage
        } else {
            let base = Some(base).filter(|base| !base.is_empty() && *base != "scratch").map(Image::parse);
            Stage { file: Dockerfile { base, ..Dockerfile::default() }, ..Stage::default() }
        };
        stage.name = name;
        self.stages.push(stage);
    }

    /// The stage of a name or number.
    fn find(&self, wanted: &str) -> Option<usize> {
        let named = self.stages.iter().position(|stage| stage.is_named(wanted));
        named.or_else(|| wanted.parse().ok().filter(|at| *at < self.stages.len()))
    }

    /// `NAME=default` or `NAME`, with what it is.
    fn argument(&self, word: &str) -> Option<(String, String)> {
        let (name, usual) = match word.split_once('=') {
            Some((name, usual)) => (name, Some(usual.to_owned())),
            None => (word, None),
        };
        let given = self.building.args.get(name).cloned().flatten();
        let value = given.or(usual).or_else(|| self.globals.get(name).cloned())?;
        Some((name.to_owned(), value))
    }

    fn change(&mut self, change: impl FnOnce(&mut Stage)) {
        if let Some(stage) = self.stages.last_mut() {
            change(stage);
        }
    }

    /// What variables stand for in the present stage.
    fn variables(&self) -> BTreeMap<String, String> {
        let mut all: BTreeMap<String, String> =
            USUAL.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        if let Some(stage) = self.stages.last() {
            all.extend(stage.args.clone());
            all.extend(stage.file.variables.clone());
        }
        all
    }

    fn split(&self, text: &str) -> Vec<String> {
        Words { escape: self.escape, variables: &self.variables() }.split(text)
    }

    fn whole(&self, text: &str) -> String {
        Words { escape: self.escape, variables: &self.variables() }.whole(text)
    }

    fn set(&mut self, name: &str, rest: &str) {
        match name {
            "CMD" => self.change(|stage| stage.file.cmd = Some(stage.command(rest))),
            "ENTRYPOINT" => self.change(|stage| {
                stage.file.entrypoint = Some(stage.command(rest));
                stage.file.cmd = None;
            }),
            "SHELL" => self.change(|stage| stage.shell = serde_json::from_str(rest).ok()),
            "WORKDIR" => {
                let path = self.whole(rest);
                self.change(|stage| {
                    let base = stage.file.working_dir.as_deref().unwrap_or("/");
                    let joined = normal(&Path::new(base).join(path));
                    stage.file.working_dir = Some(joined.display().to_string());
                });
            }
            "EXPOSE" => {
                let ports: Vec<u16> = self.split(rest).iter().flat_map(|word| ports(word)).collect();
                self.change(|stage| stage.file.ports.extend(ports));
            }
            "ENV" => {
                let pairs = self.pairs(rest);
                self.change(|stage| stage.file.variables.extend(pairs));
            }
            "USER" => {
                let user = self.whole(rest);
                self.change(|stage| stage.file.user = Some(user));
            }
            "STOPSIGNAL" => {
                let signal = self.whole(rest);
                self.change(|stage| stage.file.stop_signal = Some(signal));
            }
            "VOLUME" => {
                let all: Vec<String> = serde_json::from_str(rest).unwrap_or_else(|_| self.split(rest));
                let all = all.iter().map(|path| normal(&Path::new("/").join(path)));
                self.change(|stage| stage.file.volumes.extend(all));
            }
            "ONBUILD" => self.change(|stage| stage.later.push(rest.to_owned())),
            "HEALTHCHECK" => self.change(|stage| stage.file.healthcheck = stage.healthcheck(rest)),
            "LABEL" | "MAINTAINER" => {}
            other => {
                let line = format!("{other} {rest}");
                self.change(|stage| stage.file.undone.push(line));
            }
        }
    }

    /// `A=1 B="two words"`, or the old `A all the rest`.
    fn pairs(&self, rest: &str) -> Vec<(String, String)> {
        let is_new = rest.split_whitespace().next().is_some_and(|word| word.contains('='));
        if is_new {
            let words = self.split(rest);
            let pairs = words.iter().filter_map(|word| word.split_once('='));
            return pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        }
        let pair = rest.split_once(char::is_whitespace);
        pair.map(|(name, value)| (name.to_owned(), self.whole(value.trim()))).into_iter().collect()
    }

    /// What a line installs; a script that another program than a shell runs is not looked into.
    fn run(&mut self, rest: &str, written: &[String]) {
        let (options, rest) = options(rest);
        let variables = self.variables();
        let mounts: Vec<(PathBuf, PathBuf)> = options.iter().filter_map(|word| self.bound(word)).collect();
        let stages: Vec<(Installs, PathBuf, PathBuf)> =
            options.iter().filter_map(|word| self.bound_of_stage(word)).collect();
        let Some(stage) = self.stages.last_mut() else { return };
        // What another stage has installed is as if it were copied.
        for (installs, source, target) in &stages {
            stage.file.installs.copied(installs, source, target, false);
        }
        stage.file.runs = true;
        stage.file.makes_executable |=
            rest.contains("chmod") || written.iter().any(|text| text.contains("chmod"));
        let whole = written.first().filter(|_| rest.starts_with("<<"));
        let words: Option<Vec<String>> = serde_json::from_str(rest).ok();
        let said = words.map(|words| words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" "));
        let text = whole.cloned().or(said).unwrap_or_else(|| rest.to_owned());
        let is_shell = |line: &str| line.contains("sh");
        if let Some(first) = text.lines().next().filter(|line| line.starts_with("#!") && !is_shell(line)) {
            stage.file.undone.push(format!("RUN {first} …"));
            return;
        }
        let directory = PathBuf::from(stage.file.working_dir.as_deref().unwrap_or("/"));
        let copies = stage.file.copies.clone();
        stage.file.removed.extend(removed(&text, &directory, &variables));
        let line = installs::Line {
            text: &text,
            mounts: &mounts,
            copies: &copies,
            directory: &directory,
            variables: &variables,
        };
        installs::read(&line, &mut stage.file.installs);
    }

    /// `--mount=type=bind,source=uv.lock,target=uv.lock`: the stage, if it is of one, the path there, and the path in this one.
    fn mount<'m>(&self, option: &'m str) -> Option<(Option<&'m str>, PathBuf, PathBuf)> {
        let parts: BTreeMap<&str, &str> =
            option.strip_prefix("--mount=")?.split(',').filter_map(|part| part.split_once('=')).collect();
        let any = |names: [&str; 3]| names.into_iter().find_map(|name| parts.get(name).copied());
        if parts.get("type").is_some_and(|kind| *kind != "bind") {
            return None;
        }
        let target = any(["target", "dst", "destination"])?;
        let working_dir = self.stages.last()?.file.working_dir.clone().unwrap_or_else(|| "/".into());
        let target = normal(&Path::new(&working_dir).join(self.whole(target)));
        let source = self.whole(any(["source", "src", ""]).unwrap_or("."));
        Some((parts.get("from").copied(), normal(&Path::new("/").join(source)), target))
    }

    /// A path in the image, and where it is on this machine.
    fn bound(&self, option: &str) -> Option<(PathBuf, PathBuf)> {
        let (from, source, target) = self.mount(option)?;
        let place = match from {
            Some(from) => self.stages.get(self.find(from)?)?.file.copies.place(&source)?,
            None => self.building.context.join(source.strip_prefix("/").ok()?),
        };
        Some((target, place))
    }

    /// What another stage has installed, the path there, and the path in this one.
    fn bound_of_stage(&self, option: &str) -> Option<(Installs, PathBuf, PathBuf)> {
        let (from, source, target) = self.mount(option)?;
        let stage = self.stages.get(self.find(from?)?)?;
        Some((stage.file.installs.clone(), source, target))
    }

    /// The words of a copy without what is a language's own: that is this machine's.
    fn without_languages(&self, from: Option<&str>, words: Vec<String>) -> Vec<String> {
        let (Some(from), Some((dest, sources))) = (from, words.split_last()) else { return words };
        let stage = self.find(from).map(|at| &self.stages[at].file);
        let is_plain = stage.is_none_or(|file| {
            let installs = &file.installs;
            installs.undone.is_empty() && installs.unclear.is_empty() && file.undone.is_empty()
        });
        let image = stage.map_or_else(|| Some(Image::parse(from)), |file| file.base.clone());
        let Some(image) = image.filter(|_| is_plain) else { return words };
        let others = sources.iter().filter(|source| !is_of_language(&image, source));
        others.chain([dest]).cloned().collect()
    }

    fn copy(&mut self, name: &str, rest: &str) {
        let (options, rest) = options(rest);
        let words: Vec<String> = serde_json::from_str(rest).unwrap_or_else(|_| self.split(rest));
        let Some(mut stage) = self.stages.pop() else { return };
        let from = option(&options, "from");
        let from_name = from;
        let mut built = Vec::new();
        if let (Some(at), Some((dest, sources))) = (from.and_then(|from| self.find(from)), words.split_last())
        {
            let working_dir = stage.file.working_dir.as_deref().unwrap_or("/");
            let target = normal(&Path::new(working_dir).join(dest));
            let into = dest.ends_with('/') || matches!(dest.as_str(), "." | "..");
            for source in sources {
                let source = normal(&Path::new("/").join(source));
                let other = &self.stages[at].file;
                stage.file.installs.copied(&other.installs, &source, &target, dest.ends_with('/'));
                let taken = other.taken(&source, &target, into);
                built.extend(taken.iter().map(|_| target.clone()));
                stage.file.made.extend(taken);
            }
        }
        let earlier = from.and_then(|from| Some((from, &self.stages[self.find(from)?].file.copies)));
        let from = match (from, earlier) {
            (_, Some((name, copies))) => From::Stage(name, copies),
            (Some(other), None) => From::Elsewhere(other),
            (None, None) => From::Context(self.building.context),
        };
        let unpacks = |word: &&String| name == "ADD" && ARCHIVES.iter().any(|end| word.ends_with(end));
        let working_dir = stage.file.working_dir.clone().unwrap_or_else(|| "/".into());
        let words = self.without_languages(from_name, words);
        match words.iter().find(unpacks) {
            Some(archive) => stage.file.copies.add(&From::Elsewhere(archive), &words, &working_dir),
            None => stage.file.copies.add(&from, &words, &working_dir),
        }
        // What is built is known as such.
        stage.file.copies.made.retain(|(target, _)| !built.contains(target));
        stage.file.makes_executable |= option(&options, "chmod").is_some();
        self.stages.push(stage);
    }
}

/// What a line takes away for certain.
fn removed(text: &str, directory: &Path, variables: &BTreeMap<String, String>) -> Vec<PathBuf> {
    let runs = shell::commands(text, shell::Start { directory, variables, place: &|_| None });
    let removing =
        runs.iter().filter(|run| run.certain && run.words.first().is_some_and(|word| word == "rm"));
    let paths = removing.flat_map(|run| run.words[1..].iter().map(|word| (&run.directory, word)));
    let paths = paths.filter(|(_, word)| !word.starts_with('-'));
    paths.map(|(directory, word)| normal(&directory.join(word))).collect()
}

#[cfg(test)]
mod tests;
