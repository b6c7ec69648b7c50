//! Packages of systems, and what else installs something.

use super::line::{Found, Line};
use super::{Build, Installs, SystemPackage};
use crate::copies::normal;
use crate::shell::Command;

/// Programs that install packages for a whole system, and the verb.
const MANAGERS: [(&str, &str, &str); 8] = [
    ("apt-get", "install", "apt-get"),
    ("apt", "install", "apt-get"),
    ("aptitude", "install", "apt-get"),
    ("apk", "add", "apk"),
    ("dnf", "install", "dnf"),
    ("microdnf", "install", "dnf"),
    ("yum", "install", "dnf"),
    ("zypper", "install", "zypper"),
];
/// Options of theirs with a word that belongs to them.
const WITH: [&str; 8] = ["-t", "--virtual", "-o", "-c", "--repository", "-X", "--target-release", "--option"];
/// What builds a project in languages whose packages nobody installs here, or fetches what that needs: the program and its verbs.
const BUILDERS: [(&str, &[&str]); 9] = [
    ("cargo", &["build", "fetch"]),
    ("go", &["build", "mod"]),
    (
        "mvn",
        &["package", "install", "verify", "compile", "clean", "dependency:go-offline", "dependency:resolve"],
    ),
    (
        "mvnw",
        &["package", "install", "verify", "compile", "clean", "dependency:go-offline", "dependency:resolve"],
    ),
    ("gradle", &["build", "assemble", "bootJar", "dependencies"]),
    ("gradlew", &["build", "assemble", "bootJar", "dependencies"]),
    ("dotnet", &["build", "publish", "restore"]),
    ("mix", &["deps.get", "deps.compile", "compile", "release"]),
    ("tsc", &[""]),
];
/// What `manage.py` makes of files alone: its other verbs reach a database, which no build has.
const OF_FILES: [&str; 5] = ["build", "compilescss", "compress", "tailwind", "webpack"];
/// What is such a verb, whatever it is told to: `django-admin compilemessages`, `bin/rails assets:precompile`.
const OF_FILES_ANYWHERE: [&str; 3] = ["assets:precompile", "collectstatic", "compilemessages"];
/// What installs packages in a way that is not known, by its first words.
const UNKNOWN: [&[&str]; 14] = [
    &["conda", "install"],
    &["conda", "env"],
    &["mamba", "install"],
    &["mamba", "env"],
    &["micromamba", "install"],
    &["pdm", "install"],
    &["pdm", "sync"],
    &["rye", "sync"],
    &["pip-sync"],
    &["bun", "install"],
    &["gem", "install"],
    &["composer", "install"],
    &["hatch", "env"],
    &["easy_install"],
];

pub(super) fn read(
    name: &str,
    words: &[String],
    command: &Command,
    line: &Line<'_>,
    installs: &mut Installs,
) -> Found {
    if command.certain && (name == "mkdir" || (name == "install" && words.iter().any(|word| word == "-d"))) {
        // A mode, an owner.
        let is_value = |word: &str| word.bytes().all(|byte| byte.is_ascii_digit()) || name == "install";
        let paths = words.iter().filter(|word| !word.starts_with('-') && !word.contains('{'));
        let paths = paths.filter(|word| word.starts_with('/') || !is_value(word));
        installs.folders.extend(paths.map(|path| normal(&command.directory.join(path))));
        // `{a,b}` is more than one.
        return if words.iter().any(|word| word.contains('{')) { Found::Nothing } else { Found::Understood };
    }
    let manager =
        MANAGERS.iter().find(|(manager, verb, _)| *manager == name && words.iter().any(|word| word == verb));
    if let Some((_, verb, manager)) = manager {
        let mut after = words.iter().skip_while(|word| word != verb).skip(1);
        while let Some(word) = after.next() {
            if WITH.contains(&word.as_str()) {
                after.next();
            } else if !word.starts_with('-') && !word.contains('/') && !word.is_empty() {
                let name = word.split(['=', '<', '>', '~']).next().unwrap_or_default().to_owned();
                installs.packages.insert(SystemPackage { manager, name });
            }
        }
        return Found::Understood;
    }
    let is = |known: &[&str]| {
        let mut all = std::iter::once(name).chain(words.iter().map(String::as_str));
        known.iter().all(|word| all.next() == Some(*word))
    };
    // `cat requirements.txt | xargs -n 1 pip install`
    let hands_on =
        matches!(name, "xargs" | "parallel") && words.iter().any(|word| word == "install" || word == "add");
    if UNKNOWN.iter().any(|known| is(known)) || hands_on {
        return Found::Unclear;
    }
    let verb = words.iter().find(|word| !word.starts_with('-')).map(String::as_str).unwrap_or_default();
    if command.certain && BUILDERS.iter().any(|(known, verbs)| *known == name && verbs.contains(&verb)) {
        installs.builds.push(Build::of(command, command.directory.clone(), line));
        return Found::Understood;
    }
    let has = |verbs: &[&str]| words.iter().any(|word| verbs.contains(&word.as_str()));
    let is_told = is_manage(name) || words.iter().any(|word| is_manage(word));
    let makes = has(&OF_FILES_ANYWHERE) || (is_told && has(&OF_FILES));
    if makes && command.certain {
        installs.builds.push(Build::of(command, command.directory.clone(), line));
        return Found::Understood;
    }
    Found::Nothing
}

fn is_manage(word: &str) -> bool {
    word.rsplit('/').next() == Some("manage.py")
}
