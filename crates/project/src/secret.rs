//! Which variables hold secrets, and how their values are shown.

use std::borrow::Cow;

/// What stands in for a secret.
pub const MASK: &str = "••••";

/// Says whether a variable's name tells that its value is a secret.
pub fn is_secret(name: &str) -> bool {
    const ANYWHERE: [&str; 6] = ["PASSWORD", "PASSWD", "PASSPHRASE", "SECRET", "TOKEN", "CREDENTIAL"];
    let name = name.to_ascii_uppercase();
    let last_word = name.rsplit(['_', '-', '.']).next().unwrap_or_default();
    ANYWHERE.iter().any(|word| name.contains(word))
        || (last_word == "KEY" && name != "KEY")
        || name.ends_with("APIKEY")
        || last_word == "DSN"
        || last_word == "PWD" && name != "PWD" && name != "OLDPWD"
}

/// Gives a variable's value as it may be shown: masked when the name is secret, else without the passwords of URLs in it.
pub fn mask<'v>(name: &str, value: &'v str) -> Cow<'v, str> {
    if value.is_empty() {
        return Cow::Borrowed(value);
    }
    if is_secret(name) { Cow::Borrowed(MASK) } else { mask_urls(value) }
}

/// Masks the password in every `scheme://user:password@` of a text.
fn mask_urls(value: &str) -> Cow<'_, str> {
    let mut shown = String::new();
    let mut rest = value;
    while let Some(index) = rest.find("://") {
        let (before, after) = rest.split_at(index + 3);
        let authority_end = after.find(['/', '?', '#', ' ', '"', '\'']).unwrap_or(after.len());
        let authority = &after[..authority_end];
        // A password with a `/` in it is wrong, but it is still a password: without a port before the `/`, look further.
        let has_port =
            authority.rsplit(':').next().is_some_and(|port| port.bytes().all(|b| b.is_ascii_digit()));
        let at = authority.rfind('@').or_else(|| if has_port { None } else { after.find('@') });
        let password = at.and_then(|at| after[..at].find(':').map(|colon| (colon + 1, at)));
        shown.push_str(before);
        rest = after;
        if let Some((start, end)) = password.filter(|(start, end)| start < end) {
            shown.push_str(&after[..start]);
            shown.push_str(MASK);
            rest = &after[end..];
        }
    }
    if shown.is_empty() {
        return Cow::Borrowed(value);
    }
    shown.push_str(rest);
    Cow::Owned(shown)
}

#[cfg(test)]
mod tests {
    use super::{MASK, is_secret, mask};

    #[test]
    fn names_tell_secrets() {
        for name in [
            "POSTGRES_PASSWORD",
            "db_passwd",
            "SECRET_KEY",
            "AWS_ACCESS_KEY",
            "TOKEN",
            "SENTRY_DSN",
            "PGCREDENTIALS",
        ] {
            assert!(is_secret(name), "{name}");
        }
        for name in ["POSTGRES_USER", "KEYBOARD", "MONKEY", "PWD", "APPLICATION_DB", "DATABASE_URL", "KEY"] {
            assert!(!is_secret(name), "{name}");
        }
    }

    #[test]
    fn only_the_secret_part_is_masked() {
        let cases = [
            ("POSTGRES_PASSWORD", "hunter2", MASK.to_owned()),
            ("POSTGRES_PASSWORD", "", String::new()),
            ("DATABASE_URL", "postgresql://u:hunter2@h:5432/d", format!("postgresql://u:{MASK}@h:5432/d")),
            ("DATABASE_URL", "postgresql://u@h:5432/d", "postgresql://u@h:5432/d".to_owned()),
            ("URL", "http://localhost:80/a@b", "http://localhost:80/a@b".to_owned()),
            ("X", "a://u:p@h b://u:p@q@h/x", format!("a://u:{MASK}@h b://u:{MASK}@h/x")),
            ("X", "plain", "plain".to_owned()),
        ];
        for (name, value, shown) in cases {
            assert_eq!(mask(name, value), shown, "{name}={value}");
        }
    }
}
