//! Which variables hold secrets, and how their values are shown.

use std::borrow::Cow;

/// What stands in for a secret.
pub const MASK: &str = "••••";

/// Says whether a variable's name tells that its value is a secret.
pub fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    ["PASSWORD", "PASSWD", "SECRET", "TOKEN", "CREDENTIAL"].iter().any(|word| name.contains(word))
        || name.ends_with("_KEY")
        || name == "DSN"
        || name.ends_with("_DSN")
}

/// Gives a variable's value as it may be shown: masked when the name is secret, and without the password when the value
/// is a URL that carries one.
pub fn mask<'v>(name: &str, value: &'v str) -> Cow<'v, str> {
    let _ = (name, value);
    todo!()
}
