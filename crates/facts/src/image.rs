//! Images that are a Postgres, and what each of them brings along.

use std::path::Path;

use backlot_plan::PostgresWish;
use backlot_project::Service;
use backlot_project::stack::Image;

use crate::container::{Container, image_of};

/// Programs that run a line.
const SHELLS: [&str; 4] = ["sh", "bash", "ash", "dash"];

/// What is known of images by the last part of their names.
const KNOWN: [Known; 13] = [
    Known { name: "postgres", ..PLAIN },
    Known { name: "pgautoupgrade", ..PLAIN },
    Known { name: "postgresql", ..PLAIN },
    Known { name: "postgis", extension: Some("postgis"), makes: POSTGIS, script: "10_postgis.sql", ..PLAIN },
    Known { name: "pgvector", extension: Some("vector"), ..PLAIN },
    Known {
        name: "pgrouting",
        extension: Some("pgrouting"),
        makes: PGROUTING,
        script: "10_pgrouting.sql",
        ..PLAIN
    },
    Known { name: "age", extension: Some("age"), preload: Some("age"), ..PLAIN },
    Known {
        name: "citus",
        extension: Some("citus"),
        preload: Some("citus"),
        makes: CITUS,
        script: "001-create-citus-extension.sql",
        ..PLAIN
    },
    Known { name: "timescaledb", locale: MUSL, ..TIMESCALE },
    Known { name: "timescaledb-ha", ..TIMESCALE },
    Known { name: "timescaledb-postgis", locale: MUSL, ..TIMESCALE },
    Known { name: "cloudnative-postgis", extension: Some("postgis"), ..PLAIN },
    Known { name: "postgres-postgis", extension: Some("postgis"), ..PLAIN },
];

/// Versions that a Postgres may have.
const VERSIONS: std::ops::Range<u32> = 8..100;
const POSTGIS: &[&str] = &["postgis", "postgis_topology", "fuzzystrmatch", "postgis_tiger_geocoder"];
const PGROUTING: &[&str] = &["postgis", "pgrouting"];
const CITUS: &[&str] = &["citus"];
/// The locale of images that have GNU's library.
const USUAL: &str = "en_US.utf8";
/// That of images which have musl: its name counts, and it sorts by the numbers of characters.
const MUSL: &str = "musl";

const PLAIN: Known =
    Known { name: "", extension: None, preload: None, makes: &[], script: "", locale: USUAL };
const TIMESCALE: Known = Known {
    name: "",
    extension: Some("timescaledb"),
    preload: Some("timescaledb"),
    makes: &["timescaledb"],
    script: "000_install_timescaledb.sql",
    locale: "C.UTF-8",
};

#[derive(Debug, Clone, Copy)]
struct Known {
    name: &'static str,
    extension: Option<&'static str>,
    preload: Option<&'static str>,
    /// The extensions that its own script makes in a new database.
    makes: &'static [&'static str],
    /// The name of that script.
    script: &'static str,
    locale: &'static str,
}

/// An image that is a Postgres.
#[derive(Debug, Clone)]
pub struct PostgresImage {
    /// The version that its tag asks for.
    pub wanted: PostgresWish,
    /// The extension that it adds, which has to be installed here, too.
    pub extension: Option<&'static str>,
    /// The library that it has the server load.
    pub preload: Option<&'static str>,
    known: &'static Known,
    is_musl: bool,
}

impl PostgresImage {
    /// The image of a service that runs a Postgres server; none of one that runs something else, whatever its image.
    pub fn of(service: &Service) -> Option<Self> {
        let image = image_of(service)?;
        let by_name = KNOWN.iter().find(|known| Some(known.name) == image.repository.rsplit('/').next());
        // Whatever its name, one that runs the server, and is told what the official one is told, is one.
        let known = by_name.or_else(|| KNOWN.first().filter(|_| names_server(service)))?;
        if !runs_server(service) {
            return None;
        }
        let tag = image.tag.as_deref().unwrap_or_default();
        let wanted = wanted_version(&image);
        // The tag of another image may be a version of its own.
        let is_its = by_name.is_some() || wanted.major.is_none_or(|major| VERSIONS.contains(&major));
        Some(Self {
            wanted: if is_its { wanted } else { PostgresWish::default() },
            extension: known.extension,
            preload: known.preload,
            known,
            is_musl: known.locale == MUSL || tag.contains("alpine"),
        })
    }

