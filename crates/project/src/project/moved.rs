//! The ports of an environment that are others than its files say.

use super::Environment;
use crate::Variable;
use crate::stack::{HERE, Moved, instead, led};

impl Environment {
    /// Has it bear names with this end, see [`crate::Stack::set_apart`].
    pub fn set_apart(&mut self, end: &str) {
        self.stack.set_apart(end);
        self.apart = true;
    }

    /// Whether its names and its ports are those that its files say.
    pub fn is_as_its_files_say(&self) -> bool {
        !self.apart && self.moved.is_empty()
    }

    /// Moves published ports, those that were moved before as well, and all variables that lead to them.
    pub fn move_ports(&mut self, moves: &Moved) {
        if moves.is_empty() {
            return;
        }
        self.stack.move_ports(moves);
        let all: Vec<_> = self.variables.iter().map(|(name, one)| (name.to_owned(), one.clone())).collect();
        for (name, variable) in &all {
            // Where they are for services, too, such a port beside the name of one is that one's own.
            let port = if self.for_all { None } else { port_of(name, &variable.value, &all, moves) };
            let value = port.unwrap_or_else(|| led(&variable.value, moves));
            if value != variable.value {
                self.variables.set(name.clone(), value, variable.origin.clone());
            }
        }
        for (from, to) in moves {
            let first = self.moved.iter().find(|(_, moved)| moved.to == *from).map(|(first, _)| *first);
            self.moved.insert(first.unwrap_or(*from), *to);
        }
    }
}

/// The port in the place of a variable's that is nothing but one, unless it is beside a host that is not this machine.
fn port_of(name: &str, value: &str, all: &[(String, Variable)], moves: &Moved) -> Option<String> {
    let stem = name.strip_suffix("PORT")?;
    let port = instead(value.parse().ok()?, moves)?;
    let host = |end: &str| all.iter().find(|(name, _)| *name == format!("{stem}{end}"));
    let is_here = |value: &str| {
        value.is_empty()
            || HERE.iter().any(|here| here.trim_end_matches(':').trim_matches(['[', ']']) == value)
    };
    let is_elsewhere = ["HOST", "HOSTNAME"]
        .iter()
        .filter_map(|end| host(end))
        .any(|(_, variable)| !is_here(&variable.value));
    (!is_elsewhere).then(|| port.to_string())
}
