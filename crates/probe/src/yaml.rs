//! YAML that people write by hand, with the place of every value: findings point into it.
//!
//! Texts stay as they are written (`0644`, `1.10`, `no`): what they mean, the reader of the document knows. Depth, the
//! number of values and what aliases expand to are bounded.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use granit_parser::{Event, Marker, Options, Parser, ScalarStyle};

/// The deepest nesting; people write ten levels.
const DEPTH_LIMIT: usize = 64;
/// The most values of one document, those that aliases repeat included; large files of people have some thousand.
const VALUE_LIMIT: usize = 20_000;
/// Bytes of a text that count as one more value: aliases repeat long texts too.
const TEXT_UNIT: usize = 1 << 10;
/// The key whose value's members are added to the map that it stands in.
const MERGE: &str = "<<";

/// Where a value stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// The file.
    pub(crate) file: Arc<str>,
    /// The line, counted from 1.
    pub(crate) line: usize,
    /// The column, counted from 1.
    pub(crate) column: usize,
}

/// A value and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    /// Where it begins; that of the anchor for an alias.
    pub(crate) at: Place,
    /// Its tag without `!`; empty when there is none or one of the standard's.
    pub(crate) tag: String,
    /// The value.
    pub(crate) value: Value,
}

/// What a value is.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    /// A text.
    Text(Text),
    /// A list.
    List(Vec<Node>),
    /// A map, in the order of the file; no name stands twice.
    Map(Vec<Entry>),
}

/// A text as it is written.
#[derive(Clone, Debug, Default)]
pub(crate) struct Text {
    /// What it says.
    pub(crate) text: String,
    /// Whether it stands without quotes, so that it may mean a number, a switch or nothing.
    pub(crate) plain: bool,
    /// Why nobody can say what it is in the end; empty otherwise.
    pub(crate) unknown: String,
}

/// One member of a map.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// Its name.
    pub(crate) name: String,
    /// Where the name stands.
    pub(crate) at: Place,
    /// Its value.
    pub(crate) node: Node,
}

/// What is wrong with a document, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    /// Where.
    pub(crate) at: Place,
    /// What.
    pub(crate) message: String,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.at, self.message)
    }
}

impl Node {
    /// An empty map at a place.
    pub(crate) fn empty(at: Place) -> Self {
        Self { at, tag: String::new(), value: Value::Map(Vec::new()) }
    }

    /// The member `name` of a map.
    pub(crate) fn get(&self, name: &str) -> Option<&Node> {
        self.entry(name).map(|entry| &entry.node)
    }

    /// The member `name` of a map, with the place of its name. One without a value is not there.
    pub(crate) fn entry(&self, name: &str) -> Option<&Entry> {
        self.entries().iter().find(|entry| entry.name == name && !entry.node.is_null())
    }

    /// The members of a map; none of anything else.
    pub(crate) fn entries(&self) -> &[Entry] {
        match &self.value {
            Value::Map(entries) => entries,
            Value::Text(_) | Value::List(_) => &[],
        }
    }

    /// The elements of a list; none of anything else.
    pub(crate) fn items(&self) -> &[Node] {
        match &self.value {
            Value::List(items) => items,
            Value::Text(_) | Value::Map(_) => &[],
        }
    }

    /// The text, when it is one.
    pub(crate) fn text(&self) -> Option<&Text> {
        match &self.value {
            Value::Text(text) => Some(text),
            Value::List(_) | Value::Map(_) => None,
        }
    }

    /// How many values it is made of; long texts count as several.
    pub(crate) fn size(&self) -> usize {
        match &self.value {
            Value::Text(text) => weight(&text.text),
            Value::List(items) => 1 + items.iter().map(Self::size).sum::<usize>(),
            Value::Map(entries) => {
                1 + entries.iter().map(|entry| weight(&entry.name) + entry.node.size()).sum::<usize>()
            }
        }
    }

    /// Whether it says nothing: `null`, `~` or no text at all.
    pub(crate) fn is_null(&self) -> bool {
        self.text().is_some_and(|text| text.plain && matches!(text.text.as_str(), "" | "~" | "null" | "Null"))
    }
}

/// A list or map that is not complete yet.
struct Open {
    at: Place,
    anchor: usize,
    tag: String,
    /// None for a list.
    members: Option<Members>,
    items: Vec<Node>,
}

#[derive(Default)]
struct Members {
    entries: Vec<Entry>,
    key: Option<(String, bool, Place)>,
    merged: Vec<Node>,
}

struct Builder {
    file: Arc<str>,
    open: Vec<Open>,
    anchors: HashMap<usize, (Node, usize)>,
    values: usize,
    root: Option<Node>,
}

