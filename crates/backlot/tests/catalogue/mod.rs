//! The sentences of a source file.

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{Visit, visit_expr_method_call, visit_item_mod};
use syn::{Attribute, Expr, ExprLit, ExprMethodCall, ItemMod, Lit, Macro};

/// What a text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// What an error says: `#[error("…")]`.
    Error,
    /// Any other.
    Said,
}

/// A text that somebody may read.
#[derive(Debug)]
pub(crate) struct Text {
    pub(crate) kind: Kind,
    /// With samples in the place of what is filled in.
    pub(crate) rendered: String,
}

/// The texts of a file, in its order.
pub(crate) fn texts(file: &syn::File) -> Vec<Text> {
    let mut finder = Finder::default();
    finder.visit_file(file);
    finder.found
}

#[derive(Default)]
struct Finder {
    found: Vec<Text>,
}

/// Macros and methods whose texts are for whoever works on the code.
const OF_THE_CODE: &[&str] = &[
    "panic",
    "assert",
    "assert_eq",
    "assert_ne",
    "debug_assert",
    "debug_assert_eq",
    "unreachable",
    "include_str",
    "concat",
    "env",
    "matches",
    "expect",
];

impl Finder {
    fn add(&mut self, kind: Kind, text: &str, arguments: &[String]) {
        if kind == Kind::Error || is_sentence(text) {
            self.found.push(Text { kind, rendered: rendered(text, arguments) });
        }
    }

    /// The texts of a macro's or an attribute's arguments: the first one is filled in with those after it.
    fn add_tokens(&mut self, kind: Kind, tokens: &TokenStream) {
        let parts = split(tokens);
        let is_text =
            |part: &Vec<TokenTree>| matches!(&part[..], [TokenTree::Literal(one)] if string(one).is_some());
        let Some(at) = parts.iter().position(is_text) else { return self.nested(tokens) };
        let TokenTree::Literal(literal) = &parts[at][0] else { return };
        let arguments: Vec<String> = parts[at + 1..].iter().map(|part| name_of(part)).collect();
        self.add(kind, &string(literal).unwrap_or_default(), &arguments);
        for part in parts.iter().enumerate().filter(|(number, _)| *number != at).map(|(_, part)| part) {
            self.nested(&part.iter().cloned().collect());
        }
    }

    /// What stands in tokens as an expression, or as several.
    fn nested(&mut self, tokens: &TokenStream) {
        for part in split(tokens) {
            if let Ok(expression) = syn::parse2::<Expr>(part.into_iter().collect()) {
                self.visit_expr(&expression);
            }
        }
    }
}

impl<'a> Visit<'a> for Finder {
    fn visit_attribute(&mut self, attribute: &'a Attribute) {
        // Those of clap are in docs/verbs.md, and documentation is for readers of the code.
        if let (true, Ok(list)) = (attribute.path().is_ident("error"), attribute.meta.require_list()) {
            self.add_tokens(Kind::Error, &list.tokens);
        }
    }

    fn visit_item_mod(&mut self, module: &'a ItemMod) {
        let is_test = |one: &Attribute| {
            one.path().is_ident("cfg")
                && one.meta.require_list().is_ok_and(|list| list.tokens.to_string() == "test")
        };
        if !module.attrs.iter().any(is_test) {
            visit_item_mod(self, module);
        }
    }

    fn visit_macro(&mut self, found: &'a Macro) {
        let name = found.path.segments.last().map(|last| last.ident.to_string()).unwrap_or_default();
        if OF_THE_CODE.contains(&name.as_str()) {
            return;
        }
        self.add_tokens(Kind::Said, &found.tokens);
    }

    fn visit_expr_method_call(&mut self, call: &'a ExprMethodCall) {
        if OF_THE_CODE.contains(&call.method.to_string().as_str()) {
            return self.visit_expr(&call.receiver);
        }
        visit_expr_method_call(self, call);
    }

    fn visit_expr_lit(&mut self, literal: &'a ExprLit) {
        if let Lit::Str(text) = &literal.lit {
            self.add(Kind::Said, &text.value(), &[]);
        }
    }
}

/// Whether a text is one to be read: words that no program has as they are.
fn is_sentence(text: &str) -> bool {
    let is_code =
        ["SELECT ", "CREATE ", "DROP ", "ALTER ", "INSERT ", "#!/", "\\set", "import ", "COPY ", "WITH "]
            .iter()
            .any(|start| text.trim_start().starts_with(start));
    let words = text
        .split_whitespace()
        .filter(|word| word.len() > 1 && word.chars().all(|c| c.is_alphabetic() || ",:;'’".contains(c)));
    !is_code && words.count() > 1
}