    /// Its locale, and whether its library has none but by name.
    pub(crate) fn locale(&self) -> (&'static str, bool) {
        (if self.known.locale == MUSL { USUAL } else { self.known.locale }, self.is_musl)
    }

    /// The script with which it fills a new database: its name, and what it does.
    pub(crate) fn script(&self) -> Option<(&'static str, String)> {
        let lines =
            self.known.makes.iter().map(|name| format!("CREATE EXTENSION IF NOT EXISTS {name} CASCADE;\n"));
        (!self.known.makes.is_empty()).then(|| (self.known.script, lines.collect()))
    }
}

/// The version in an image's tag: `15`, `15.4-alpine`, `15-3.3` (PostGIS), `0.7.0-pg16`.
pub fn wanted_version(image: &Image) -> PostgresWish {
    let number = |text: &str| -> Option<(u32, usize)> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        Some((text[..digits].parse().ok()?, digits))
    };
    let leading = |text: &str| -> Option<PostgresWish> {
        let (major, digits) = number(text)?;
        let minor = text[digits..].strip_prefix('.').and_then(number).map(|(minor, _)| minor);
        Some(PostgresWish { major: Some(major), minor })
    };
    let tag = image.tag.as_deref().unwrap_or_default();
    let marked = tag.split(['-', '_']).find_map(|part| leading(part.strip_prefix("pg")?));
    marked.or_else(|| leading(tag)).unwrap_or_default()
}

/// The words that a service with a Postgres image hands to it, without the program that comes with every such image.
pub(crate) fn server_words(service: &Service) -> Vec<String> {
    let mut words = Container::of(service, Path::new("/")).own_command();
    let is = |word: Option<&String>, name: &str| {
        word.is_some_and(|word| Path::new(word).file_name().is_some_and(|file| file == name))
    };
    for name in ["docker-entrypoint.sh", "postgres"] {
        if is(words.first(), name) {
            words.remove(0);
        }
    }
    words
}

/// Whether the file itself says that the server is what runs.
fn names_server(service: &Service) -> bool {
    if !service.environment.keys().any(|name| name.starts_with("POSTGRES_")) {
        return false;
    }
    let words = Container::of(service, Path::new("/")).own_command();
    let is_server = |word: &String| file_name(word) == "postgres";
    match words.split_first() {
        Some((first, rest)) if file_name(first) == "docker-entrypoint.sh" => {
            rest.first().is_some_and(is_server)
        }
        Some((first, _)) => is_server(first),
        None => false,
    }
}

/// Whether the server runs in it: a client of the same image is a program like others.
fn runs_server(service: &Service) -> bool {
    let words = server_words(service);
    let Some(first) = words.first().filter(|first| !first.starts_with('-')) else { return true };
    // A line of a shell may do something first.
    let is_shell = SHELLS.contains(&file_name(first));
    is_shell && words.iter().any(|line| line.split([';', '&', '|', '\n']).any(starts_server))
}

/// Whether a command in a line of a shell is the server.
fn starts_server(command: &str) -> bool {
    let mut words =
        command.split_whitespace().skip_while(|word| matches!(*word, "exec" | "then" | "do" | "else"));
    let first = words.next().map(file_name);
    let program = if matches!(first, Some("gosu" | "su-exec")) { words.nth(1).map(file_name) } else { first };
    matches!(program, Some("docker-entrypoint.sh" | "postgres"))
}

fn file_name(word: &str) -> &str {
    word.rsplit('/').next().unwrap_or(word)
}

