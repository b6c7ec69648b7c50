//! Config files of the seed layout: a JSON list of `{"name": …, "value": …}`.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use backlot_compose::check_variable;
use backlot_yaml::{Fault, Problem as YamlProblem, Source, Span};
use serde::de::{Deserializer, MapAccess, Visitor};
use serde::{Deserialize, de};
use serde_json::value::RawValue;

use crate::error::Problem;

const SHAPE_HINT: &str = r#"write a list of objects such as [{"name": "POSTGRES_DB", "value": "postgres"}]"#;

/// One variable of a config file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ConfigVariable {
    pub(crate) name: String,
    pub(crate) value: String,
}

/// Reads a config file's text.
pub(crate) fn read_config(source: &Arc<Source>) -> Result<Vec<ConfigVariable>, Fault<Problem>> {
    let whole: &RawValue =
        serde_json::from_str(&source.text).map_err(|error| syntax_error(source, &error))?;
    let Ok(items) = serde_json::from_str::<Vec<&RawValue>>(whole.get()) else {
        return Err(shape_error(source, whole, "a config file must be a list"));
    };
    let mut variables = Vec::with_capacity(items.len());
    let mut first_lines = HashMap::new();
    for item in items {
        let (variable, name_span) = read_item(source, item)?;
        if let Some(first_line) = first_lines.insert(variable.name.clone(), name_span.line) {
            let problem = Problem::ConfigDuplicate { name: variable.name, first_line };
            return Err(name_span.error(problem).with_hint("keep one of the two"));
        }
        variables.push(variable);
    }
    Ok(variables)
}

fn read_item(source: &Arc<Source>, item: &RawValue) -> Result<(ConfigVariable, Span), Fault<Problem>> {
    let Ok(Fields(fields)) = serde_json::from_str::<Fields<'_>>(item.get()) else {
        return Err(shape_error(source, item, "an entry must be an object with a name and a value"));
    };
    let mut name: Option<&RawValue> = None;
    let mut value: Option<&RawValue> = None;
    for (key, field) in fields {
        let slot = match key.as_str() {
            "name" => &mut name,
            "value" => &mut value,
            _ => continue,
        };
        if let Some(first) = slot.replace(field) {
            let first_line = span_of(source, first).line;
            return Err(span_of(source, field).error(YamlProblem::DuplicateKey { key, first_line }));
        }
    }
    let missing = |key| {
        span_of(source, item)
            .error(YamlProblem::KeyMissing { at: "an entry of a config file".to_owned(), key })
            .with_hint(SHAPE_HINT)
    };
    let name = name.ok_or_else(|| missing("name"))?;
    let value = value.ok_or_else(|| missing("value"))?;
    let name_span = span_of(source, name);
    let name = string(source, name, "a name must be a string")?;
    let text = string(source, value, "a value must be a string")?;
    check_variable(&name, &text, &name_span).map_err(|error| error.map(Problem::Compose))?;
    Ok((ConfigVariable { name, value: text }, name_span))
}

fn string(source: &Arc<Source>, raw: &RawValue, expected: &'static str) -> Result<String, Fault<Problem>> {
    serde_json::from_str(raw.get()).map_err(|_| {
        let error = shape_error(source, raw, expected);
        let is_scalar = !raw.get().starts_with(['{', '[']);
        if is_scalar { error.with_hint(format!("write it in quotes: \"{}\"", raw.get())) } else { error }
    })
}

fn shape_error(source: &Arc<Source>, raw: &RawValue, expected: &'static str) -> Fault<Problem> {
    let found = match raw.get().as_bytes().first() {
        Some(b'{') => "an object",
        Some(b'[') => "a list",
        Some(b'"') => "a string",
        Some(b't' | b'f') => "a boolean",
        Some(b'n') => "null",
        _ => "a number",
    };
    span_of(source, raw).error(Problem::ConfigShape { expected, found }).with_hint(SHAPE_HINT)
}

/// Raw values borrow from the file's text, so their address tells their place.
fn span_of(source: &Arc<Source>, raw: &RawValue) -> Span {
    let start = (raw.get().as_ptr() as usize).saturating_sub(source.text.as_ptr() as usize);
    source.span(start, raw.get().len())
}

