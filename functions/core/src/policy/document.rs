//! A YAML or JSON text as a tree that knows its lines, for findings that need a place.

use std::borrow::Cow;
use std::collections::HashMap;

use serde_saphyr::granit_parser::{Event, Parser, ScalarStyle, Span};

use super::parse::{PolicyError, Position};

/// More nodes than any policy has; aliases count with all that they repeat.
const MAX_NODES: usize = 250_000;
/// Deeper than any policy is.
const MAX_DEPTH: usize = 64;

/// One value and where it is written.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) at: Position,
    pub(super) kind: Kind,
}

/// What a value is.
#[derive(Debug, Clone)]
pub(super) enum Kind {
    /// A word, a number, a quoted text; `null` is [`Kind::Null`].
    Scalar(String),
    Null,
    Sequence(Vec<Node>),
    Mapping(Vec<Entry>),
}

/// One key and its value.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) key: Node,
    pub(super) value: Node,
}

impl Node {
    /// The text of a scalar.
    pub(super) fn text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Scalar(text) => Some(text),
            _ => None,
        }
    }

    /// The items of a sequence; none of anything else.
    pub(super) fn items(&self) -> &[Self] {
        match &self.kind {
            Kind::Sequence(items) => items,
            _ => &[],
        }
    }

    /// The entries of a mapping; none of anything else.
    pub(super) fn entries(&self) -> &[Entry] {
        match &self.kind {
            Kind::Mapping(entries) => entries,
            _ => &[],
        }
    }

    /// The value of a key.
    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        self.entries()
            .iter()
            .find(|entry| entry.key.text() == Some(key))
            .map(|entry| &entry.value)
    }

    /// What it is, for messages.
    pub(super) fn describe(&self) -> &'static str {
        match self.kind {
            Kind::Scalar(_) => "a text",
            Kind::Null => "nothing",
            Kind::Sequence(_) => "a list",
            Kind::Mapping(_) => "a map",
        }
    }

    /// How many values it holds, itself included, and how many levels.
    fn measure(&self) -> (usize, usize) {
        let sum = |children: &mut dyn Iterator<Item = &Self>| {
            children
                .map(Self::measure)
                .fold((1, 1), |(size, depth), (s, d)| (size + s, depth.max(d + 1)))
        };
        match &self.kind {
            Kind::Scalar(_) | Kind::Null => (1, 1),
            Kind::Sequence(items) => sum(&mut items.iter()),
            Kind::Mapping(entries) => sum(&mut entries.iter().flat_map(|e| [&e.key, &e.value])),
        }
    }
}

/// Whether a text means to be JSON.
pub(super) fn looks_like_json(text: &str) -> bool {
    text.trim_start_matches('\u{feff}')
        .trim_start()
        .starts_with(['{', '['])
}

/// Reads every document of a text.
///
/// # Errors
/// Where the text is neither YAML nor JSON, or larger than any policy.
pub(super) fn parse(text: &str) -> Result<Vec<Node>, PolicyError> {
    let mut builder = Builder::default();
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| {
            let at = error.marker();
            PolicyError::malformed(at.line() as u64, at.col() as u64 + 1, &error.info())
        })?;
        builder.take(event, span)?;
    }
    Ok(builder.documents)
}

#[derive(Default)]
struct Builder {
    documents: Vec<Node>,
    open: Vec<Open>,
    anchors: HashMap<usize, Node>,
    nodes: usize,
}

struct Open {
    at: Position,
    anchor: usize,
    children: Vec<Node>,
    mapping: bool,
}

