//! The words and operators of a line of a shell.

/// Operators, longer ones first.
const OPERATORS: [&str; 11] = ["&&", "||", ";;", "|&", ";", "|", "&", "(", ")", "\n", "\r"];
/// What leads elsewhere, longer ones first.
const REDIRECTS: [&str; 10] = ["&>>", "&>", "<<<", "<<", "<&", ">>", ">&", ">|", "<", ">"];

/// A part of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    /// A word as it is written, with its quotes.
    Word(String),
    /// What joins commands.
    Operator(&'static str),
    /// What leads a stream elsewhere: the next word.
    Redirect(&'static str),
}

/// `NAME() { …; }`
#[derive(Debug)]
pub(super) struct Function<'t> {
    pub(super) name: &'t str,
    /// What it runs.
    pub(super) body: &'t [Token],
    /// What follows it.
    pub(super) after: &'t [Token],
}

/// The function that begins a line.
pub(super) fn function(tokens: &[Token]) -> Option<Function<'_>> {
    let (name, rest) = match tokens {
        [Token::Word(name), Token::Operator("("), Token::Operator(")"), rest @ ..] => (name, rest),
        [Token::Word(word), Token::Word(name), rest @ ..] if word == "function" => {
            let empty = [Token::Operator("("), Token::Operator(")")];
            (name, rest.strip_prefix(&empty).unwrap_or(rest))
        }
        _ => return None,
    };
    let lines = rest.iter().take_while(|token| matches!(token, Token::Operator("\n" | "\r"))).count();
    let body = rest.get(lines..)?;
    let mut depth = 0;
    for (at, token) in body.iter().enumerate() {
        match token {
            Token::Word(word) if word == "{" => depth += 1,
            Token::Word(word) if word == "}" => depth -= 1,
            Token::Word(_) | Token::Operator(_) | Token::Redirect(_) => {}
        }
        if depth == 0 {
            return (at > 0).then(|| Function { name, body: &body[1..at], after: &body[at + 1..] });
        }
    }
    None
}

/// The parts of a line.
pub(super) fn tokens(text: &str) -> Vec<Token> {
    let mut all = Vec::new();
    let mut word = String::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if c == '#' && word.is_empty() {
            rest = rest.find('\n').map_or("", |end| &rest[end..]);
            continue;
        }
        if let Some(after) = rest.strip_prefix("\\\n") {
            rest = after;
            continue;
        }
        if let Some(redirect) = REDIRECTS.iter().find(|redirect| rest.starts_with(**redirect)) {
            // `2>`: another stream than what it prints.
            let is_number = !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit());
            let number = if is_number { std::mem::take(&mut word) } else { String::new() };
            take(&mut word, &mut all);
            all.push(Token::Redirect(if matches!(number.as_str(), "" | "1") { redirect } else { "<" }));
            rest = &rest[redirect.len()..];
        } else if let Some(operator) = OPERATORS.iter().find(|operator| rest.starts_with(**operator)) {
            take(&mut word, &mut all);
            all.push(Token::Operator(operator));
            rest = &rest[operator.len()..];
        } else if c.is_whitespace() {
            take(&mut word, &mut all);
            rest = &rest[c.len_utf8()..];
        } else {
            let length = part(rest);
            word.push_str(&rest[..length]);
            rest = &rest[length..];
        }
    }
    take(&mut word, &mut all);
    all
}

fn take(word: &mut String, all: &mut Vec<Token>) {
    if !word.is_empty() {
        all.push(Token::Word(std::mem::take(word)));
    }
}

/// How many bytes at the beginning belong together: what is quoted, escaped or put in, else a character.
fn part(text: &str) -> usize {
    let first = text.chars().next().map_or(0, char::len_utf8);
    let inner =
        |open: usize, end: fn(&str) -> Option<usize>| end(&text[open..]).map_or(text.len(), |at| open + at);
    match text.as_bytes() {
        [b'\\', ..] => text.char_indices().nth(2).map_or(text.len(), |(at, _)| at),
        [b'\'', ..] => inner(1, |rest| rest.find('\'').map(|at| at + 1)),
        [b'`', ..] => inner(1, |rest| rest.find('`').map(|at| at + 1)),
        [b'"', ..] => inner(1, |rest| closing(rest, 0, b'"')),
        [b'$', b'(', ..] => inner(2, |rest| closing(rest, b'(', b')')),
        [b'$', b'{', ..] => inner(2, |rest| closing(rest, b'{', b'}')),
        _ => first,
    }
}

/// Where what is open closes, as the byte after that.
fn closing(text: &str, open: u8, close: u8) -> Option<usize> {
    let (mut depth, mut escaped) = (1, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            byte if byte == close => {
                depth -= 1;
                if depth == 0 {
                    return Some(at + 1);
                }
            }
            byte if byte == open => depth += 1,
            _ => {}
        }
    }
    None
}
