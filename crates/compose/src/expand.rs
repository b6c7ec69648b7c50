//! Puts the variables' values into a file's tree, and makes numbers and booleans of text where Compose does.

use std::cell::RefCell;
use std::collections::BTreeSet;

use backlot_compose_schema::Path;
use backlot_yaml::{Node, Problem as YamlProblem, Value};

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

/// What an expansion knows and finds out.
pub(crate) struct Expansion<'e> {
    pub(crate) variables: &'e Variables,
    /// The names that texts refer to and nobody sets.
    pub(crate) unset: &'e mut BTreeSet<String>,
    /// The same, and those that have a default.
    pub(crate) missed: &'e mut Missed,
    pub(crate) bytes: usize,
    /// Variables that have to be set and are not.
    pub(crate) faults: Vec<Error>,
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
            let missed = RefCell::new(&mut *with.missed);
            let lookup = |name: &str| {
                let value = with.variables.get(name).map(String::as_str);
                if value.is_none() {
                    missed.borrow_mut().add(name, &node.span);
                }
                value
            };
            let result = interpolate(text, &lookup, with.unset);
            let expanded = match result {
                Ok(expanded) => expanded,
                Err(InterpolationError::Syntax) => {
                    let problem = Problem::Interpolation { template: text.clone() };
                    return Err(node.span.error(problem).with_hint(
                        "write $$ for a dollar sign; a variable is $NAME, ${NAME} or, with a default, ${NAME:-default}",
                    ));
                }
                Err(InterpolationError::Required { variable, message }) => {
                    let hint = format!("set {variable} in the environment or in its config file");
                    let error = node.span.error(Problem::VariableRequired { variable, message });
                    with.faults.push(error.with_hint(hint));
                    return Ok(());
                }
            };
            with.bytes += expanded.len();
            if with.bytes > MAX_EXPANDED_BYTES {
                return Err(node.span.error(Problem::TooMuchText { limit: MAX_EXPANDED_BYTES }));
            }
            node.value = match path.find(CASTS) {
                None => Value::String(expanded),
                Some(cast) => apply(cast, &expanded).ok_or_else(|| {
                    let expected = match cast {
                        Cast::Whole => "an integer",
                        Cast::Number => "a number",
                        Cast::Flag => "true or false",
                    };
                    node.span.error(YamlProblem::Cast { at: path.to_string(), expected, value: expanded })
                })?,
            };
            Ok(())
        }
        Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) => Ok(()),
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
