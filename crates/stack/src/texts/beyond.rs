//! What no rewriting makes true: a service that needs it is not started.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use backlot_facts::address::{Address, HOST_ENDS};
use backlot_facts::container::Container;
use backlot_facts::names::{Named, names};
use backlot_facts::references::{Endpoints, referred, replaced};
use backlot_nginx::Config;
use backlot_postgres::DEFAULT_PORT;
use backlot_project::stack::{HealthTest, MountKind};
use backlot_supervisor::{Part, Template};

use crate::{error::StackError, texts::variables::DATABASE_PLACES, translation::Translation};

/// Ends of what is before a name where that is a host.
const BEFORE_HOSTS: [&str; 9] =
    ["//", "@", "-h ", "-H ", "--host ", "--host=", "host=", "server=", "--server "];
/// A port that stands for the right one, in a text that is only looked at.
const SOME_PORT: u16 = 1;

impl Translation<'_> {
    /// What of a service's texts is only so in a world of its own, all at once.
    pub(crate) fn check_beyond(&self, container: &Container<'_>, words: &[String]) -> Result<(), StackError> {
        let service = container.service;
        // What is to run here was said.
        if self.has_addresses() || service.extension.command.is_some() {
            return Ok(());
        }
        let check = container.healthcheck().and_then(|check| check.test);
        let check = check.map(|test| match test {
            HealthTest::Command(words) => words.join(" "),
            HealthTest::Shell(line) => line,
        });
        let mut what = self.lost_names(container, &words.join(" "), check.as_deref());
        if !self.has_views() {
            what.extend(lost_paths(self, container, words, check.as_deref()));
        }
        what.extend(self.lost_ports(container, words));
        let mut told = BTreeSet::new();
        what.retain(|line| told.insert(line.clone()));
        if what.is_empty() {
            return Ok(());
        }
        Err(StackError::Beyond { service: service.name.clone(), what, at: service.location.clone() })
    }

    /// What of an nginx's configuration is in a volume: its files are read from where the project has them, and a volume's are
    /// in no project.
    pub(crate) fn check_front_beyond(
        &self,
        container: &Container<'_>,
        config: &Config,
    ) -> Result<(), StackError> {
        if self.has_views() {
            return Ok(());
        }
        let service = container.service;
        let texts: Vec<String> =
            config.files.iter().filter_map(|file| backlot_files::text(file).ok()).collect();
        let volumes = service
            .volumes
            .iter()
            .filter(|mount| matches!(mount.kind, MountKind::Volume { source: Some(_) }));
        let lost = volumes.filter(|mount| {
            texts.iter().flat_map(|text| paths_in(text)).any(|path| path.starts_with(&mount.target))
        });
        let what: Vec<String> = lost
            .map(|mount| format!("its configuration names {}, which is a volume", mount.target))
            .collect();
        if what.is_empty() {
            return Ok(());
        }
        Err(StackError::Beyond { service: service.name.clone(), what, at: service.location.clone() })
    }

    /// Names of services where the program would look them up.
    fn lost_names(&self, container: &Container<'_>, command: &str, check: Option<&str>) -> Vec<String> {
        let stack = &self.environment.stack;
        let known = names(container.service, stack);
        let known: BTreeMap<&str, &str> = known
            .iter()
            .filter_map(|(name, named)| match named {
                Named::Service(service) => Some((name.as_str(), *service)),
                Named::Machine | Named::Addresses(_) | Named::Itself => None,
            })
            .collect();
        let said = self.said(container);
        let mut lost = Vec::new();
        for (name, value) in &said {
            let left = self.rewritten(value);
            if let Some(host) = known.keys().find(|known| value.eq_ignore_ascii_case(known)) {
                if self.is_lost_host(name, known[host], *host == known[host], &said) {
                    lost.push(format!(
                        "its variable {name} leads to {host} without a port: say the port in a variable beside it, too"
                    ));
                }
            } else if let Some(host) = host_in(&left, known.keys().copied()) {
                lost.push(format!("its variable {name} leads to {host}, a name that only a container knows"));
            }
        }
        for (what, text) in [("command", Some(command)), ("health check", check)] {
            let Some(text) = text else { continue };
            let left = self.database_address().map_or_else(|| text.to_owned(), |address| address.led(text));
            if let Some(host) = host_in(&left, known.keys().copied()) {
                lost.push(format!("its {what} leads to {host}, a name that only a container knows"));
            }
        }
        lost
    }

    /// A text of a variable as it will be, but for the ports in it.
    fn rewritten(&self, text: &str) -> String {
        let names = self.names();
        let endpoints: Endpoints =
            referred(text, &names).into_iter().map(|found| (found, SOME_PORT)).collect();
        let text = replaced(text, &names, &endpoints);
        self.database_address().map_or_else(|| text.clone(), |address| address.led(&text))
    }

    fn database_address(&self) -> Option<Address<'_>> {
        let service = self.databases.first()?;
        Some(Address { service, host: "127.0.0.1", port: SOME_PORT, here: &[] })
    }

    /// Whether a variable holds nothing but the name of a service, and the program has to know the port by itself, which is
    /// another one here.
    fn is_lost_host(
        &self,
        variable: &str,
        service: &str,
        is_its_name: bool,
        said: &BTreeMap<String, String>,
    ) -> bool {
        let upper = variable.to_ascii_uppercase();
        let Some(end) = HOST_ENDS.iter().find(|end| upper.ends_with(*end)) else { return false };
        let stem = &variable[..variable.len() - end.len()];
        let has_port = said.keys().any(|name| name.eq_ignore_ascii_case(&format!("{stem}PORT")));
        let is_known = DATABASE_PLACES.iter().any(|(host, _)| *host == variable);
        !is_its_name || !(has_port || is_known || self.keeps_its_ports(service))
    }

    /// Whether a service is found at its own ports on this machine.
    fn keeps_its_ports(&self, service: &str) -> bool {
        let Some(service) = self.environment.stack.services.get(service) else { return false };
        let mut published = service.published().peekable();
        !self.throwaway && published.peek().is_some() && published.all(|(target, port)| target == port)
    }

    /// Ports that a command has where no other one can be put, and that are taken by the service's endpoint or by its other
    /// replicas.
    fn lost_ports(&self, container: &Container<'_>, words: &[String]) -> Vec<String> {
        let service = container.service;
        let ports = container.ports();
        let replicas = self.scale.get(&service.name).copied().unwrap_or(service.replicas);
        let is_taken = |port: &u16| {
            let published = self.published(service);
            replicas > 1
                || !self.throwaway
                    && published.iter().any(|(target, at)| target == port && at.port() == *port)
        };
        let templates = self.command_for_here(words.get(1..).unwrap_or_default(), &ports);
        let texts: Vec<&str> = templates.iter().flat_map(left_as_it_is).collect();
        let numbers = texts.iter().flat_map(|text| text.split(|c: char| !c.is_ascii_digit()));
        let lost: BTreeSet<u16> = numbers
            .filter_map(|number| number.parse().ok())
            .filter(|port| ports.contains(port) && *port != DEFAULT_PORT && is_taken(port))
            .collect();
        lost.iter().map(|port| format!("its command says port {port} where no other can be put")).collect()
    }
}