impl Builder {
    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), PolicyError> {
        let at = position(span);
        match event {
            Event::Scalar(text, style, anchor, _) => self.add(
                Node {
                    at,
                    kind: scalar(text, style),
                },
                anchor,
            ),
            Event::SequenceStart(_, anchor, _) => self.open(at, anchor, false),
            Event::MappingStart(_, anchor, _) => self.open(at, anchor, true),
            Event::SequenceEnd | Event::MappingEnd => self.close(at),
            Event::Alias(anchor) => {
                let target = self.anchors.get(&anchor).cloned();
                let unknown = || PolicyError::malformed(at.line, at.column, "unknown alias");
                self.add(
                    Node {
                        at,
                        ..target.ok_or_else(unknown)?
                    },
                    0,
                )
            }
            _ => Ok(()),
        }
    }

    fn open(&mut self, at: Position, anchor: usize, mapping: bool) -> Result<(), PolicyError> {
        if self.open.len() >= MAX_DEPTH {
            return Err(PolicyError::malformed(
                at.line,
                at.column,
                "nested too deeply",
            ));
        }
        self.open.push(Open {
            at,
            anchor,
            children: Vec::new(),
            mapping,
        });
        Ok(())
    }

    fn close(&mut self, end: Position) -> Result<(), PolicyError> {
        let Some(open) = self.open.pop() else {
            return Err(PolicyError::malformed(
                end.line,
                end.column,
                "unexpected end",
            ));
        };
        let kind = if open.mapping {
            Kind::Mapping(entries(open.children))
        } else {
            Kind::Sequence(open.children)
        };
        self.add(Node { at: open.at, kind }, open.anchor)
    }

    fn add(&mut self, node: Node, anchor: usize) -> Result<(), PolicyError> {
        // An alias can bring both width and depth that nobody wrote.
        let (size, depth) = node.measure();
        self.nodes += size;
        if self.nodes > MAX_NODES || self.open.len() + depth > MAX_DEPTH {
            let message = "too many values, or nested too deeply";
            return Err(PolicyError::malformed(
                node.at.line,
                node.at.column,
                message,
            ));
        }
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        match self.open.last_mut() {
            Some(open) => open.children.push(node),
            None => self.documents.push(node),
        }
        Ok(())
    }
}

fn position(span: Span) -> Position {
    Position {
        line: span.start.line() as u64,
        column: span.start.col() as u64 + 1,
    }
}

fn scalar(text: Cow<'_, str>, style: ScalarStyle) -> Kind {
    let null = matches!(style, ScalarStyle::Plain) && matches!(&*text, "" | "~" | "null" | "Null");
    if null {
        Kind::Null
    } else {
        Kind::Scalar(text.into_owned())
    }
}

/// Keys and values alternate. A merge key (`<<`) brings the entries that are not there yet.
fn entries(children: Vec<Node>) -> Vec<Entry> {
    let mut children = children.into_iter();
    let (mut own, mut merged) = (Vec::new(), Vec::new());
    while let (Some(key), Some(value)) = (children.next(), children.next()) {
        if key.text() != Some("<<") {
            own.push(Entry { key, value });
        } else if value.items().is_empty() {
            merged.extend_from_slice(value.entries());
        } else {
            merged.extend(
                value
                    .items()
                    .iter()
                    .flat_map(|item| item.entries())
                    .cloned(),
            );
        }
    }
    for entry in merged {
        if own.iter().all(|there| there.key.text() != entry.key.text()) {
            own.push(entry);
        }
    }
    own
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn yaml_and_json_know_their_lines() {
        for text in ["a:\n  b:\n    - c\n", "{\n \"a\": {\n\"b\": [\n  \"c\"]}}"] {
            let documents = parse(text).unwrap();
            let b = documents[0].get("a").and_then(|a| a.get("b")).unwrap();
            let c = &b.items()[0];
            assert_eq!(c.text(), Some("c"));
            assert_eq!(
                c.at.line as usize,
                text.lines().position(|l| l.contains('c')).unwrap() + 1
            );
        }
    }

    #[test]
    fn aliases_and_merge_keys_are_resolved() {
        let text = "base: &b {x: 1, y: 2}\nmerged: {<<: *b, y: 3}\nsame: *b\n";
        let tree = &parse(text).unwrap()[0];
        let y = |key: &str| tree.get(key).and_then(|n| n.get("y")).and_then(Node::text);
        assert_eq!((y("merged"), y("same")), (Some("3"), Some("2")));
    }

    #[test]
    fn an_alias_bomb_is_refused() {
        let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..9 {
            let previous = vec![format!("*a{}", level - 1); 10].join(", ");
            text.push_str(&format!("a{level}: &a{level} [{previous}]\n"));
        }
        let error = parse(&text).unwrap_err().to_string();
        assert!(error.contains("too many values"), "{error}");
    }

    #[test]
    fn depth_is_bounded() {
        assert!(parse(&"[".repeat(10_000)).is_err());
    }
}