/// Reads the one document of `text`, an empty map when there is none. `file` is what places name.
pub(crate) fn parse(file: &str, text: &str) -> Result<Node, Problem> {
    let file: Arc<str> = Arc::from(file);
    let start = Place { file: Arc::clone(&file), line: 1, column: 1 };
    let mut builder = Builder { file, open: Vec::new(), anchors: HashMap::new(), values: 0, root: None };
    let mut options = Options::default();
    options.set_emit_comments(false);
    for event in Parser::new_from_str_with_options(text, options) {
        let (event, span) = event.map_err(|error| {
            let at = builder.place(error.marker());
            let message = error.info();
            Problem { at, message: message.lines().next().unwrap_or_default().to_owned() }
        })?;
        builder.take(event, builder.place(&span.start))?;
    }
    Ok(builder.root.unwrap_or_else(|| Node::empty(start)))
}

impl Builder {
    fn place(&self, marker: &Marker) -> Place {
        Place { file: Arc::clone(&self.file), line: marker.line(), column: marker.col() + 1 }
    }

    fn take(&mut self, event: Event<'_>, at: Place) -> Result<(), Problem> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let size = weight(&text);
                self.count(size, &at)?;
                let plain = style == ScalarStyle::Plain;
                let text = Text { text: text.into_owned(), plain, unknown: String::new() };
                let tag = tag.filter(|tag| tag.is_custom()).map(|tag| tag.suffix().to_owned());
                self.complete(Node { at, tag: tag.unwrap_or_default(), value: Value::Text(text) }, anchor, size)
            }
            Event::SequenceStart(_, anchor, tag) => {
                let tag = tag.filter(|tag| tag.is_custom()).map(|tag| tag.suffix().to_owned());
                self.begin(at, anchor, tag.unwrap_or_default(), None)
            }
            Event::MappingStart(_, anchor, tag) => {
                let tag = tag.filter(|tag| tag.is_custom()).map(|tag| tag.suffix().to_owned());
                self.begin(at, anchor, tag.unwrap_or_default(), Some(Members::default()))
            }
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(open) => self.end(open),
                None => Err(problem(at, "something ends here that did not begin")),
            },
            Event::Alias(id) => {
                let Some((node, size)) = self.anchors.get(&id) else {
                    return Err(problem(at, "this alias repeats a value that it stands in itself"));
                };
                let (node, size) = (node.clone(), *size);
                self.count(size, &at)?;
                self.complete(node, 0, size)
            }
            _ => Ok(()),
        }
    }

    fn begin(
        &mut self,
        at: Place,
        anchor: usize,
        tag: String,
        members: Option<Members>,
    ) -> Result<(), Problem> {
        if self.open.len() >= DEPTH_LIMIT {
            return Err(problem(at, format!("values nest deeper than {DEPTH_LIMIT}")));
        }
        self.count(1, &at)?;
        self.open.push(Open { at, anchor, tag, members, items: Vec::new() });
        Ok(())
    }

    fn end(&mut self, open: Open) -> Result<(), Problem> {
        let Open { at, anchor, tag, members, items } = open;
        let value = match members {
            None => Value::List(items),
            Some(members) => Value::Map(with_merged(members)),
        };
        let node = Node { at, tag, value };
        let size = if anchor == 0 { 0 } else { node.size() };
        self.complete(node, anchor, size)
    }

    /// Hands a complete value to what it stands in.
    fn complete(&mut self, node: Node, anchor: usize, size: usize) -> Result<(), Problem> {
        if anchor != 0 {
            self.anchors.insert(anchor, (node.clone(), size));
        }
        let Some(open) = self.open.last_mut() else {
            if self.root.is_some() {
                return Err(problem(node.at, "a second document begins here; one file holds one"));
            }
            self.root = Some(node);
            return Ok(());
        };
        let Some(members) = &mut open.members else {
            open.items.push(node);
            return Ok(());
        };
        let Some((name, plain, at)) = members.key.take() else {
            let Value::Text(text) = node.value else {
                return Err(problem(node.at, "the name of a member must be a text"));
            };
            members.key = Some((text.text, text.plain, node.at));
            return Ok(());
        };
        if plain && name == MERGE {
            let sources = match node.value {
                Value::Map(_) => vec![node],
                Value::List(items) if items.iter().all(|item| matches!(item.value, Value::Map(_))) => items,
                Value::List(_) | Value::Text(_) => {
                    return Err(problem(at, "`<<` takes a map or a list of maps"));
                }
            };
            members.merged.extend(sources);
            return Ok(());
        }
        if let Some(first) = members.entries.iter().find(|entry| entry.name == name) {
            let line = first.at.line;
            return Err(problem(
                at,
                format!("`{}` stands twice in this map; first in line {line}", shown(&name)),
            ));
        }
        members.entries.push(Entry { name, at, node });
        Ok(())
    }

    fn count(&mut self, more: usize, at: &Place) -> Result<(), Problem> {
        self.values = self.values.saturating_add(more);
        if self.values > VALUE_LIMIT {
            let message =
                format!("the document has more than {VALUE_LIMIT} values, those of its aliases included");
            return Err(problem(at.clone(), message));
        }
        Ok(())
    }
}

