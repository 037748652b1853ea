//! XML files of programs as a tree of elements with their places. Entities of one's own, document types and deep nesting are
//! refused: no bomb is unpacked, and nothing is loaded from elsewhere.

use std::borrow::Cow;

use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

/// The deepest nesting; domain XML has some ten levels.
const DEPTH_LIMIT: usize = 64;
/// Elements of one document.
const ELEMENT_LIMIT: usize = 20_000;
/// Attributes of one element.
const ATTRIBUTE_LIMIT: usize = 256;

/// An element.
#[derive(Clone, Debug, Default)]
pub(crate) struct Element {
    /// Its name without a prefix.
    pub(crate) name: String,
    /// Its prefix; empty as a rule.
    pub(crate) prefix: String,
    /// Names, without prefixes, and values.
    attributes: Vec<(String, String)>,
    /// The text that stands in it, without the blanks around it.
    pub(crate) text: String,
    /// The elements in it.
    pub(crate) children: Vec<Element>,
    /// The line of its beginning, counted from 1.
    pub(crate) line: usize,
    /// The column.
    pub(crate) column: usize,
}

impl Element {
    /// The value of an attribute.
    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// All attributes.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.attributes.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The first element of that name in it.
    pub(crate) fn child(&self, name: &str) -> Option<&Element> {
        self.children.iter().find(|child| child.name == name)
    }

    /// The elements of that name in it.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Element> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// The element at the end of a path.
    pub(crate) fn below(&self, path: &[&str]) -> Option<&Element> {
        path.iter().try_fold(self, |element, name| element.child(name))
    }
}

/// Reads the one element that a text consists of.
///
/// # Errors
/// `file:line:column: what is wrong`.
pub(crate) fn parse(file: &str, text: &str) -> Result<Element, String> {
    let mut reader = Reader::from_str(text);
    let mut places = Places { text, offset: 0, line: 1, column: 1 };
    let mut open: Vec<Element> = Vec::new();
    let mut root = None;
    let mut count = 0_usize;
    loop {
        let (line, column) = places.of(reader.buffer_position());
        let wrong = |message: &str| format!("{file}:{line}:{column}: {message}");
        let event = reader.read_event().map_err(|error| wrong(&error.to_string()))?;
        match event {
            Event::Start(start) | Event::Empty(start) if root.is_some() => {
                drop(start);
                return Err(wrong("a second element stands beside the first"));
            }
            Event::Start(start) => {
                count += 1;
                if open.len() >= DEPTH_LIMIT {
                    return Err(wrong(&format!("elements nest deeper than {DEPTH_LIMIT}")));
                }
                open.push(element(&start, line, column).map_err(|why| wrong(&why))?);
            }
            Event::Empty(start) => {
                count += 1;
                close(element(&start, line, column).map_err(|why| wrong(&why))?, &mut open, &mut root);
            }
            Event::End(_) => match open.pop() {
                Some(mut element) => {
                    element.text = element.text.trim().to_owned();
                    close(element, &mut open, &mut root);
                }
                None => return Err(wrong("something ends here that did not begin")),
            },
            Event::Text(text) => add(&mut open, &text.decode().map_err(|error| wrong(&error.to_string()))?),
            Event::CData(text) => add(&mut open, &text.decode().map_err(|error| wrong(&error.to_string()))?),
            Event::GeneralRef(reference) => {
                let name = reference.decode().map_err(|error| wrong(&error.to_string()))?;
                let character = match reference.resolve_char_ref() {
                    Ok(Some(character)) => Cow::Owned(character.to_string()),
                    _ => Cow::Borrowed(match name.as_ref() {
                        "amp" => "&",
                        "lt" => "<",
                        "gt" => ">",
                        "quot" => "\"",
                        "apos" => "'",
                        _ => return Err(wrong("the text uses an entity of its own, which is not unpacked")),
                    }),
                };
                add(&mut open, &character);
            }
            Event::DocType(_) => {
                return Err(wrong("the file declares a document type; definitions of machines have none"));
            }
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
            Event::Eof => {
                if let Some(open) = open.last() {
                    return Err(wrong(&format!("`{}` does not end", open.name)));
                }
                return root.ok_or_else(|| wrong("there is no element"));
            }
        }
        if count > ELEMENT_LIMIT {
            return Err(wrong(&format!("the file has more than {ELEMENT_LIMIT} elements")));
        }
    }
}

