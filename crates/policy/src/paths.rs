//! Paths into facts: `facts.ssh.server.options.usepam`, `c.name`, `facts.net.sysctl["kernel.kptr_restrict"]`.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;

/// One step of a path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Step {
    /// A field of an object.
    Field(String),
    /// A key that is data: `["net.ipv4.ip_forward"]`.
    Key(String),
    /// An element of a list.
    Index(usize),
    /// Any element: what a comprehension's variable stands for.
    Any,
}

/// A path: a root name and steps from it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Path {
    /// `facts`, `params`, `declared` or the name of an element.
    pub(crate) root: String,
    /// The steps.
    pub(crate) steps: Vec<Step>,
}

impl Path {
    /// A root without steps.
    pub(crate) fn root(name: &str) -> Self {
        Self { root: name.to_owned(), steps: Vec::new() }
    }

    /// The path one step further.
    #[must_use]
    pub(crate) fn then(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }

    /// Reads `root.field["key"][0]`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let name_end = text.find(['.', '[']).unwrap_or(text.len());
        let mut path = Self::root(identifier(text.get(..name_end)?)?);
        let mut rest = text.get(name_end..)?;
        while !rest.is_empty() {
            if let Some(after) = rest.strip_prefix('.') {
                let end = after.find(['.', '[']).unwrap_or(after.len());
                path = path.then(Step::Field(identifier(after.get(..end)?)?.to_owned()));
                rest = after.get(end..)?;
            } else if let Some(after) = rest.strip_prefix('[') {
                let mut values = serde_json::Deserializer::from_str(after).into_iter::<Value>();
                let step = match values.next()?.ok()? {
                    Value::String(key) => Step::Key(key),
                    Value::Number(number) => Step::Index(usize::try_from(number.as_u64()?).ok()?),
                    _ => return None,
                };
                path = path.then(step);
                rest = after.get(values.byte_offset()..)?.strip_prefix(']')?;
            } else {
                return None;
            }
        }
        Some(path)
    }

    /// The value the path leads to from its root's value.
    pub(crate) fn resolve<'a>(&self, root: impl Into<Root<'a>>) -> Resolved<'a> {
        let mut steps = self.steps.iter().enumerate();
        let mut value = match root.into() {
            Root::Value(value) => value,
            Root::Sections(sections) => match steps.next() {
                Some((_, Step::Field(name) | Step::Key(name))) => match sections.get(name) {
                    Some(section) => section,
                    None => return Resolved::Missing,
                },
                _ => return Resolved::Missing,
            },
        };
        for (index, step) in steps {
            let next = match step {
                Step::Field(name) | Step::Key(name) => value.get(name.as_str()),
                Step::Index(number) => value.get(*number),
                Step::Any => None,
            };
            match next {
                Some(next) => value = next,
                None if value.is_null() => return Resolved::BelowAbsent(index),
                None => return Resolved::Missing,
            }
        }
        Resolved::Value(value)
    }

    /// The values along the path, one for each step that leads somewhere.
    pub(crate) fn trail<'a>(&self, sections: &'a BTreeMap<String, Value>) -> Vec<&'a Value> {
        let mut trail = Vec::with_capacity(self.steps.len());
        let mut value: Option<&Value> = None;
        for step in &self.steps {
            value = match (step, value) {
                (Step::Field(name) | Step::Key(name), None) => sections.get(name),
                (Step::Field(name) | Step::Key(name), Some(value)) => value.get(name.as_str()),
                (Step::Index(number), Some(value)) => value.get(*number),
                (Step::Index(_), None) | (Step::Any, _) => None,
            };
            match value {
                Some(value) => trail.push(value),
                None => break,
            }
        }
        trail
    }

    /// The path without its root, as the tables of sources and reasons spell it.
    pub(crate) fn below_root(&self) -> String {
        self.spelled().0
    }

    /// As [`Self::below_root`], with the length of the text up to and including each step.
    pub(crate) fn spelled(&self) -> (String, Vec<usize>) {
        let mut text = String::new();
        let mut ends = Vec::with_capacity(self.steps.len());
        for step in &self.steps {
            match step {
                Step::Field(name) if text.is_empty() => text.push_str(name),
                Step::Field(name) if identifier(name).is_some() => {
                    text.push('.');
                    text.push_str(name);
                }
                // The same spelling as the facts document uses: quoted only when it must be.
                Step::Key(name) if identifier(name).is_some() => {
                    text.push('.');
                    text.push_str(name);
                }
                Step::Field(name) | Step::Key(name) => {
                    text.push_str(&format!("[{}]", Value::String(name.clone())));
                }
                Step::Index(number) => text.push_str(&format!("[{number}]")),
                Step::Any => text.push_str("[*]"),
            }
            ends.push(text.len());
        }
        (text, ends)
    }

    /// The path with its first `count` steps only.
    pub(crate) fn prefix(&self, count: usize) -> Self {
        Self { root: self.root.clone(), steps: self.steps.iter().take(count).cloned().collect() }
    }
}

/// What a root's name stands for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Root<'a> {
    /// One value: an element, the parameters.
    Value(&'a Value),
    /// The sections of a facts document.
    Sections(&'a BTreeMap<String, Value>),
}

impl<'a> From<&'a Value> for Root<'a> {
    fn from(value: &'a Value) -> Self {
        Self::Value(value)
    }
}

impl<'a> From<&'a BTreeMap<String, Value>> for Root<'a> {
    fn from(sections: &'a BTreeMap<String, Value>) -> Self {
        Self::Sections(sections)
    }
}

/// What a path leads to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Resolved<'a> {
    /// A value; `null` is absence.
    Value(&'a Value),
    /// Something on the way is absent: the number of steps up to it.
    BelowAbsent(usize),
    /// There is no such key: not known.
    Missing,
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let below = self.below_root();
        let joint = if below.is_empty() || below.starts_with('[') { "" } else { "." };
        write!(f, "{}{joint}{below}", self.root)
    }
}

fn identifier(text: &str) -> Option<&str> {
    let first = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    (first && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')).then_some(text)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn paths_read_and_print_the_same() {
        for text in
            ["facts", "facts.ssh.server.options.usepam", "c.ports[0].host_ip", "facts.net.sysctl[\"a.b\"].live"]
        {
            assert_eq!(Path::parse(text).unwrap().to_string(), text);
        }
        for text in ["", "a b", "facts..x", "facts[", "facts[1", "facts.x + 1", "facts.x]"] {
            assert_eq!(Path::parse(text), None, "{text}");
        }
    }

    #[test]
    fn absent_on_the_way_is_told_from_missing() {
        let facts = json!({"ssh": {"server": null}});
        let resolve = |text: &str| Path::parse(text).unwrap().resolve(&facts).to_owned();
        assert_eq!(resolve("facts.ssh.server"), Resolved::Value(&Value::Null));
        assert_eq!(resolve("facts.ssh.server.options.x"), Resolved::BelowAbsent(2));
        assert_eq!(resolve("facts.docker.x"), Resolved::Missing);
    }
}
