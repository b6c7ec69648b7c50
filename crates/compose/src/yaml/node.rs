//! Values and their places.

use super::scalar::format_float;
use crate::error::{Error, Problem};
use crate::source::Span;

/// A value and its place.
#[derive(Debug, Clone)]
pub struct Node {
    /// The value.
    pub value: Value,
    /// Where it stands.
    pub span: Span,
    pub(crate) mark: Option<Mark>,
}

/// Compose's own tags, which say how a value meets the one that it overrides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    /// `!reset`: the value goes away.
    Reset,
    /// `!override`: this value takes its place as a whole.
    Override,
}

/// A YAML value with string keys only.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Nothing: `null`, `~` or no text at all.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// From -2⁶³ to 2⁶⁴-1.
    Int(i128),
    /// Any other number.
    Float(f64),
    /// A text.
    String(String),
    /// A list.
    List(Vec<Node>),
    /// A mapping.
    Map(Map),
}

/// Values are equal wherever they stand.
impl PartialEq for Node {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl Node {
    pub(crate) fn new(value: Value, span: Span) -> Self {
        Self { value, span, mark: None }
    }

    pub(crate) fn string(text: impl Into<String>, span: Span) -> Self {
        Self::new(Value::String(text.into()), span)
    }

    /// The text, if this is one.
    pub fn as_str(&self) -> Option<&str> {
        if let Value::String(text) = &self.value { Some(text) } else { None }
    }

    /// The mapping, if this is one.
    pub fn as_map(&self) -> Option<&Map> {
        if let Value::Map(map) = &self.value { Some(map) } else { None }
    }

    pub(crate) fn as_map_mut(&mut self) -> Option<&mut Map> {
        if let Value::Map(map) = &mut self.value { Some(map) } else { None }
    }

    /// The items, if this is a list.
    pub fn as_list(&self) -> Option<&[Self]> {
        if let Value::List(list) = &self.value { Some(list) } else { None }
    }

    /// The whole number, if this is one.
    pub fn as_int(&self) -> Option<i128> {
        if let Value::Int(number) = self.value { Some(number) } else { None }
    }

    /// That something else is `expected` here; `at` is the key's path.
    pub fn wrong_type(&self, at: impl Into<String>, expected: impl Into<String>) -> Error {
        let (at, expected, found) = (at.into(), expected.into(), self.value.kind());
        self.span.error(Problem::WrongType { at, expected, found })
    }

    /// Whether there is no value.
    pub fn is_null(&self) -> bool {
        self.value == Value::Null
    }

    /// How many values there are, this one included.
    pub(crate) fn size(&self) -> usize {
        self.measure().0
    }

    /// How many values there are, and how many levels.
    pub(super) fn measure(&self) -> (usize, usize) {
        let (mut size, mut levels) = (1, 0);
        let mut add = |node: &Self| {
            let (inner_size, inner_levels) = node.measure();
            size += inner_size;
            levels = levels.max(inner_levels);
        };
        match &self.value {
            Value::List(items) => items.iter().for_each(&mut add),
            Value::Map(map) => map.entries.iter().for_each(|entry| add(&entry.value)),
            Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::String(_) => {}
        }
        (size, levels + 1)
    }

    /// The value under a key, if this is a mapping that has it.
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.as_map()?.get(key)
    }
}

impl Value {
    /// What a user calls this kind of value.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Bool(_) => "a boolean",
            Self::Int(_) => "an integer",
            Self::Float(_) => "a number",
            Self::String(_) => "a string",
            Self::List(_) => "a list",
            Self::Map(_) => "a mapping",
        }
    }

    /// A scalar as text, the way Compose writes it into a variable or label.
    pub fn scalar_text(&self) -> Option<String> {
        match self {
            Self::Bool(value) => Some(value.to_string()),
            Self::Int(value) => Some(value.to_string()),
            Self::Float(value) => Some(format_float(*value)),
            Self::String(text) => Some(text.clone()),
            Self::Null | Self::List(_) | Self::Map(_) => None,
        }
    }
}

/// One key and its value.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Where the key stands.
    pub key_span: Span,
    /// The value.
    pub value: Node,
}

/// A mapping in the order of its file.
#[derive(Debug, Clone, Default)]
pub struct Map {
    /// The entries; no key comes twice.
    pub entries: Vec<Entry>,
}

/// Mappings are equal in whatever order they are written.
impl PartialEq for Map {
    fn eq(&self, other: &Self) -> bool {
        self.entries.len() == other.entries.len()
            && self.entries.iter().all(|entry| other.get(&entry.key) == Some(&entry.value))
    }
}

impl Map {
    pub(crate) fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.key == key)
    }

    /// The value under a key.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|entry| &entry.value)
    }

    pub(crate) fn get_mut(&mut self, key: &str) -> Option<&mut Node> {
        self.entries.iter_mut().find(|entry| entry.key == key).map(|entry| &mut entry.value)
    }

    pub(crate) fn contains(&self, key: &str) -> bool {
        self.entry(key).is_some()
    }

    pub(crate) fn remove(&mut self, key: &str) -> Option<Entry> {
        let index = self.entries.iter().position(|entry| entry.key == key)?;
        Some(self.entries.remove(index))
    }

    /// Sets a key; a known one keeps its place in the order.
    pub(crate) fn insert(&mut self, entry: Entry) {
        match self.entries.iter_mut().find(|known| known.key == entry.key) {
            Some(known) => *known = entry,
            None => self.entries.push(entry),
        }
    }

    /// Sets a key that no file names, at the place of what made it necessary.
    pub(crate) fn set(&mut self, key: &str, value: Value, span: &Span) {
        let value = Node::new(value, span.clone());
        self.insert(Entry { key: key.to_owned(), key_span: span.clone(), value });
    }
}
