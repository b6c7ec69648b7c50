//! Finds the keys in use that are not honoured.

use backlot_yaml::{Entry, Location, Node, Value};

use super::Unhonoured;
use super::row::{Gap, Native, Row, RunBy, When};
use super::table::ROWS;

/// The keys of a resolved model that the native engine does not honour if all its services are programs, if all are
/// Postgres servers, and if all are containers beside them: which they are the engine knows.
pub(crate) fn unhonoured(model: &Node) -> [Vec<Unhonoured>; 3] {
    [RunBy::Program, RunBy::Server, RunBy::Container].map(|kind| {
        let mut walk = Walk { model, kind, found: Vec::new() };
        walk.entries(model, &mut Vec::new());
        walk.found
    })
}

struct Walk<'w> {
    model: &'w Node,
    kind: RunBy,
    found: Vec<Unhonoured>,
}

impl<'w> Walk<'w> {
    fn entries(&mut self, node: &'w Node, path: &mut Vec<String>) {
        match &node.value {
            Value::Map(map) => {
                for Entry { key, key_span, value } in &map.entries {
                    path.push(key.clone());
                    if !key.starts_with("x-") && !self.is_named(path, value, &key_span.location()) {
                        self.entries(value, path);
                    }
                    path.pop();
                }
            }
            Value::List(items) => {
                path.push("[]".to_owned());
                for item in items {
                    self.entries(item, path);
                }
                path.pop();
            }
            Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::String(_) => {}
        }
    }

    /// Whether a key is named, and with it all that is below it.
    fn is_named(&mut self, path: &[String], value: &Node, at: &Location) -> bool {
        let Some(row) = row(path) else { return false };
        let service = path.get(1).filter(|_| path[0] == "services").cloned();
        let Native::Named(gap) = row.of(self.kind) else { return false };
        let makes_a_difference = !is_empty(value) && self.holds(&gap, value, service.as_deref());
        if makes_a_difference {
            let key = path.iter().filter(|part| *part != "[]").cloned().collect::<Vec<_>>().join(".");
            let known = |known: &Unhonoured| known.key == key && known.gap == gap;
            // Members of a list are named once.
            if !self.found.iter().any(known) {
                self.found.push(Unhonoured { service, key, gap, at: at.clone() });
            }
        }
        makes_a_difference
    }

    fn holds(&self, gap: &Gap, value: &Node, service: Option<&str>) -> bool {
        let word = value.value.scalar_text().unwrap_or_default();
        let flag =
            |flag: bool| value.value == Value::Bool(flag) || word.eq_ignore_ascii_case(&flag.to_string());
        match gap.when {
            When::Always | When::NoView | When::NoNames => true,
            When::True | When::TrueNoView => !flag(false),
            When::False => flag(false),
            When::Is(words) => words.contains(&word.as_str()),
            When::IsNot(words) => {
                !words.iter().any(|known| word == *known || (known.ends_with(':') && word.starts_with(known)))
            }
            When::Limits => !is_no_limit(value),
            When::Relative => !word.starts_with('/'),
            When::Referred => {
                let names = if word.is_empty() { members(value) } else { vec![word] };
                names.iter().any(|name| Some(name.as_str()) != service && self.is_referred_to(name))
            }
            When::OfContainer => members(value).iter().any(|member| member.starts_with("container:")),
            When::Renames => members(value)
                .iter()
                .any(|link| link.split_once(':').is_some_and(|(service, name)| service != name)),
        }
    }

    /// Whether a command, variable or check of a service has a name as a word of its own.
    fn is_referred_to(&self, name: &str) -> bool {
        let services = self.model.entries_of("services").iter();
        services
            .flat_map(|service| REFERRING.iter().filter_map(|key| service.value.get(key)))
            .any(|node| mentions(node, name))
    }
}

/// The keys of a service in which others are referred to.
const REFERRING: [&str; 4] = ["command", "entrypoint", "environment", "healthcheck"];

fn members(value: &Node) -> Vec<String> {
    value.items().iter().filter_map(|item| item.value.scalar_text()).collect()
}

fn mentions(node: &Node, name: &str) -> bool {
    match &node.value {
        Value::String(text) => text
            .split(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '-' | '.')))
            .any(|word| word == name),
        Value::List(items) => items.iter().any(|item| mentions(item, name)),
        Value::Map(map) => map.entries.iter().any(|entry| mentions(&entry.value, name)),
        Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) => false,
    }
}

/// 0 and -1 are no limits, whatever their unit.
fn is_no_limit(value: &Node) -> bool {
    match &value.value {
        Value::Map(map) => map.entries.iter().all(|entry| is_no_limit(&entry.value)),
        scalar => scalar.scalar_text().is_some_and(|text| {
            let number = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
            number == "-1" || number.parse::<f64>().is_ok_and(|number| number == 0.0)
        }),
    }
}

/// Nothing is said of what says nothing.
fn is_empty(value: &Node) -> bool {
    match &value.value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::List(items) => items.is_empty(),
        Value::Map(map) => map.entries.is_empty(),
        Value::Bool(_) | Value::Int(_) | Value::Float(_) => false,
    }
}

fn row(path: &[String]) -> Option<&'static Row> {
    ROWS.iter().find(|row| {
        let mut parts = row.key.split('.');
        path.iter().all(|part| parts.next().is_some_and(|known| known == "*" || known == part))
            && parts.next().is_none()
    })
}
