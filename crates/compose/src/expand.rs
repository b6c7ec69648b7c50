//! Puts the variables' values into a file's tree, and makes numbers and booleans of text where Compose does.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use backlot_compose_schema::Path;
use backlot_yaml::{Node, Problem as YamlProblem, Span, Value};

use crate::error::{Error, Problem};
use crate::interpolate::Variables;
use crate::interpolate::{InterpolationError, interpolate};
use crate::missed::Missed;

/// What text becomes once its variables are in.
#[derive(Debug, Clone, Copy)]
enum Cast {
    Whole,
    Number,
    Flag,
}

const CASTS: &[(&str, Cast)] = &[
    ("services.*.configs.[].mode", Cast::Whole),
    ("services.*.cpu_count", Cast::Whole),
    ("services.*.cpu_percent", Cast::Number),
    ("services.*.cpu_period", Cast::Whole),
    ("services.*.cpu_quota", Cast::Whole),
    ("services.*.cpu_rt_period", Cast::Whole),
    ("services.*.cpu_rt_runtime", Cast::Whole),
    ("services.*.cpus", Cast::Number),
    ("services.*.cpu_shares", Cast::Whole),
    ("services.*.init", Cast::Flag),
    ("services.*.deploy.replicas", Cast::Whole),
    ("services.*.deploy.update_config.parallelism", Cast::Whole),
    ("services.*.deploy.update_config.max_failure_ratio", Cast::Number),
    ("services.*.deploy.rollback_config.parallelism", Cast::Whole),
    ("services.*.deploy.rollback_config.max_failure_ratio", Cast::Number),
    ("services.*.deploy.restart_policy.max_attempts", Cast::Whole),
    ("services.*.deploy.placement.max_replicas_per_node", Cast::Whole),
    ("services.*.healthcheck.retries", Cast::Whole),
    ("services.*.healthcheck.disable", Cast::Flag),
    ("services.*.oom_kill_disable", Cast::Flag),
    ("services.*.oom_score_adj", Cast::Whole),
    ("services.*.pids_limit", Cast::Whole),
    ("services.*.ports.[].target", Cast::Whole),
    ("services.*.privileged", Cast::Flag),
    ("services.*.read_only", Cast::Flag),
    ("services.*.scale", Cast::Whole),
    ("services.*.secrets.[].mode", Cast::Whole),
    ("services.*.stdin_open", Cast::Flag),
    ("services.*.tty", Cast::Flag),
    ("services.*.ulimits.*", Cast::Whole),
    ("services.*.ulimits.*.hard", Cast::Whole),
    ("services.*.ulimits.*.soft", Cast::Whole),
    ("services.*.volumes.[].read_only", Cast::Flag),
    ("services.*.volumes.[].volume.nocopy", Cast::Flag),
    ("networks.*.external", Cast::Flag),
    ("networks.*.internal", Cast::Flag),
    ("networks.*.attachable", Cast::Flag),
    ("networks.*.enable_ipv4", Cast::Flag),
    ("networks.*.enable_ipv6", Cast::Flag),
    ("volumes.*.external", Cast::Flag),
    ("secrets.*.external", Cast::Flag),
    ("configs.*.external", Cast::Flag),
];

/// How many bytes all texts of a file may have with their variables in: a large variable is soon used too often.
const MAX_EXPANDED_BYTES: usize = 16 * 1024 * 1024;

/// As many faults are told of a project's texts.
const MAX_FAULTS: usize = 100;

/// What an expansion knows and finds out.
pub(crate) struct Expansion<'e> {
    pub(crate) variables: &'e Variables,
    /// The names that texts refer to and nobody sets.
    pub(crate) unset: &'e mut BTreeMap<String, Option<Span>>,
    /// The same, and those that have a default.
    pub(crate) missed: &'e mut Missed,
    pub(crate) bytes: usize,
    /// What is wrong with texts. Variables that have to be set and are not have their names in the place of values from there on.
    pub(crate) faults: &'e mut Vec<Error>,
}

impl Expansion<'_> {
    /// Something is wrong with a text. Many are told, but not without end.
    fn fault(&mut self, fault: Error) {
        if self.faults.len() < MAX_FAULTS {
            self.faults.push(fault);
        }
    }
}

/// Replaces variables in every text of a tree. Keys are left alone.
pub(crate) fn expand(node: &mut Node, path: &Path<'_>, with: &mut Expansion<'_>) -> Result<(), Error> {
    match &mut node.value {
        Value::Map(map) => {
            map.entries.iter_mut().try_for_each(|e| expand(&mut e.value, &path.key(&e.key), with))
        }
        Value::List(items) => {
            items.iter_mut().enumerate().try_for_each(|(i, item)| expand(item, &path.index(i), with))
        }
        Value::String(text) => {
            let Some(expanded) = with_values(text, &node.span, with) else { return Ok(()) };
            with.bytes += expanded.len();
            if with.bytes > MAX_EXPANDED_BYTES {
                return Err(node.span.error(Problem::TooMuchText { limit: MAX_EXPANDED_BYTES }));
            }
            match path.find(CASTS).map(|cast| (cast, apply(cast, &expanded))) {
                None => node.value = Value::String(expanded),
                Some((_, Some(value))) => node.value = value,
                Some((cast, None)) => {
                    let expected = match cast {
                        Cast::Whole => "an integer",
                        Cast::Number => "a number",
                        Cast::Flag => "true or false",
                    };
                    let problem = YamlProblem::Cast { at: path.to_string(), expected, value: expanded };
                    with.fault(node.span.error(problem));
                }
            }
            Ok(())
        }
        Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) => Ok(()),
    }
}

/// A text with its variables in; none, with a fault, where it cannot be understood.
fn with_values(text: &str, span: &Span, with: &mut Expansion<'_>) -> Option<String> {
    let mut stand_ins = Variables::new();
    loop {
        let (missed, mut unset) = (RefCell::new(&mut *with.missed), BTreeSet::new());
        let lookup = |name: &str| {
            let value =
                with.variables.get(name).map(String::as_str).filter(|_| !stand_ins.contains_key(name));
            if value.is_none() {
                missed.borrow_mut().add(name, span);
            }
            value.or_else(|| stand_ins.get(name).map(String::as_str))
        };
        match interpolate(text, &lookup, &mut unset) {
            Ok(expanded) => {
                for name in unset {
                    with.unset.entry(name).or_insert_with(|| Some(span.clone()));
                }
                return Some(expanded);
            }
            Err(InterpolationError::Syntax) => {
                let problem = Problem::Interpolation { template: text.to_owned() };
                with.fault(span.error(problem).with_hint(
                    "write $$ for a dollar sign; a variable is $NAME, ${NAME} or, with a default, ${NAME:-default}",
                ));
                return None;
            }
            Err(InterpolationError::Required { variable, message }) => {
                stand_ins.insert(variable.clone(), variable.clone());
                let hint = format!("set {variable} in the environment or in its config file");
                let error = span.error(Problem::VariableRequired { variable, message });
                with.fault(error.with_hint(hint));
            }
        }
    }
}

fn apply(cast: Cast, text: &str) -> Option<Value> {
    match cast {
        Cast::Whole => text.parse::<i64>().ok().map(|number| Value::Int(number.into())),
        Cast::Number => text.parse().ok().filter(|number: &f64| number.is_finite()).map(Value::Float),
        Cast::Flag => truth(text).map(Value::Bool),
    }
}

/// A boolean written as text.
pub(crate) fn truth(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "y" | "yes" | "on" => Some(true),
        "false" | "n" | "no" | "off" => Some(false),
        _ => None,
    }
}