fn left_as_it_is(template: &Template) -> impl Iterator<Item = &str> {
    template.0.iter().filter_map(|part| match part {
        Part::Text(text) => Some(text.as_str()),
        Part::Port(_) | Part::Container => None,
    })
}

/// Paths that are mounted into a container or copied into its image, where its program looks for them.
fn lost_paths(
    translation: &Translation<'_>,
    container: &Container<'_>,
    words: &[String],
    check: Option<&str>,
) -> Vec<String> {
    let service = container.service;
    let is_same = |kind: &MountKind, target: &str| matches!(kind, MountKind::Bind { source } if source.as_path() == Path::new(target));
    let mounts = service.volumes.iter().filter(|mount| !is_same(&mount.kind, &mount.target));
    let grants = [("/run/secrets", &service.secrets), ("/", &service.configs)].into_iter().flat_map(
        |(root, grants)| {
            grants
                .iter()
                .map(move |grant| Path::new(root).join(grant.target.as_deref().unwrap_or(&grant.source)))
        },
    );
    let files: Vec<PathBuf> = grants.collect();
    let mut places: Vec<PathBuf> = mounts.map(|mount| PathBuf::from(&mount.target)).collect();
    places.extend(files.iter().cloned());
    let copies = container.dockerfile.copies.places.iter().map(|(target, _)| target);
    // What the machine has there as well is the machine's: `/bin/sh`.
    let is_copy = |path: &Path| copies.clone().any(|target| path.starts_with(target)) && !path.exists();
    let is_lost = |path: &Path| places.iter().any(|place| path.starts_with(place)) || is_copy(path);
    let mut lost = Vec::new();
    let rest = words.get(1..).unwrap_or_default().join(" ");
    for (what, text) in [("command", Some(rest.as_str())), ("health check", check)] {
        let paths = text.into_iter().flat_map(paths_in);
        lost.extend(
            paths
                .filter(|path| is_lost(path))
                .map(|path| format!("its {what} names {}, a path that only a container has", path.display())),
        );
    }
    for (name, value) in translation.said(container) {
        if files.iter().any(|file| file.as_os_str() == value.as_str()) {
            lost.push(format!("its variable {name} names {value}, a path that only a container has"));
        }
    }
    lost
}

