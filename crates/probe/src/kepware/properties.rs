//! The properties of one object that the Configuration API describes.

use model::Fact;
use serde_json::{Map, Value};

/// The most characters of a text that is kept.
const TEXT: usize = 300;

/// An object and where it was read.
pub(super) struct Properties {
    values: Map<String, Value>,
    place: String,
}

impl Properties {
    /// The properties of a JSON object; of interfaces that stand in a list (version 7) too.
    pub(super) fn new(values: Map<String, Value>, place: impl Into<String>) -> Self {
        Self { values, place: place.into() }
    }

    /// All of them.
    pub(super) fn values(&self) -> &Map<String, Value> {
        &self.values
    }

    /// Where it was read.
    pub(super) fn place(&self) -> &str {
        &self.place
    }

    /// Whether the server tells it.
    pub(super) fn has(&self, key: &str) -> bool {
        self.values.contains_key(key)
    }

    /// The name of the object; empty when it has none.
    pub(super) fn name(&self) -> String {
        self.values.get("common.ALLTYPES_NAME").and_then(Value::as_str).map(short).unwrap_or_default()
    }

    fn read<T>(&self, key: &str, what: &str, value: impl Fn(&Value) -> Option<T>) -> Fact<T> {
        let place = format!("{} property {key}", self.place);
        match self.values.get(key) {
            None => Fact::unreadable(format!("{} does not tell {key}; other versions may", self.place)),
            Some(found) => match value(found) {
                Some(value) => Fact::read_at(value, place),
                None => Fact::unreadable(format!("{place} is not {what}")),
            },
        }
    }

    /// A property that is true or false.
    pub(super) fn flag(&self, key: &str) -> Fact<bool> {
        self.read(key, "true or false", |value| match value {
            Value::Bool(flag) => Some(*flag),
            Value::Number(number) if number.as_u64() == Some(0) => Some(false),
            Value::Number(number) if number.as_u64() == Some(1) => Some(true),
            _ => None,
        })
    }

    /// A property that counts.
    pub(super) fn number(&self, key: &str) -> Fact<u64> {
        self.read(key, "a number", Value::as_u64)
    }

    /// A property that is a text.
    pub(super) fn text(&self, key: &str) -> Fact<String> {
        self.read(key, "a text", |value| value.as_str().map(short))
    }

    /// Whether a text stands there; the text itself is nobody's business.
    pub(super) fn is_set(&self, key: &str) -> Fact<bool> {
        self.read(key, "a text", |value| value.as_str().map(|text| !text.trim().is_empty()))
    }

    /// Those of `keys` that are on, under the names beside them. What is on is told even when another cannot be read.
    pub(super) fn granted(&self, keys: &[(&str, &str)]) -> Fact<Vec<String>> {
        let mut granted = Vec::new();
        let mut unread = None;
        for (key, name) in keys {
            match self.flag(key) {
                Fact::Known(true, _) => granted.push((*name).to_owned()),
                Fact::Unreadable(reason) => unread = Some(reason),
                Fact::Known(false, _) | Fact::Absent => {}
            }
        }
        match unread {
            Some(reason) if granted.is_empty() => Fact::unreadable(reason),
            _ => Fact::read_at(granted, self.place.clone()),
        }
    }
}

/// The beginning of a text.
pub(super) fn short(text: &str) -> String {
    text.chars().take(TEXT).collect()
}

/// Scheme and host with port of an address; what else it holds may be secret.
pub(super) fn address(url: &str) -> (String, String) {
    let (scheme, rest) = url.trim().split_once("://").unwrap_or(("", url));
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = host.rsplit('@').next().unwrap_or_default();
    (short(&scheme.to_ascii_lowercase()), short(host))
}
