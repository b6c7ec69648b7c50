//! Compose's variables in text: `$NAME`, `${NAME}` and `${NAME<operator>word}`, nested, with `$$` for a dollar sign.

use std::collections::{BTreeMap, BTreeSet};

/// Variables by name.
pub type Variables = BTreeMap<String, String>;

/// How deep `${A:-${B:-…}}` may nest.
const MAX_NESTING: usize = 32;
/// The longest result in bytes: nesting must not multiply text without end.
const MAX_RESULT_BYTES: usize = 1024 * 1024;

/// Why a text could not be interpolated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InterpolationError {
    /// A `${` with no name, no closing brace, or an operator that there is not.
    Syntax,
    /// A variable that must be set.
    Required {
        /// Its name.
        variable: String,
        /// What the text says about it.
        message: String,
    },
}

/// Replaces the variables in `text` by what `lookup` gives; names that it does not know are added to `unset`.
///
/// An unset variable is the empty string, as in Compose. A `$` that starts no variable stands for itself.
pub fn interpolate<'v>(
    text: &str,
    lookup: &dyn Fn(&str) -> Option<&'v str>,
    unset: &mut BTreeSet<String>,
) -> Result<String, InterpolationError> {
    let mut interpolator = Interpolator { lookup, unset };
    interpolator.run(text, 0)
}

struct Interpolator<'l, 'v, 'u> {
    lookup: &'l dyn Fn(&str) -> Option<&'v str>,
    unset: &'u mut BTreeSet<String>,
}

impl Interpolator<'_, '_, '_> {
    fn run(&mut self, text: &str, nesting: usize) -> Result<String, InterpolationError> {
        if nesting > MAX_NESTING {
            return Err(InterpolationError::Syntax);
        }
        let mut result = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(index) = rest.find('$') {
            result.push_str(&rest[..index]);
            let after = &rest[index + 1..];
            rest = if let Some(after) = after.strip_prefix('$') {
                result.push('$');
                after
            } else if let Some(after) = after.strip_prefix('{') {
                let end = closing_brace(after).ok_or(InterpolationError::Syntax)?;
                result.push_str(&self.braced(&after[..end], nesting)?);
                &after[end + 1..]
            } else {
                let name = leading_name(after);
                if name.is_empty() {
                    result.push('$');
                } else {
                    result.push_str(self.plain(name));
                }
                &after[name.len()..]
            };
            if result.len() > MAX_RESULT_BYTES {
                return Err(InterpolationError::Syntax);
            }
        }
        result.push_str(rest);
        Ok(result)
    }

    fn plain(&mut self, name: &str) -> &str {
        let value = (self.lookup)(name);
        if value.is_none() {
            self.unset.insert(name.to_owned());
        }
        value.unwrap_or_default()
    }

    /// `inside` is what stands between the braces.
    fn braced(&mut self, inside: &str, nesting: usize) -> Result<String, InterpolationError> {
        let name = leading_name(inside);
        let rest = &inside[name.len()..];
        if name.is_empty() {
            return Err(InterpolationError::Syntax);
        }
        if rest.is_empty() {
            return Ok(self.plain(name).to_owned());
        }
        let (empty_counts_as_unset, rest) = match rest.strip_prefix(':') {
            Some(rest) => (true, rest),
            None => (false, rest),
        };
        let value = (self.lookup)(name);
        let is_set = value.is_some_and(|value| !(empty_counts_as_unset && value.is_empty()));
        let mut operators = rest.chars();
        let operator = operators.next();
        let uses_word = match operator {
            Some('-' | '?') => !is_set,
            Some('+') => is_set,
            _ => return Err(InterpolationError::Syntax),
        };
        if !uses_word {
            return Ok(value.unwrap_or_default().to_owned());
        }
        let word = self.run(operators.as_str(), nesting + 1)?;
        if operator == Some('?') {
            return Err(InterpolationError::Required { variable: name.to_owned(), message: word });
        }
        Ok(word)
    }
}

fn leading_name(text: &str) -> &str {
    let starts_well = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(text.len());
    if starts_well { &text[..end] } else { "" }
}

/// Where the brace that is already open closes; braces in between must be paired.
fn closing_brace(text: &str) -> Option<usize> {
    let mut open = 1_usize;
    for (index, byte) in text.bytes().enumerate() {
        match byte {
            b'{' => open += 1,
            b'}' => open -= 1,
            _ => {}
        }
        if open == 0 {
            return Some(index);
        }
    }
    None
}
