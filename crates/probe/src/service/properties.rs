//! The properties of one object that a service describes in JSON.

use model::Fact;
use serde_json::{Map, Value};

/// The most characters of a text that is kept.
const TEXT: usize = 300;

/// The most elements of a list in an object.
const ITEMS: usize = 1_000;

/// An object and where it was read.
pub(crate) struct Properties {
    values: Map<String, Value>,
    place: String,
}

impl Properties {
    /// The properties of a JSON object.
    pub(crate) fn new(values: Map<String, Value>, place: impl Into<String>) -> Self {
        Self { values, place: place.into() }
    }

    /// All of them.
    pub(crate) fn values(&self) -> &Map<String, Value> {
        &self.values
    }

    /// Where it was read.
    pub(crate) fn place(&self) -> &str {
        &self.place
    }

    /// Whether the server tells it.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.values.contains_key(key)
    }

    /// The text at a key that names the object; empty when there is none.
    pub(crate) fn name(&self, key: &str) -> String {
        self.values.get(key).and_then(Value::as_str).map(short).unwrap_or_default()
    }

    /// A property that an object need not have: absent when it is not told, or null.
    pub(crate) fn if_told<T>(&self, key: &str, read: impl Fn(&Self, &str) -> Fact<T>) -> Fact<T> {
        match self.values.get(key) {
            None | Some(Value::Null) => Fact::Absent,
            Some(_) => read(self, key),
        }
    }

    /// An object in this one; one without properties when it is not told.
    pub(crate) fn within(&self, key: &str) -> Self {
        let values = self.values.get(key).and_then(Value::as_object).cloned().unwrap_or_default();
        Self::new(values, format!("{} property {key}", self.place))
    }

    /// A property that is a list.
    pub(crate) fn list(&self, key: &str) -> Result<&[Value], String> {
        match self.values.get(key) {
            Some(Value::Array(items)) if items.len() > ITEMS => {
                Err(format!("{} property {key} lists {}, more than {ITEMS}", self.place, items.len()))
            }
            Some(Value::Array(items)) => Ok(items),
            Some(_) => Err(format!("{} property {key} is no list", self.place)),
            None => Err(format!("{} does not tell {key}; other versions may", self.place)),
        }
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
    pub(crate) fn flag(&self, key: &str) -> Fact<bool> {
        self.read(key, "true or false", |value| match value {
            Value::Bool(flag) => Some(*flag),
            Value::Number(number) if number.as_u64() == Some(0) => Some(false),
            Value::Number(number) if number.as_u64() == Some(1) => Some(true),
            _ => None,
        })
    }

    /// A property that counts.
    pub(crate) fn number(&self, key: &str) -> Fact<u64> {
        self.read(key, "a number", |value| {
            value.as_u64().or_else(|| value.as_str().and_then(|text| text.trim().parse().ok()))
        })
    }

    /// A property that is a text.
    pub(crate) fn text(&self, key: &str) -> Fact<String> {
        self.read(key, "a text", |value| value.as_str().map(short))
    }

    /// Whether a text stands there; the text itself is nobody's business.
    pub(crate) fn is_set(&self, key: &str) -> Fact<bool> {
        self.read(key, "a text", |value| value.as_str().map(|text| !text.trim().is_empty()))
    }

    /// Those of `keys` that are on, under the names beside them. What is on is told even when another cannot be read.
    pub(crate) fn granted(&self, keys: &[(&str, &str)]) -> Fact<Vec<String>> {
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
pub(crate) fn short(text: &str) -> String {
    text.chars().take(TEXT).collect()
}

/// Scheme and host with port of an address; what else it holds may be secret.
pub(crate) fn address(url: &str) -> (String, String) {
    let (scheme, rest) = url.trim().split_once("://").unwrap_or(("", url));
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = host.rsplit('@').next().unwrap_or_default();
    (short(&scheme.to_ascii_lowercase()), short(host))
}
