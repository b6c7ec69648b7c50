//! From YAML text to trees, with limits that hold against nesting and alias bombs.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Tag};

use crate::fault::Error;
use crate::lenient::Lenient;
use crate::node::{Entry, Map, Node, Value};
use crate::problem::Problem;
use crate::scalar::{resolve_plain, resolve_tagged};
use crate::source::{Source, Span};

/// How deep lists and mappings may nest: every walk of the tree is recursive. (Compose's own model needs 8 levels.)
const MAX_DEPTH: usize = 64;
/// How many values one file may have once its aliases are expanded.
pub const MAX_NODES: usize = 50_000;

/// Reads all documents of a file. An empty document is `Null`.
pub fn documents(source: &Arc<Source>) -> Result<Vec<Node>, Error> {
    let mut lenient = Lenient::new(&source.text);
    loop {
        let mut reader = Reader {
            source,
            lenient: &lenient,
            parser: Parser::new_from_str(lenient.text()),
            anchors: HashMap::new(),
            open: Vec::new(),
            nodes: 0,
            depth: 0,
            complaint: None,
        };
        let outcome = reader.documents();
        let Some(complaint) = reader.complaint else { return outcome };
        if !lenient.mend(complaint.info(), complaint.marker()) {
            return outcome;
        }
    }
}

struct Reader<'s> {
    source: &'s Arc<Source>,
    lenient: &'s Lenient<'s>,
    parser: Parser<'s, saphyr_parser::StrInput<'s>>,
    anchors: HashMap<usize, Anchored>,
    /// The anchors whose values are being read: an alias to one of them would never end.
    open: Vec<usize>,
    nodes: usize,
    depth: usize,
    /// Why the parser has stopped.
    complaint: Option<ScanError>,
}

struct Anchored {
    node: Node,
    /// How many values it has, itself included.
    size: usize,
    /// How many levels it has, itself included.
    levels: usize,
}

type Step<'s> = Option<(Event<'s>, Span)>;

impl<'s> Reader<'s> {
    fn documents(&mut self) -> Result<Vec<Node>, Error> {
        let mut documents = Vec::new();
        while let Some((event, _)) = self.next()? {
            match event {
                Event::StreamEnd => break,
                Event::DocumentStart(_) => {
                    if let Some((event, span)) = self.next()? {
                        documents.push(self.node(event, span)?);
                    }
                }
                Event::Nothing
                | Event::StreamStart
                | Event::DocumentEnd
                | Event::SequenceEnd
                | Event::MappingEnd
                | Event::Alias(_)
                | Event::Scalar(..)
                | Event::SequenceStart(..)
                | Event::MappingStart(..) => {}
            }
        }
        Ok(documents)
    }

