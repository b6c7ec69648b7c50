//! What a plain scalar means: the rules of `yaml.v3`.

use crate::node::Value;

/// Resolves a scalar without quotes and without a tag.
pub(crate) fn resolve_plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" => return Value::Bool(true),
        "false" | "False" | "FALSE" => return Value::Bool(false),
        ".nan" | ".NaN" | ".NAN" => return Value::Float(f64::NAN),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => return Value::Float(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => return Value::Float(f64::NEG_INFINITY),
        _ => {}
    }
    let starts_a_number = text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.'));
    if !starts_a_number {
        return Value::String(text.to_owned());
    }
    if let Some(number) = integer(text) {
        return Value::Int(number);
    }
    match float(text) {
        Some(number) => Value::Float(number),
        None => Value::String(text.to_owned()),
    }
}

/// Resolves a scalar with a tag of YAML's core schema, such as `!!str`; `None` when it does not fit the tag.
pub(crate) fn resolve_tagged(text: &str, tag: &str) -> Option<Value> {
    match tag {
        "str" => Some(Value::String(text.to_owned())),
        "int" => integer(text).map(Value::Int),
        "float" => float(text).map(Value::Float),
        "bool" | "null" => {
            let value = resolve_plain(text);
            let fits = matches!((tag, &value), ("bool", Value::Bool(_)) | ("null", Value::Null));
            fits.then_some(value)
        }
        // Bytes are no value of ours.
        "binary" => None,
        _ => Some(resolve_plain(text)),
    }
}

/// From -2⁶³ to 2⁶⁴-1: decimal, `0x`, `0o`, `0b`, and the older octal with a leading zero; `_` between digits.
fn integer(text: &str) -> Option<i128> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    if !digits.starts_with(|c: char| c.is_ascii_digit()) || digits.ends_with('_') {
        return None;
    }
    let (radix, digits) = match digits.as_bytes() {
        [b'0', b'x' | b'X', ..] => (16, &digits[2..]),
        [b'0', b'o' | b'O', ..] => (8, &digits[2..]),
        [b'0', b'b' | b'B', ..] => (2, &digits[2..]),
        [b'0', _, ..] => (8, &digits[1..]),
        _ => (10, digits),
    };
    let digits = digits.replace('_', "");
    if !digits.starts_with(|c: char| c.is_ascii_hexdigit()) {
        return None;
    }
    let magnitude = i128::from_str_radix(&digits, radix).ok()?;
    let number = if negative { -magnitude } else { magnitude };
    (i128::from(i64::MIN)..=i128::from(u64::MAX)).contains(&number).then_some(number)
}

fn float(text: &str) -> Option<f64> {
    let text = text.replace('_', "");
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(&text);
    let (mantissa, exponent) = match unsigned.find(['e', 'E']) {
        Some(index) => (&unsigned[..index], Some(&unsigned[index + 1..])),
        None => (unsigned, None),
    };
    let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let mantissa_fits =
        all_digits(whole) && all_digits(fraction) && !(whole.is_empty() && fraction.is_empty());
    let exponent_fits = exponent.is_none_or(|exponent| {
        let digits = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
        !digits.is_empty() && all_digits(digits)
    });
    if mantissa_fits && exponent_fits { text.parse().ok() } else { None }
}

/// A float in the shortest form, with an exponent below 1e-4 and from 1e21 on, as Go programs write it.
pub(crate) fn format_float(number: f64) -> String {
    if number.is_nan() {
        return "NaN".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    let magnitude = number.abs();
    if magnitude != 0.0 && !(1e-4..1e21).contains(&magnitude) {
        let text = format!("{number:e}");
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let (sign, digits) = match exponent.strip_prefix('-') {
            Some(digits) => ('-', digits),
            None => ('+', exponent),
        };
        return format!("{mantissa}e{sign}{digits:0>2}");
    }
    format!("{number}")
}

#[cfg(test)]
mod tests {
    use super::{Value, format_float, resolve_plain, resolve_tagged};

    #[test]
    fn plain_scalars_mean_what_compose_takes_them_for() {
        let string = |text: &str| Value::String(text.to_owned());
        let cases = [
            ("", Value::Null),
            ("~", Value::Null),
            ("true", Value::Bool(true)),
            ("FALSE", Value::Bool(false)),
            ("yes", string("yes")),
            ("on", string("on")),
            ("0", Value::Int(0)),
            ("-12", Value::Int(-12)),
            ("1_000", Value::Int(1000)),
            ("0644", Value::Int(420)),
            ("0o644", Value::Int(420)),
            ("0x1F", Value::Int(31)),
            ("0b101", Value::Int(5)),
            ("08", Value::Float(8.0)),
            ("1.5", Value::Float(1.5)),
            ("1e3", Value::Float(1000.0)),
            (".5", Value::Float(0.5)),
            ("1.2.3", string("1.2.3")),
            ("22:22", string("22:22")),
            ("-", string("-")),
            (".", string(".")),
            ("1_", Value::Float(1.0)),
            ("0x", string("0x")),
            ("+", string("+")),
            ("18446744073709551615", Value::Int(18_446_744_073_709_551_615)),
            ("18446744073709551616", Value::Float(18_446_744_073_709_551_616.0)),
        ];
        for (text, value) in cases {
            assert_eq!(resolve_plain(text), value, "{text:?}");
        }
    }

    #[test]
    fn a_tag_decides() {
        assert_eq!(resolve_tagged("12", "str"), Some(Value::String("12".to_owned())));
        assert_eq!(resolve_tagged("12", "int"), Some(Value::Int(12)));
        assert_eq!(resolve_tagged("1", "float"), Some(Value::Float(1.0)));
        assert_eq!(resolve_tagged("x", "int"), None);
        assert_eq!(resolve_tagged("x", "bool"), None);
    }

    #[test]
    fn floats_are_written_short() {
        let written: Vec<String> =
            [0.5, 100.0, 1e20, 1e21, 1e-5, 0.0, -2.5, f64::NAN].into_iter().map(format_float).collect();
        assert_eq!(written, ["0.5", "100", "100000000000000000000", "1e+21", "1e-05", "0", "-2.5", "NaN"]);
    }
}
