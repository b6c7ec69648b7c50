//! Words of commands, with the places in them at which a replica's own ports go.

use std::collections::BTreeSet;

use backlot_project::Service;
use backlot_supervisor::{Part, Template};

use crate::{process::is_of_a_host, service::PORT_VARIABLES, translation::Translation};

/// Addresses that mean every interface; natively, nothing listens beyond the loopback one.
const EVERYWHERE: [&str; 4] = ["0.0.0.0", "[::]", "::", "*"];
/// Names that mean the container itself.
const ITSELF: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];
/// Options whose value is a port.
const PORT_OPTIONS: [&str; 4] = ["-p", "--port", "--http-port", "--listen-port"];

impl Translation<'_> {
    /// The words of a command that is to listen natively: on the loopback interface, at ports of its own.
    pub(crate) fn command_for_here(&self, words: &[String], ports: &BTreeSet<u16>) -> Vec<Template> {
        let words: Vec<String> = words.iter().map(|word| self.led(word)).collect();
        command(&words, ports)
    }

    /// A word of what runs beside the program of a service, and asks it.
    pub(crate) fn word_for_here(&self, word: &str, ports: &BTreeSet<u16>) -> Template {
        own_address(&self.led(word), ports)
    }
}

/// The names of the variables that tell a service's program its port.
pub(crate) fn port_variables(service: &Service, ports: &BTreeSet<u16>) -> Vec<String> {
    let said = &service.environment;
    let is_own_port = |name: &str| {
        let value = said.get(name).and_then(Option::as_deref);
        value.and_then(|value| value.parse().ok()).is_some_and(|port| ports.contains(&port))
            && !is_of_a_host(name, said)
    };
    let more = said.keys().map(String::as_str).filter(|name| name.ends_with("_PORT") && is_own_port(name));
    let more = more.filter(|name| !PORT_VARIABLES.contains(name));
    PORT_VARIABLES.into_iter().chain(more).map(str::to_owned).collect()
}

fn command(words: &[String], ports: &BTreeSet<u16>) -> Vec<Template> {
    let mut before = "";
    words
        .iter()
        .map(|word| {
            let template = argument(word, before, ports);
            before = word;
            template
        })
        .collect()
}

fn argument(word: &str, before: &str, ports: &BTreeSet<u16>) -> Template {
    let is_port = |text: &str| text.parse().ok().filter(|port| ports.contains(port));
    if EVERYWHERE[..3].contains(&word) {
        return Template::from("127.0.0.1");
    }
    if let Some(port) = is_port(word).filter(|_| PORT_OPTIONS.contains(&before)) {
        return Template(vec![Part::Port(port)]);
    }
    let (option, value) = match word.split_once('=') {
        Some((option, value)) if option.starts_with('-') => (format!("{option}="), value),
        Some(_) | None => (String::new(), word),
    };
    if !option.is_empty() && EVERYWHERE.contains(&value) {
        return Template::from(format!("{option}127.0.0.1"));
    }
    if let Some(port) = is_port(value).filter(|_| PORT_OPTIONS.contains(&option.trim_end_matches('='))) {
        return Template(vec![Part::Text(option), Part::Port(port)]);
    }
    if let Some((host, port)) = value.rsplit_once(':')
        && (host.is_empty() || EVERYWHERE.contains(&host))
        && let Some(port) = is_port(port)
    {
        return Template(vec![Part::Text(format!("{option}127.0.0.1:")), Part::Port(port)]);
    }
    Template::from(word)
}

/// A text in which a container asks itself: `curl -f http://localhost:5000/`.
fn own_address(text: &str, ports: &BTreeSet<u16>) -> Template {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((before, port, after)) = next_own(rest, ports) {
        pieces.push(Part::Text(before.to_owned()));
        pieces.push(Part::Port(port));
        rest = after;
    }
    pieces.push(Part::Text(rest.to_owned()));
    Template(pieces)
}

/// The first own address of a text: what is before its port, the port, and what is after it.
fn next_own<'t>(text: &'t str, ports: &BTreeSet<u16>) -> Option<(&'t str, u16, &'t str)> {
    let hosts = ITSELF.iter().chain(&EVERYWHERE[..2]);
    let found = hosts.flat_map(|host| {
        text.match_indices(*host).filter_map(|(at, _)| {
            let port_at = at + host.len() + 1;
            let digits = text.get(port_at - 1..)?.strip_prefix(':')?;
            let length = digits.bytes().take_while(u8::is_ascii_digit).count();
            let port = digits[..length].parse().ok().filter(|port| ports.contains(port))?;
            Some((&text[..port_at], port, &digits[length..]))
        })
    });
    found.min_by_key(|(before, _, _)| before.len())
}

#[cfg(test)]
mod tests {
    use super::{command, own_address};
    use backlot_supervisor::{Part, Template};

    fn shown(template: &Template) -> String {
        let part = |part: &Part| match part {
            Part::Text(text) => text.clone(),
            Part::Port(port) => format!("<{port}>"),
            Part::Container => "<container>".to_owned(),
        };
        template.0.iter().map(part).collect()
    }

    #[test]
    fn commands_listen_on_the_loopback_interface_at_their_own_port() {
        let ports = [5000, 8000].into();
        for (text, expected) in [
            ("flask run --host 0.0.0.0", "flask run --host 127.0.0.1"),
            ("flask run --host=0.0.0.0 --port=5000", "flask run --host=127.0.0.1 --port=<5000>"),
            ("flask run -h 0.0.0.0 -p 5000", "flask run -h 127.0.0.1 -p <5000>"),
            ("gunicorn -w 4 -b 0.0.0.0 wsgi:app", "gunicorn -w 4 -b 127.0.0.1 wsgi:app"),
            ("gunicorn -b 0.0.0.0:8000 wsgi:app", "gunicorn -b 127.0.0.1:<8000> wsgi:app"),
            ("gunicorn --bind=:8000 -w 5000", "gunicorn --bind=127.0.0.1:<8000> -w 5000"),
            ("uvicorn a:app --port 8001", "uvicorn a:app --port 8001"),
            ("serve [::]:8000 1.2.3.4:8000", "serve 127.0.0.1:<8000> 1.2.3.4:8000"),
        ] {
            let words: Vec<String> = text.split(' ').map(str::to_owned).collect();
            let templates: Vec<String> = command(&words, &ports).iter().map(shown).collect();
            assert_eq!(templates.join(" "), expected);
        }
    }

    #[test]
    fn a_container_that_asks_itself_asks_its_replica() {
        let ports = [5000].into();
        for (text, expected) in [
            ("curl -f http://localhost:5000/ || exit 1", "curl -f http://localhost:<5000>/ || exit 1"),
            ("nc 127.0.0.1:5000 localhost:5000", "nc 127.0.0.1:<5000> localhost:<5000>"),
            ("curl http://localhost:50001/ http://web:5000", "curl http://localhost:50001/ http://web:5000"),
        ] {
            assert_eq!(shown(&own_address(text, &ports)), expected);
        }
    }
}