/// What of a line may be a path.
fn paths_in(line: &str) -> impl Iterator<Item = PathBuf> {
    let ends = |c: char| {
        c.is_whitespace()
            || matches!(c, '\'' | '"' | '=' | ':' | ';' | ',' | '&' | '|' | '<' | '>' | '(' | ')')
    };
    line.split(ends).filter(|word| word.starts_with('/') && !word.starts_with("//")).map(PathBuf::from)
}

/// The first of these names that stands in a text where a host does.
fn host_in<'n>(text: &str, names: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    let lower = text.to_ascii_lowercase();
    let mut names = names
        .filter(|name| lower.match_indices(*name).any(|(at, _)| is_host(text, at, &text[at + name.len()..])));
    names.next()
}

/// Whether a name that begins at `at`, and after which this comes, is a host by what is around it.
fn is_host(text: &str, at: usize, after: &str) -> bool {
    let before = &text[..at];
    let is_of_a_word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
    if before.chars().next_back().is_some_and(is_of_a_word) || after.chars().next().is_some_and(is_of_a_word)
    {
        return false;
    }
    let mut rest = after.chars();
    let is_before_port =
        matches!(rest.next(), Some(':' | ' ')) && rest.next().is_some_and(|c| c.is_ascii_digit());
    let begins = before.to_ascii_lowercase();
    let is_after_an_option = BEFORE_HOSTS.iter().any(|end| begins.ends_with(end));
    // `COPY --from=web 8000` is none, a path in front of it neither.
    is_after_an_option || is_before_port && !before.ends_with('/')
}

#[cfg(test)]
mod tests {
    use super::{host_in, paths_in};

    #[test]
    fn a_name_is_a_host_by_what_is_around_it() {
        for text in [
            "nc -z -w 3 db 5432",
            "wait-for-it db:5432 -- run",
            "psql -h db",
            "curl http://db/",
            "x://user:word@db/a",
            "host=db",
            "--server db",
            "a,DB:1",
        ] {
            assert_eq!(host_in(text, ["db", "web"].into_iter()), Some("db"), "{text}");
        }
        for text in [
            "python db.py",
            "flask db upgrade",
            "make db",
            "/db:8000",
            "mydb:5432",
            "db-web 1",
            "--app db",
            "run db",
        ] {
            assert_eq!(host_in(text, ["db", "web"].into_iter()), None, "{text}");
        }
    }

    #[test]
    fn paths_of_a_line_are_found() {
        let found: Vec<String> = paths_in("sh -c 'cat </a/b; x --f=/c http://h/d' /e:/f")
            .map(|path| path.display().to_string())
            .collect();
        assert_eq!(found, ["/a/b", "/c", "/e", "/f"]);
    }
}