/// The members of a map, with those of `<<` that it does not have itself.
fn with_merged(members: Members) -> Vec<Entry> {
    let mut entries = members.entries;
    for source in members.merged {
        let Value::Map(more) = source.value else { continue };
        for entry in more {
            if !entries.iter().any(|known| known.name == entry.name) {
                entries.push(entry);
            }
        }
    }
    entries
}

/// As how many values a text counts.
fn weight(text: &str) -> usize {
    1 + text.len() / TEXT_UNIT
}

fn problem(at: Place, message: impl Into<String>) -> Problem {
    Problem { at, message: message.into() }
}

/// A name as a message repeats it.
fn shown(name: &str) -> String {
    name.chars().take(64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        parse("/c.yaml", text).unwrap_err().to_string()
    }

    #[test]
    fn every_value_knows_its_place_and_stays_as_written() {
        let root = parse("/c.yaml", "a: 0644\nb:\n  - 'no'\n  - {c: 1.10}\nd:\n").unwrap();
        let a = root.get("a").unwrap();
        assert_eq!((a.text().unwrap().text.as_str(), a.at.to_string().as_str()), ("0644", "/c.yaml:1:4"));
        let items = root.get("b").unwrap().items();
        assert!(!items[0].text().unwrap().plain);
        assert_eq!(items[1].entry("c").unwrap().at.to_string(), "/c.yaml:4:6");
        assert!(root.get("d").is_none() && root.entries()[2].node.is_null());
    }

    #[test]
    fn anchors_aliases_and_merges_are_followed() {
        let text =
            "base: &b {x: 1, y: 2}\none: {<<: *b, y: 3}\ntwo:\n  <<: [{z: 4}, *b]\n\"<<\": 5\nthree: *b\n";
        let root = parse("/c.yaml", text).unwrap();
        let says = |map: &str, name: &str| root.get(map)?.get(name)?.text().map(|text| text.text.clone());
        assert_eq!(says("one", "y").as_deref(), Some("3"));
        assert_eq!(says("one", "x").as_deref(), Some("1"));
        assert_eq!(says("two", "z").as_deref(), Some("4"));
        assert_eq!(says("three", "y").as_deref(), Some("2"));
        assert_eq!(root.get("one").unwrap().entry("x").unwrap().at.line, 1);
        assert!(root.get("<<").is_some());
    }

    #[test]
    fn hostile_and_broken_documents_are_refused_with_their_place() {
        assert!(
            refused("a: 1\nb: 2\na: 3\n")
                .starts_with("/c.yaml:3:1: `a` stands twice in this map; first in line 1")
        );
        assert!(refused("a: [1\nb: 2\n").starts_with("/c.yaml:"));
        assert!(refused("a: *nothing\n").starts_with("/c.yaml:1:"));
        assert!(refused("a: &x [*x]\n").starts_with("/c.yaml:1:8: this alias repeats"));
        assert!(refused("{a: 1}: 2\n").contains("must be a text"));
        assert!(refused("<<: 5\n").contains("takes a map"));
        assert!(refused("a: 1\n---\nb: 2\n").contains("second document"));
        assert!(refused(&format!("{}{}", "[".repeat(100), "]".repeat(100))).contains("nest deeper"));
        assert!(refused(&"[".repeat(100_000)).starts_with("/c.yaml:1:"));
        assert!(refused(&"a:\n  ".repeat(3)).starts_with("/c.yaml:"));
        let mut bomb = "a: &a [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for (name, before) in ["b", "c", "d", "e", "f", "g"].iter().zip(["a", "b", "c", "d", "e", "f"]) {
            let all = vec![format!("*{before}"); 10].join(", ");
            bomb.push_str(&format!("{name}: &{name} [{all}]\n"));
        }
        assert!(refused(&bomb).contains("more than 20000 values"));
        let long = format!("a: &a |\n  {}\nb: [{}]\n", "x".repeat(500_000), vec!["*a"; 50].join(", "));
        assert!(refused(&long).contains("more than 20000 values"));
        assert!(parse("/c.yaml", &format!("a: |\n  {}\n", "x".repeat(500_000))).is_ok());
    }

    #[test]
    fn nothing_is_an_empty_map() {
        assert!(parse("/c.yaml", "").unwrap().entries().is_empty());
        assert!(parse("/c.yaml", "# only this\n").unwrap().entries().is_empty());
    }
}