    fn next(&mut self) -> Result<Step<'s>, Error> {
        match self.parser.next_event() {
            None => Ok(None),
            Some(Ok((event, span))) => {
                let span = self.span(span);
                Ok(Some((event, span)))
            }
            Some(Err(error)) => {
                let marker = *error.marker();
                let span = self.span(saphyr_parser::Span::empty(marker));
                // The parser looks ahead of this reader, and has a limit of its own.
                if error.info().contains("recursion limit") {
                    return Err(too_deep(&span));
                }
                let problem = Problem::Syntax { message: error.info().to_owned() };
                self.complaint = Some(error);
                Err(span.error(problem))
            }
        }
    }

    fn span(&self, span: saphyr_parser::Span) -> Span {
        let on_one_line = span.end.line() == span.start.line();
        let length = if on_one_line { span.end.index().saturating_sub(span.start.index()) } else { 1 };
        Span {
            source: Arc::clone(self.source),
            line: span.start.line().max(1),
            column: self.lenient.column(&span.start),
            length: length.max(1),
        }
    }

    fn node(&mut self, event: Event<'s>, span: Span) -> Result<Node, Error> {
        self.count(1, &span)?;
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let node = scalar(&text, style, tag.as_deref(), span)?;
                self.remember(anchor, &node)?;
                Ok(node)
            }
            Event::SequenceStart(anchor, tag) => self.list(anchor, tag.as_ref(), span),
            Event::MappingStart(anchor, tag) => self.map(anchor, tag.as_ref(), span),
            Event::Alias(anchor) => self.alias(anchor, &span),
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd
            | Event::SequenceEnd
            | Event::MappingEnd => {
                Err(span.error(Problem::Syntax { message: "a value was expected".to_owned() }))
            }
        }
    }

    fn list(&mut self, anchor: usize, tag: Option<&Cow<'s, Tag>>, span: Span) -> Result<Node, Error> {
        self.enter(anchor, &span)?;
        let mut items = Vec::new();
        loop {
            match self.next()? {
                None | Some((Event::SequenceEnd, _)) => break,
                Some((event, span)) => items.push(self.node(event, span)?),
            }
        }
        let mut node = Node::new(Value::List(items), span);
        node.tag = own_tag(tag.map(AsRef::as_ref));
        self.leave(anchor, &node)?;
        Ok(node)
    }

    fn map(&mut self, anchor: usize, tag: Option<&Cow<'s, Tag>>, span: Span) -> Result<Node, Error> {
        self.enter(anchor, &span)?;
        let mut map = Map::default();
        let mut merged = Vec::new();
        loop {
            let (event, key_span) = match self.next()? {
                None | Some((Event::MappingEnd, _)) => break,
                Some(step) => step,
            };
            let plain_merge = matches!(&event, Event::Scalar(text, ScalarStyle::Plain, _, _) if text == "<<");
            let key = self.key(event, &key_span)?;
            let Some((event, value_span)) = self.next()? else { break };
            let use_span = value_span.clone();
            let value = self.node(event, value_span)?;
            if plain_merge {
                merged.push((value, use_span));
                continue;
            }
            if let Some(first) = map.entry(&key) {
                let first_line = first.key_span.line;
                return Err(key_span
                    .error(Problem::DuplicateKey { key, first_line })
                    .with_hint("keep one of the two"));
            }
            map.push(Entry { key, key_span, value });
        }
        for (value, use_span) in merged {
            merge_in(&mut map, value, &use_span)?;
        }
        let mut node = Node::new(Value::Map(map), span);
        node.tag = own_tag(tag.map(AsRef::as_ref));
        self.leave(anchor, &node)?;
        Ok(node)
    }

    fn key(&mut self, event: Event<'s>, span: &Span) -> Result<String, Error> {
        let node = self.node(event, span.clone())?;
        let hint = match node.value {
            Value::String(key) => return Ok(key),
            // `{{name}}`, which whoever reads it may have taken for text.
            Value::Map(_) => {
                "`{{…}}` is to be filled in by what makes a project of a template (cookiecutter, copier, startproject --template): \
                 make one of it first; else put the key in quotes"
            }
            Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::List(_) => {
                "put the key in quotes"
            }
        };
        Err(span.error(Problem::KeyNotString { found: node.value.kind() }).with_hint(hint))
    }

    fn alias(&mut self, anchor: usize, span: &Span) -> Result<Node, Error> {
        if self.open.contains(&anchor) {
            return Err(span.error(Problem::AliasLoop));
        }
        let Some(anchored) = self.anchors.get(&anchor) else {
            return Err(span.error(Problem::Syntax { message: "this alias has no anchor".to_owned() }));
        };
        if self.depth + anchored.levels > MAX_DEPTH {
            return Err(too_deep(span));
        }
        let (size, node) = (anchored.size, anchored.node.clone());
        self.count(size, span)?;
        Ok(node)
    }

    fn enter(&mut self, anchor: usize, span: &Span) -> Result<(), Error> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(too_deep(span));
        }
        if anchor != 0 {
            self.open.push(anchor);
        }
        Ok(())
    }

    fn leave(&mut self, anchor: usize, node: &Node) -> Result<(), Error> {
        self.depth -= 1;
        if anchor != 0 {
            self.open.pop();
        }
        self.remember(anchor, node)
    }

    /// Keeps a copy of an anchored value. Copies count like other values: anchors nest as well.
    fn remember(&mut self, anchor: usize, node: &Node) -> Result<(), Error> {
        if anchor != 0 {
            let (size, levels) = node.measure();
            self.count(size, &node.span)?;
            self.anchors.insert(anchor, Anchored { node: node.clone(), size, levels });
        }
        Ok(())
    }

    fn count(&mut self, more: usize, span: &Span) -> Result<(), Error> {
        self.nodes += more;
        if self.nodes > MAX_NODES {
            let problem = Problem::TooManyValues { limit: MAX_NODES };
            return Err(span
                .error(problem)
                .with_hint("aliases count as often as they are used; write out fewer of them"));
        }
        Ok(())
    }
}

fn too_deep(span: &Span) -> Error {
    span.error(Problem::TooDeep { limit: MAX_DEPTH })
}

fn own_tag(tag: Option<&Tag>) -> Option<Arc<str>> {
    tag.filter(|tag| tag.handle == "!").map(|tag| tag.suffix.as_str().into())
}

fn scalar(text: &str, style: ScalarStyle, tag: Option<&Tag>, span: Span) -> Result<Node, Error> {
    let value = match tag.filter(|tag| tag.is_yaml_core_schema()) {
        Some(tag) => resolve_tagged(text, &tag.suffix).ok_or_else(|| {
            span.error(Problem::Syntax { message: format!("{text:?} is no !!{}", tag.suffix) })
        })?,
        None if style == ScalarStyle::Plain => resolve_plain(text),
        None => Value::String(text.to_owned()),
    };
    let mut node = Node::new(value, span);
    node.tag = own_tag(tag);
    Ok(node)
}

/// Takes over what a merge key (`<<`) brings; keys of the mapping itself win, then the earlier of several.
fn merge_in(map: &mut Map, value: Node, use_span: &Span) -> Result<(), Error> {
    let found = value.value.kind();
    let sources = match value.value {
        Value::List(items) => items.into_iter().map(|item| item.value).collect(),
        other @ (Value::Null
        | Value::Bool(_)
        | Value::Int(_)
        | Value::Float(_)
        | Value::String(_)
        | Value::Map(_)) => {
            vec![other]
        }
    };
    for source in sources {
        let Value::Map(source) = source else { return Err(use_span.error(Problem::MergeKey { found })) };
        for entry in source.entries {
            if !map.contains(&entry.key) {
                map.push(entry);
            }
        }
    }
    Ok(())
}
