//! Names and values as SQL.

/// `name` as an SQL identifier that means exactly that name.
pub fn quote_identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// The same in ASCII only: a server that is not told the encoding of what it reads takes it for that of the database.
pub fn identifier_in_any_encoding(name: &str) -> String {
    if name.is_ascii() {
        return quote_identifier(name);
    }
    let escaped: Vec<String> = name
        .chars()
        .map(|c| match c {
            '"' => "\"\"".to_owned(),
            '\\' => r"\\".to_owned(),
            c if c.is_ascii() => c.to_string(),
            c => format!("\\+{:06X}", u32::from(c)),
        })
        .collect();
    format!("U&\"{}\"", escaped.concat())
}

/// `value` as an SQL string, whatever `standard_conforming_strings` is.
pub fn quote_literal(value: &str) -> String {
    let quoted = format!("'{}'", value.replace('\'', "''"));
    if quoted.contains('\\') { format!("E{}", quoted.replace('\\', r"\\")) } else { quoted }
}

#[cfg(test)]
mod tests {
    use super::{identifier_in_any_encoding, quote_identifier, quote_literal};

    #[test]
    fn quotes() {
        assert_eq!(quote_identifier(r#"a"; drop"#), r#""a""; drop""#);
        assert_eq!(identifier_in_any_encoding(r#"a\"b"#), r#""a\""b""#);
        assert_eq!(identifier_in_any_encoding("\"ü\\"), r#"U&"""\+0000FC\\""#);
        assert_eq!(quote_literal("it's"), "'it''s'");
        assert_eq!(quote_literal(r"a\'"), r"E'a\\'''");
    }
}