/// What a service's Dockerfile does to a Postgres image that cannot be done here, in words.
pub(crate) fn not_done(service: &Service) -> Option<String> {
    let file = backlot_dockerfile::of_service(service).ok()??;
    let at = &service.location;
    let made = file.copies.made.iter().map(|(target, _)| target);
    let built = file.made.iter().map(|made| &made.to).filter(|target| target.parent().is_some());
    if let Some(target) = made.chain(built).next() {
        let target = target.display();
        return Some(format!(
            "the Dockerfile of service {} puts something at {target} that is not in its folder, which is not there natively \
             ({at}); --engine docker builds it",
            service.name
        ));
    }
    file.runs.then(|| {
        format!(
            "the Dockerfile of service {} runs commands, which are not run natively: what they install or change is not there \
             ({at}); --engine docker builds it",
            service.name
        )
    })
}

/// Whether the service's image is a Postgres whose server it runs.
pub fn is_postgres(service: &Service) -> bool {
    PostgresImage::of(service).is_some()
}

#[cfg(test)]
mod tests {
    use backlot_plan::PostgresWish;

    use super::{PostgresImage, starts_server, wanted_version};
    use backlot_project::stack::Image;
    use backlot_project::{EnvironmentName, Lookup, Project};

    #[test]
    fn what_runs_the_server_is_one_whatever_its_images_name() {
        let dir = tempfile::tempdir().unwrap();
        let told = "environment: {POSTGRES_PASSWORD: x}";
        let text = format!(
            "services:\n  a: {{image: 'pgautoupgrade/pgautoupgrade:17-alpine'}}\n  \
             b: {{image: 'company/db:2.4', command: postgres -c a=b, {told}}}\n  \
             c: {{image: 'company/db:16', command: docker-entrypoint.sh postgres, {told}}}\n  \
             d: {{image: 'company/db', command: postgres -D /data}}\n  \
             e: {{image: 'company/db', command: worker, {told}}}\n"
        );
        std::fs::write(dir.path().join("compose.yaml"), text).unwrap();
        let lookup = Lookup { start_dir: dir.path().to_owned(), ..Lookup::default() };
        let project = Project::find(lookup).unwrap();
        let stack = project.environment(&EnvironmentName::parse("development").unwrap()).unwrap().stack;
        let of = |name: &str| PostgresImage::of(&stack.services[name]).map(|image| image.wanted.major);
        assert_eq!(
            ["a", "b", "c", "d", "e"].map(of),
            [Some(Some(17)), Some(None), Some(Some(16)), None, None]
        );
    }

    #[test]
    fn a_line_of_a_shell_may_start_the_server() {
        for (command, expected) in [
            ("exec docker-entrypoint.sh postgres -c a=b", true),
            (" gosu postgres postgres", true),
            ("/usr/local/bin/docker-entrypoint.sh postgres", true),
            ("psql -U postgres", false),
            ("chown postgres /x", false),
            ("", false),
        ] {
            assert_eq!(starts_server(command), expected, "{command}");
        }
    }

    #[test]
    fn a_tag_asks_for_a_version() {
        let wanted = |tag: &str| {
            wanted_version(&Image { repository: "postgres".into(), tag: Some(tag.into()), digest: None })
        };
        for (tag, major, minor) in [
            ("15", Some(15), None),
            ("15.4", Some(15), Some(4)),
            ("16.4-alpine", Some(16), Some(4)),
            ("16.4.0-debian-12-r3", Some(16), Some(4)),
            ("16-alpine3.20", Some(16), None),
            ("17.2-bookworm", Some(17), Some(2)),
            ("15-3.3", Some(15), None),
            ("pg16", Some(16), None),
            ("0.7.0-pg16", Some(16), None),
            ("latest-pg17", Some(17), None),
            ("pg15.4-ts2.11", Some(15), Some(4)),
            ("17beta1", Some(17), None),
            ("latest", None, None),
            ("alpine", None, None),
            ("", None, None),
        ] {
            assert_eq!(wanted(tag), PostgresWish { major, minor }, "{tag}");
        }
    }
}
