//! Names and values as SQL.

/// `name` as an SQL identifier that means exactly that name.
pub fn quote_identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// `value` as an SQL string, whatever `standard_conforming_strings` is.
pub fn quote_literal(value: &str) -> String {
    let quoted = format!("'{}'", value.replace('\'', "''"));
    if quoted.contains('\\') { format!("E{}", quoted.replace('\\', r"\\")) } else { quoted }
}

#[cfg(test)]
mod tests {
    use super::{quote_identifier, quote_literal};

    #[test]
    fn quotes() {
        assert_eq!(quote_identifier(r#"a"; drop"#), r#""a""; drop""#);
        assert_eq!(quote_literal("it's"), "'it''s'");
        assert_eq!(quote_literal(r"a\'"), r"E'a\\'''");
    }
}
