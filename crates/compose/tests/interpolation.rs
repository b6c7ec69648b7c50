//! Variables in texts.

use std::collections::BTreeSet;

use backlot_compose::{InterpolationError, interpolate};

fn run(text: &str) -> Result<String, InterpolationError> {
    let lookup = |name: &str| match name {
        "SET" => Some("value"),
        "EMPTY" => Some(""),
        "OTHER" => Some("other"),
        _ => None,
    };
    interpolate(text, &lookup, &mut BTreeSet::new())
}

#[test]
fn every_form() {
    let cases = [
        ("no variable", "no variable"),
        ("$SET and ${SET}", "value and value"),
        ("$SETS$SET-x", "value-x"),
        ("a$$b $${SET} $$$SET", "a$b ${SET} $value"),
        ("${UNSET}|$UNSET|", "||"),
        ("${SET:-d} ${EMPTY:-d} ${UNSET:-d}", "value d d"),
        ("${SET-d} ${EMPTY-d} ${UNSET-d}", "value  d"),
        ("${SET:+a} ${EMPTY:+a} ${UNSET:+a}", "a  "),
        ("${SET+a} ${EMPTY+a} ${UNSET+a}", "a a "),
        ("${SET:?e} ${SET?e} ${EMPTY?e}", "value value "),
        ("${UNSET:-${EMPTY:-${OTHER}}}", "other"),
        ("${UNSET:-a-b:c?d+e}", "a-b:c?d+e"),
        ("${UNSET:-{\"k\": \"v\"}}", "{\"k\": \"v\"}"),
        ("${UNSET:-$$x}", "$x"),
        ("100$ $1 $ $", "100$ $1 $ $"),
        ("${set}${Set}", ""),
    ];
    for (text, expected) in cases {
        assert_eq!(run(text).as_deref(), Ok(expected), "{text:?}");
    }
}

#[test]
fn what_cannot_be_understood_is_an_error() {
    for text in
        ["${", "${}", "${SET", "${1}", "${SET!}", "${SET:}", "${SET:=x}", "${ SET}", "a ${SET:-${OTHER}"]
    {
        assert_eq!(run(text), Err(InterpolationError::Syntax), "{text:?}");
    }
}

#[test]
fn a_required_variable_brings_its_message() {
    let required = |variable: &str, message: &str| {
        Err(InterpolationError::Required { variable: variable.to_owned(), message: message.to_owned() })
    };
    assert_eq!(run("${UNSET:?set me to ${OTHER}}"), required("UNSET", "set me to other"));
    assert_eq!(run("${EMPTY:?}"), required("EMPTY", ""));
    assert_eq!(run("${UNSET?x}"), required("UNSET", "x"));
}

#[test]
fn nesting_has_a_limit() {
    let text = format!("{}x{}", "${UNSET:-".repeat(1000), "}".repeat(1000));
    assert_eq!(run(&text), Err(InterpolationError::Syntax));
}

#[test]
fn unset_names_are_told() {
    let mut unset = BTreeSet::new();
    let _ = interpolate("$A ${B} ${C:-x} ${D+x}", &|_| None, &mut unset);
    assert_eq!(unset.into_iter().collect::<Vec<_>>(), ["A", "B"]);
}
