//! Values and their places.

use std::collections::HashMap;
use std::sync::Arc;

use crate::fault::Fault;
use crate::problem::Problem;
use crate::scalar::format_float;
use crate::source::Span;

/// So many entries are looked through as quickly as they are looked up.
const MANY: usize = 32;

/// A value and its place.
#[derive(Debug, Clone)]
pub struct Node {
    /// The value.
    pub value: Value,
    /// Where it stands.
    pub span: Span,
    /// A tag of the file's own, such as `keep` of `!keep`.
    pub tag: Option<Arc<str>>,
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
    /// A value without a tag.
    pub fn new(value: Value, span: Span) -> Self {
        Self { value, span, tag: None }
    }

    /// A text.
    pub fn string(text: impl Into<String>, span: Span) -> Self {
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

    /// The mapping, if this is one.
    pub fn as_map_mut(&mut self) -> Option<&mut Map> {
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
    pub fn wrong_type<P: From<Problem>>(
        &self,
        at: impl Into<String>,
        expected: impl Into<String>,
    ) -> Fault<P> {
        let (at, expected, found) = (at.into(), expected.into(), self.value.kind());
        self.span.error(Problem::WrongType { at, expected, found })
    }

    /// That this value is none of those that are `allowed` here, if it is a short list.
    pub fn not_allowed<P: From<Problem>>(&self, at: impl Into<String>, allowed: &[&str]) -> Fault<P> {
        let value = self.value.scalar_text().unwrap_or_default();
        let allowed = allowed.iter().map(|word| (*word).to_owned()).collect();
        self.span.error(Problem::NotAllowed { at: at.into(), value, allowed })
    }

    /// Whether there is no value.
    pub fn is_null(&self) -> bool {
        self.value == Value::Null
    }

    /// How many values there are, this one included.
    pub fn size(&self) -> usize {
        self.measure().0
    }

    /// How many values there are, and how many levels.
    pub(crate) fn measure(&self) -> (usize, usize) {
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

    /// The same to change it.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Self> {
        self.as_map_mut()?.get_mut(key)
    }

    /// The text under a key.
    pub fn text_of(&self, key: &str) -> Option<&str> {
        self.get(key)?.as_str()
    }

    /// Whether the value under a key is this boolean.
    pub fn says(&self, key: &str, flag: bool) -> bool {
        self.get(key).is_some_and(|node| node.value == Value::Bool(flag))
    }

    /// The entries, if this is a mapping.
    pub fn entries(&self) -> &[Entry] {
        self.as_map().map_or(&[], |map| &map.entries)
    }

    /// The items, if this is a list.
    pub fn items(&self) -> &[Self] {
        self.as_list().unwrap_or_default()
    }

    /// The entries of the mapping under a key.
    pub fn entries_of(&self, key: &str) -> &[Entry] {
        self.get(key).map_or(&[], Self::entries)
    }

    /// The same to change them.
    pub fn entries_of_mut(&mut self, key: &str) -> &mut [Entry] {
        self.get_mut(key).and_then(Self::as_map_mut).map_or(&mut [], |map| &mut map.entries)
    }

    /// The items of the list under a key.
    pub fn items_of(&self, key: &str) -> &[Self] {
        self.get(key).map_or(&[], Self::items)
    }

    /// The same to change them.
    pub fn items_of_mut(&mut self, key: &str) -> &mut [Self] {
        if let Some(Value::List(items)) = self.get_mut(key).map(|node| &mut node.value) {
            items
        } else {
            &mut []
        }
    }

    /// Sets a key that a mapping lacks, at the place of the mapping.
    pub fn set_default(&mut self, key: &str, value: Value) {
        let span = self.span.clone();
        if let Some(map) = self.as_map_mut().filter(|map| !map.contains(key)) {
            map.set(key, value, &span);
        }
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

    /// A scalar as text, as Go programs write it.
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
    /// Where each key is, once there are many. It holds as long as it knows as many as there are: entries come by
    /// [`Map::push`] alone.
    places: HashMap<String, usize>,
}

/// Mappings are equal in whatever order they are written.
impl PartialEq for Map {
    fn eq(&self, other: &Self) -> bool {
        self.entries.len() == other.entries.len()
            && self.entries.iter().all(|entry| other.get(&entry.key) == Some(&entry.value))
    }
}

impl Map {
    fn position(&self, key: &str) -> Option<usize> {
        if self.places.len() == self.entries.len() {
            return self.places.get(key).copied();
        }
        self.entries.iter().position(|entry| entry.key == key)
    }

    /// Adds an entry whose key is not there.
    pub fn push(&mut self, entry: Entry) {
        let count = self.entries.len();
        if count >= MANY {
            if self.places.len() != count {
                let keys = self.entries.iter().map(|entry| entry.key.clone());
                self.places = keys.zip(0..).collect();
            }
            self.places.insert(entry.key.clone(), count);
        }
        self.entries.push(entry);
    }

    /// A key with its value and both their places.
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.position(key).map(|index| &self.entries[index])
    }

    /// The value under a key.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|entry| &entry.value)
    }

    /// The value under a key.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Node> {
        self.position(key).map(|index| &mut self.entries[index].value)
    }

    /// Whether a key is there.
    pub fn contains(&self, key: &str) -> bool {
        self.entry(key).is_some()
    }

    /// Takes a key out; the others keep their order.
    pub fn remove(&mut self, key: &str) -> Option<Entry> {
        let index = self.position(key)?;
        Some(self.entries.remove(index))
    }

    /// Sets a key; a known one keeps its place in the order.
    pub fn insert(&mut self, entry: Entry) {
        match self.position(&entry.key) {
            Some(index) => self.entries[index] = entry,
            None => self.push(entry),
        }
    }

    /// Sets a key that no file names, at the place of what made it necessary.
    pub fn set(&mut self, key: &str, value: Value, span: &Span) {
        let value = Node::new(value, span.clone());
        self.insert(Entry { key: key.to_owned(), key_span: span.clone(), value });
    }
}

#[cfg(test)]
mod tests {
    use super::{MANY, Map, Value};
    use crate::source::Source;

    #[test]
    fn a_large_mapping_finds_what_it_holds_and_nothing_else() {
        let span = Source::new("/p/f", "x").span(0, 1);
        let mut map = Map::default();
        for number in 0..MANY * 3 {
            map.set(&format!("k{number}"), Value::Int(0), &span);
        }
        map.set("k70", Value::Int(1), &span);
        assert_eq!(map.entries.len(), MANY * 3);
        map.remove("k5");
        map.entries.retain(|entry| entry.key != "k6");
        assert!(!map.contains("k5") && !map.contains("k6"));
        for key in ["new", "other"] {
            map.set(key, Value::Null, &span);
        }
        assert_eq!(map.get("k70").map(|node| &node.value), Some(&Value::Int(1)));
        assert!(map.contains("new") && map.contains("other") && map.contains("k95") && !map.contains("k6"));
        assert_eq!(map.entries.len(), MANY * 3);
    }
}