/// Tokens between commas.
fn split(tokens: &TokenStream) -> Vec<Vec<TokenTree>> {
    let mut parts = vec![Vec::new()];
    for token in tokens.clone() {
        match &token {
            TokenTree::Punct(punct) if punct.as_char() == ',' => parts.push(Vec::new()),
            _ => parts.last_mut().unwrap().push(token),
        }
    }
    parts.retain(|part| !part.is_empty());
    parts
}

fn string(literal: &proc_macro2::Literal) -> Option<String> {
    syn::parse_str::<syn::LitStr>(&literal.to_string()).ok().map(|text| text.value())
}

/// What an argument is about: the name before `=`, or the first of its own.
fn name_of(part: &[TokenTree]) -> String {
    let mut words = part
        .iter()
        .filter_map(|token| if let TokenTree::Ident(word) = token { Some(word.to_string()) } else { None });
    words
        .find(|word| {
            !["self", "self_", "Self", "crate", "super", "mut", "if", "match"].contains(&word.as_str())
        })
        .unwrap_or_else(|| "text".into())
}

/// What is filled in, by its name.
const SAMPLES: &[(&str, &str)] = &[
    ("path", "/home/me/shop/compose.yaml"),
    ("file", "/home/me/shop/compose.yaml"),
    ("folder", "/home/me/shop/data"),
    ("dir", "/home/me/shop"),
    ("directory", "/home/me/shop"),
    ("place", "compose.yaml:6:3"),
    ("service", "web"),
    ("services", "web, worker"),
    ("name", "users"),
    ("environment", "development"),
    ("scenario", "users"),
    ("database", "application"),
    ("databases", "application"),
    ("user", "postgres"),
    ("volume", "pgdata"),
    ("port", "8080"),
    ("address", "127.0.0.1:8080"),
    ("pid", "4711"),
    ("code", "3"),
    ("image", "postgres:16"),
    ("program", "gunicorn"),
    ("command", "gunicorn wsgi:app"),
    ("major", "16"),
    ("wanted", "16"),
    ("found", "15"),
    ("version", "16.4"),
    ("limit", "10"),
    ("seconds", "10"),
    ("waited", "10"),
    ("key", "ports"),
    ("value", "often"),
    ("variable", "POSTGRES_PORT"),
    ("line", "6"),
    ("column", "3"),
    ("count", "3"),
    ("signal", "SIGTERM"),
    ("reason", "no such file"),
    ("error", "no such file"),
    ("source", "no such file"),
    ("engine", "docker"),
    ("table", "users"),
    ("said", "pip install -r requirements.txt"),
    ("tool", "pip"),
    ("package", "flask"),
    ("scenarios", "users"),
    ("word", "usres"),
];

/// A format's text with samples in the place of what is filled in; any other text is as it is.
fn rendered(text: &str, arguments: &[String]) -> String {
    let (mut out, mut rest, mut next) = (String::new(), text, 0);
    while let Some(at) = rest.find(['{', '}']) {
        out.push_str(&rest[..at]);
        let (open, after) = rest[at..].split_at(1);
        if after.starts_with(open) {
            out.push_str(open);
            rest = &after[1..];
            continue;
        }
        let Some((inside, after)) =
            after.split_once('}').filter(|(inside, _)| open == "{" && is_placeholder(inside))
        else {
            out.push_str(open);
            rest = after;
            continue;
        };
        let (name, form) = inside.split_once(':').unwrap_or((inside, ""));
        let name = if name.is_empty() {
            next += 1;
            arguments.get(next - 1).cloned().unwrap_or_else(|| "text".into())
        } else if let Ok(number) = name.parse::<usize>() {
            arguments.get(number).cloned().unwrap_or_else(|| "text".into())
        } else {
            name.trim_start_matches("r#").to_owned()
        };
        let sample = SAMPLES
            .iter()
            .find(|(known, _)| *known == name)
            .map_or_else(|| format!("‹{name}›"), |(_, sample)| (*sample).to_owned());
        let is_quoted = form.contains('?') && sample.parse::<f64>().is_err();
        let sample = if is_quoted { format!("{sample:?}") } else { sample };
        out.push_str(&sample);
        rest = after;
    }
    out.push_str(rest);
    out
}

fn is_placeholder(inside: &str) -> bool {
    let (name, form) = inside.split_once(':').unwrap_or((inside, ""));
    name.chars().all(|c| c.is_alphanumeric() || "_#.".contains(c)) && form.chars().all(|c| !c.is_whitespace())
}
