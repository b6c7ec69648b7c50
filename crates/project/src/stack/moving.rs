//! Published ports that are others than the files say, because another checkout of the project has those: the file stays as it is,
//! and all that names the port leads to the one in its place.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use super::{Port, PortRange, Stack};

/// Where some ports of this machine went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Move {
    /// The first port in their place.
    pub to: u16,
    /// How many follow each other.
    pub count: u16,
}

/// Where published ports went, by the first that the files say.
pub type Moved = BTreeMap<u16, Move>;

/// What this machine is called by programs that run on it, and in containers.
pub(crate) const HERE: [&str; 6] =
    ["localhost:", "127.0.0.1:", "0.0.0.0:", "[::1]:", "host.docker.internal:", "gateway.docker.internal:"];

impl Stack {
    /// The ports of this machine that are published, each as the first and the last of those that follow each other.
    pub fn published(&self) -> BTreeSet<(u16, u16)> {
        let ports = self.services.values().flat_map(|service| &service.ports);
        ports.filter_map(|port| port.published).map(|range| (range.first, range.last)).collect()
    }

    /// The services that publish a port of this machine.
    pub fn publishers(&self, first: u16) -> Vec<&str> {
        let publishes = |port: &Port| port.published.is_some_and(|range| range.first == first);
        let services = self.services.values().filter(|service| service.ports.iter().any(publishes));
        services.map(|service| service.name.as_str()).collect()
    }

    /// Moves published ports, and the variables of services that lead to them.
    pub(crate) fn move_ports(&mut self, moves: &Moved) {
        for (name, service) in &mut self.services {
            for port in service.ports.iter_mut().filter_map(|port| port.published.as_mut()) {
                *port = moved(*port, moves);
            }
            for value in service.environment.values_mut().flatten() {
                *value = led(value, moves);
            }
            if let Some(model) = self.resolved.get_mut("services").and_then(|all| all.get_mut(name)) {
                resolve(model, moves);
            }
        }
    }
}

fn moved(range: PortRange, moves: &Moved) -> PortRange {
    match moves.get(&range.first) {
        Some(Move { to, .. }) => PortRange { first: *to, last: to.saturating_add(range.last - range.first) },
        None => range,
    }
}

/// The port in the place of one.
pub(crate) fn instead(port: u16, moves: &Moved) -> Option<u16> {
    let (first, Move { to, count }) = moves.range(..=port).next_back()?;
    let offset = port - first;
    (offset < *count).then(|| to.saturating_add(offset))
}

/// The model that Compose would show, the same way.
fn resolve(service: &mut Json, moves: &Moved) {
    for port in service.get_mut("ports").and_then(Json::as_array_mut).into_iter().flatten() {
        let Some(published) = port["published"].as_str() else { continue };
        let (first, last) = published.split_once('-').unwrap_or((published, published));
        let (Ok(first), Ok(last)) = (first.parse(), last.parse()) else { continue };
        let PortRange { first, last } = moved(PortRange { first, last }, moves);
        let text = if first == last { first.to_string() } else { format!("{first}-{last}") };
        port["published"] = text.into();
    }
    let variables = service.get_mut("environment").and_then(Json::as_object_mut);
    for value in variables.into_iter().flat_map(serde_json::Map::values_mut) {
        if let Some(text) = value.as_str() {
            *value = led(text, moves).into();
        }
    }
}

/// A text in which what names a port of this machine names the one in its place.
pub(crate) fn led(text: &str, moves: &Moved) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((at, here)) = HERE.iter().filter_map(|here| Some((rest.find(here)?, here))).min() {
        let after = at + here.len();
        out.push_str(&rest[..after]);
        let length = rest[after..].bytes().take_while(u8::is_ascii_digit).count();
        let (digits, ends) = rest[after..].split_at(length);
        let begins =
            !rest[..at].ends_with(|last: char| last.is_alphanumeric() || matches!(last, '.' | '-' | '_'));
        let is_whole = begins && !ends.starts_with(|next: char| next.is_alphanumeric() || next == '_');
        let port = digits.parse().ok().filter(|_| is_whole).and_then(|port| instead(port, moves));
        out.push_str(&port.map_or_else(|| digits.to_owned(), |port| port.to_string()));
        rest = ends;
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::{Move, Moved, led};

    #[test]
    fn what_names_a_port_of_this_machine_follows() {
        let moves: Moved =
            [(8000, Move { to: 18_001, count: 1 }), (3000, Move { to: 17_000, count: 3 })].into();
        for (text, expected) in [
            ("http://localhost:8000/a", "http://localhost:18001/a"),
            ("localhost:8000", "localhost:18001"),
            ("http://127.0.0.1:3002,http://[::1]:3000", "http://127.0.0.1:17002,http://[::1]:17000"),
            ("http://host.docker.internal:8000", "http://host.docker.internal:18001"),
            ("postgres://u:p@localhost:8000/x", "postgres://u:p@localhost:18001/x"),
            ("http://localhost:80", "http://localhost:80"),
            ("http://localhost:80001 http://localhost:3003", "http://localhost:80001 http://localhost:3003"),
            (
                "http://web:8000 mylocalhost:8000 x.localhost:8000",
                "http://web:8000 mylocalhost:8000 x.localhost:8000",
            ),
            ("localhost: ä localhost:", "localhost: ä localhost:"),
            ("8000", "8000"),
        ] {
            assert_eq!(led(text, &moves), expected, "{text}");
        }
    }
}