fn close(element: Element, open: &mut [Element], root: &mut Option<Element>) {
    match open.last_mut() {
        Some(parent) => parent.children.push(element),
        None => *root = Some(element),
    }
}

fn add(open: &mut [Element], text: &str) {
    if let Some(element) = open.last_mut() {
        element.text.push_str(text);
    }
}

fn element(start: &BytesStart<'_>, line: usize, column: usize) -> Result<Element, String> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let mut attributes = Vec::new();
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|error| error.to_string())?;
        if attributes.len() >= ATTRIBUTE_LIMIT {
            return Err(format!("more than {ATTRIBUTE_LIMIT} attributes"));
        }
        let value = attribute.normalized_value(XmlVersion::Implicit1_0).map_err(|error| error.to_string())?;
        attributes.push((text(attribute.key.local_name().as_ref()), value.into_owned()));
    }
    Ok(Element {
        name: text(start.local_name().as_ref()),
        prefix: start.name().prefix().map(|prefix| text(prefix.as_ref())).unwrap_or_default(),
        attributes,
        line,
        column,
        ..Element::default()
    })
}

/// Lines and columns of offsets that only grow.
struct Places<'a> {
    text: &'a str,
    offset: usize,
    line: usize,
    column: usize,
}

impl Places<'_> {
    fn of(&mut self, offset: u64) -> (usize, usize) {
        let offset = usize::try_from(offset).unwrap_or(usize::MAX).min(self.text.len());
        for character in self.text.get(self.offset..offset).unwrap_or_default().chars() {
            if character == '\n' {
                self.line += 1;
                self.column = 1;
            } else {
                self.column += 1;
            }
        }
        self.offset = self.offset.max(offset);
        (self.line, self.column)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        parse("/vm.xml", text).unwrap_err()
    }

    #[test]
    fn elements_know_their_places() {
        let text = "<?xml version='1.0'?>\n<!-- x -->\n<domain type='kvm'>\n  <name>a&amp;b&#x21;</name>\n  <q:x q:y='1'/>\n</domain>\n";
        let root = parse("/vm.xml", text).unwrap();
        assert_eq!((root.attribute("type"), root.line), (Some("kvm"), 3));
        let name = root.child("name").unwrap();
        assert_eq!((name.text.as_str(), name.line, name.column), ("a&b!", 4, 3));
        let x = root.below(&["x"]).unwrap();
        assert_eq!((x.prefix.as_str(), x.attribute("y")), ("q", Some("1")));
    }

    #[test]
    fn bombs_and_broken_files_are_refused_with_their_place() {
        let bomb = "<!DOCTYPE a [<!ENTITY b \"bbb\"><!ENTITY c \"&b;&b;&b;\">]>\n<domain>&c;</domain>";
        assert!(refused(bomb).starts_with("/vm.xml:1:1: the file declares a document type"));
        assert!(refused("<domain>\n&c;</domain>").starts_with("/vm.xml:2:1: the text uses an entity"));
        assert!(refused("<domain x='&c;'/>").starts_with("/vm.xml:1:1: "));
        assert!(refused(&"<a>".repeat(100_000)).contains("nest deeper"));
        assert!(refused(&format!("<a>{}</a>", "<b/>".repeat(30_000))).contains("more than 20000 elements"));
        assert!(refused("<a><b></a>").starts_with("/vm.xml:1:7: "));
        assert!(refused("<a>").contains("`a` does not end"));
        assert!(refused("").contains("there is no element"));
        assert!(refused("<a/><b/>").contains("second element"));
        assert!(refused("<a x='1' x='2'/>").starts_with("/vm.xml:1:1: "));
        assert!(refused("not xml at all").contains("no element"));
    }
}