fn syntax_error(source: &Arc<Source>, error: &serde_json::Error) -> Fault<Problem> {
    let line_start: usize =
        source.text.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum();
    let full = error.to_string();
    let message = full.split(" at line ").next().unwrap_or(&full).to_owned();
    let problem = Problem::Json { message };
    source.span(line_start + error.column().saturating_sub(1), 1).error(problem)
}

/// The fields of an object in order, repeated ones included.
struct Fields<'t>(Vec<(String, &'t RawValue)>);

impl<'t> Deserialize<'t> for Fields<'t> {
    fn deserialize<D: Deserializer<'t>>(deserializer: D) -> Result<Self, D::Error> {
        struct FieldsVisitor;
        impl<'t> Visitor<'t> for FieldsVisitor {
            type Value = Fields<'t>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'t>>(self, mut map: A) -> Result<Fields<'t>, A::Error> {
                let mut fields = Vec::new();
                while let Some(key) = map.next_key()? {
                    let value = map.next_value().map_err(de::Error::custom)?;
                    fields.push((key, value));
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(FieldsVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::{ConfigVariable, read_config};
    use backlot_yaml::Source;

    type Failure = (&'static str, usize, usize);

    fn read(text: &str) -> Result<Vec<(String, String)>, Failure> {
        let pair = |variable: ConfigVariable| (variable.name, variable.value);
        read_config(&Source::new("/p/config/x.json", text))
            .map(|variables| variables.into_iter().map(pair).collect())
            .map_err(|error| {
                let location = error.location().expect("a place");
                (error.problem().code(), location.line, location.column)
            })
    }

    #[test]
    fn a_list_of_names_and_values_is_read_in_order() {
        let text = r#"[{"name": "B", "value": "2"}, {"value": "ü\n", "name": "A", "note": [1]}]"#;
        let expected = [("B", "2"), ("A", "ü\n")].map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(read(text), Ok(expected.to_vec()));
        assert_eq!(read(" []\n"), Ok(vec![]));
    }

    #[test]
    fn everything_else_is_an_error_with_its_place() {
        let cases = [
            ("", "config-syntax", 1, 1),
            ("[\n  {\"name\": }\n]", "config-syntax", 2, 12),
            ("[] []", "config-syntax", 1, 4),
            ("{\"A\": \"1\"}", "config-shape", 1, 1),
            ("[\n  [\"A\", \"1\"]]", "config-shape", 2, 3),
            ("[{\"name\": \"A\", \"value\": 5432}]", "config-shape", 1, 25),
            ("[{\"name\": 1, \"value\": \"\"}]", "config-shape", 1, 11),
            ("[{\"name\": \"A\"}]", "key-missing", 1, 2),
            ("[{\"value\": \"A\"}]", "key-missing", 1, 2),
            ("[{\"name\": \"A\", \"name\": \"B\", \"value\": \"\"}]", "key-repeated", 1, 24),
            (
                "[{\"name\": \"A\", \"value\": \"\"},\n {\"name\": \"A\", \"value\": \"\"}]",
                "config-duplicate",
                2,
                11,
            ),
            ("[{\"name\": \"\", \"value\": \"\"}]", "variable-name-invalid", 1, 11),
            ("[{\"name\": \"A=B\", \"value\": \"\"}]", "variable-name-invalid", 1, 11),
            ("[{\"name\": \"A\", \"value\": \"\\u0000\"}]", "variable-value-invalid", 1, 11),
        ];
        for (text, code, line, column) in cases {
            assert_eq!(read(text), Err((code, line, column)), "{text}");
        }
    }

    #[test]
    fn a_number_is_told_to_be_quoted() {
        let source = Source::new("/p/f", r#"[{"name": "PORT", "value": 5432}]"#);
        let error = read_config(&source).unwrap_err();
        assert_eq!(error.to_string(), "a value must be a string, but this is a number");
        assert_eq!(error.hint(), Some("write it in quotes: \"5432\""));
    }
}
