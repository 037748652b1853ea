//! One fact: a value that was read, or the knowledge that it is absent, or the reason why nobody knows.
//!
//! In Rust a [`Fact`] carries its source and its reason. In JSON a document keeps plain values, so that rules
//! read them without ceremony: known is the value, absent is `null`, unreadable is *no key at all*. Sources and
//! reasons stand beside the values in tables keyed by path; [`split`] takes the two apart.

use std::borrow::Cow;
use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::Deserializer;
use serde::ser::{SerializeMap, Serializer};
use serde::{Deserialize, Serialize};
use serde_json::Value;

const VALUE: &str = "$fact";
const SOURCE: &str = "$source";
const REASON: &str = "$unreadable";

/// A value of the target together with where it was read, or why it could not be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact<T> {
    /// It was read: the value, and the place when it is more exact than the section's.
    Known(T, Option<Box<Source>>),
    /// We looked; it is not there.
    Absent,
    /// We could not look. The reason is for a person and ends with the remedy when there is one.
    Unreadable(String),
}

/// The most characters of a line that a source repeats: one line of a hostile file may give thousands of facts.
const EXCERPT_LIMIT: usize = 500;

/// Where a fact was read, and what else claimed to set it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Source {
    /// The winning place: `path:line`, `sshd -T`, `docker inspect web`, `tcp 127.0.0.1:22`.
    pub at: String,
    /// The text at that place, when it is one line of a file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub excerpt: Option<String>,
    /// Places that set the same thing and lost, in the order in which they were read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub overridden: Vec<Place>,
}

/// One line of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Place {
    /// `path:line`.
    pub at: String,
    /// The line's text.
    pub excerpt: String,
}

impl Source {
    /// A source that is only a place.
    pub fn at(place: impl Into<String>) -> Self {
        Self { at: place.into(), ..Self::default() }
    }

    /// Line `line` (1-based) of the file `path`, which reads `text`; of a very long line only the beginning is kept.
    pub fn line(path: &str, line: usize, text: &str) -> Self {
        let text = text.trim();
        let excerpt = match text.char_indices().nth(EXCERPT_LIMIT) {
            Some((end, _)) => format!("{}...", text.get(..end).unwrap_or_default()),
            None => text.to_owned(),
        };
        Self { at: format!("{path}:{line}"), excerpt: Some(excerpt), overridden: Vec::new() }
    }

    /// This place as the winner over another and all that it had won over.
    pub fn over(mut self, loser: Self) -> Self {
        self.overridden = loser.overridden;
        self.overridden.push(Place { at: loser.at, excerpt: loser.excerpt.unwrap_or_default() });
        self
    }
}

impl<T> Fact<T> {
    /// A known value whose place is the section's own.
    pub fn known(value: T) -> Self {
        Self::Known(value, None)
    }

    /// A known value read at `place`.
    pub fn read_at(value: T, place: impl Into<String>) -> Self {
        Self::Known(value, Some(Box::new(Source::at(place))))
    }

    /// A known value with a full source.
    pub fn sourced(value: T, source: Source) -> Self {
        Self::Known(value, Some(Box::new(source)))
    }

    /// Unreadable for `reason`.
    pub fn unreadable(reason: impl Into<String>) -> Self {
        Self::Unreadable(reason.into())
    }

    /// The value when it is known.
    pub fn value(&self) -> Option<&T> {
        match self {
            Self::Known(value, _) => Some(value),
            Self::Absent | Self::Unreadable(_) => None,
        }
    }

    /// Whether the fact could not be read.
    pub fn is_unreadable(&self) -> bool {
        matches!(self, Self::Unreadable(_))
    }

    /// Whether we looked and found nothing.
    pub fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }

    /// Changes a known value; absent and unreadable stay what they are.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Fact<U> {
        match self {
            Self::Known(value, source) => Fact::Known(change(value), source),
            Self::Absent => Fact::Absent,
            Self::Unreadable(reason) => Fact::Unreadable(reason),
        }
    }

    /// Goes on from a known value to another fact; the first one's source is kept when the second has none.
    pub fn and_then<U>(self, next: impl FnOnce(T) -> Fact<U>) -> Fact<U> {
        match self {
            Self::Known(value, outer) => match next(value) {
                Fact::Known(value, inner) => Fact::Known(value, inner.or(outer)),
                other => other,
            },
            Self::Absent => Fact::Absent,
            Self::Unreadable(reason) => Fact::Unreadable(reason),
        }
    }

    /// The same; a known value without a place of its own was read at `place`.
    #[must_use]
    pub fn or_at(self, place: impl Into<String>) -> Self {
        match self {
            Self::Known(value, None) => Self::read_at(value, place),
            other => other,
        }
    }

    /// Known when there is a value, absent otherwise.
    pub fn from_option(value: Option<T>) -> Self {
        value.map_or(Self::Absent, Self::known)
    }

    /// The value, or `default` when absent; unreadable stays unreadable.
    pub fn or_default_value(self, default: T) -> Self {
        match self {
            Self::Absent => Self::known(default),
            other => other,
        }
    }
}

/// A fact nobody asked for is not known.
impl<T> Default for Fact<T> {
    fn default() -> Self {
        Self::Unreadable("not collected".to_owned())
    }
}

impl<T: Serialize> Serialize for Fact<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Known(value, None) => value.serialize(serializer),
            Self::Known(value, Some(source)) => {
                let mut map = serializer.serialize_map(Some(2))?;
                map.serialize_entry(VALUE, value)?;
                map.serialize_entry(SOURCE, source)?;
                map.end()
            }
            Self::Absent => serializer.serialize_none(),
            Self::Unreadable(reason) => {
                let mut map = serializer.serialize_map(Some(1))?;
                map.serialize_entry(REASON, reason)?;
                map.end()
            }
        }
    }
}

/// Reads the plain form: a value or `null`. A missing key is the container's `#[serde(default)]`.
impl<'de, T: Deserialize<'de>> Deserialize<'de> for Fact<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Option::<T>::deserialize(deserializer).map(Self::from_option)
    }
}

/// In the schema a fact is its value or null: what a document holds after [`split`].
impl<T: JsonSchema> JsonSchema for Fact<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        Option::<T>::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        Option::<T>::json_schema(generator)
    }
}

/// Takes serialised facts apart into plain values, a table of sources and a table of reasons.
///
/// Paths are written as rules write them: `ssh.server.options.usepam`, `accounts.users[3].shell`; keys that are
/// not identifiers are quoted: `net.sysctl["net.ipv4.ip_forward"]`. `prefix` is the path of `value` itself.
pub fn split(
    value: Value,
    prefix: &str,
    sources: &mut BTreeMap<String, Source>,
    unreadable: &mut BTreeMap<String, String>,
) -> Option<Value> {
    match value {
        Value::Object(mut map) => {
            if let Some(Value::String(reason)) = map.remove(REASON) {
                unreadable.insert(prefix.to_owned(), reason);
                return None;
            }
            if let Some(inner) = map.remove(VALUE) {
                if let Some(source) = map.remove(SOURCE).and_then(|source| serde_json::from_value(source).ok())
                {
                    sources.insert(prefix.to_owned(), source);
                }
                return split(inner, prefix, sources, unreadable);
            }
            let plain = map.into_iter().filter_map(|(key, value)| {
                let path = child_path(prefix, &key);
                split(value, &path, sources, unreadable).map(|value| (key, value))
            });
            Some(Value::Object(plain.collect()))
        }
        // An element that could not be read is dropped from its list but stays in the table of reasons, behind the others:
        // each keeps a path of its own.
        Value::Array(items) => {
            let is_unread = |item: &Value| item.get(REASON).is_some_and(Value::is_string);
            let (unread, read): (Vec<Value>, Vec<Value>) = items.into_iter().partition(is_unread);
            let mut plain = Vec::with_capacity(read.len());
            for (index, item) in read.into_iter().chain(unread).enumerate() {
                plain.extend(split(item, &format!("{prefix}[{index}]"), sources, unreadable));
            }
            Some(Value::Array(plain))
        }
        other => Some(other),
    }
}

/// The path of `key` below `prefix`, quoted when the key is not an identifier.
pub(crate) fn child_path(prefix: &str, key: &str) -> String {
    let identifier = key.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    match (identifier, prefix.is_empty()) {
        (true, true) => key.to_owned(),
        (true, false) => format!("{prefix}.{key}"),
        (false, _) => format!("{prefix}[{}]", Value::String(key.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize, Deserialize, Debug, Default, PartialEq)]
    #[serde(default)]
    struct Sample {
        shell: Fact<String>,
        locked: Fact<bool>,
        uid: Fact<u32>,
        keys: BTreeMap<String, Fact<u32>>,
    }

    #[test]
    fn known_is_the_value_absent_is_null_unreadable_is_no_key() {
        let sample = Sample {
            shell: Fact::sourced("/bin/sh".to_owned(), Source::line("/etc/passwd", 3, "root:x")),
            locked: Fact::Absent,
            uid: Fact::unreadable("permission denied"),
            keys: BTreeMap::from([("net.ipv4".to_owned(), Fact::read_at(1, "/proc"))]),
        };
        let (mut sources, mut unreadable) = (BTreeMap::new(), BTreeMap::new());
        let value = serde_json::to_value(&sample).unwrap();
        let plain = split(value, "users[0]", &mut sources, &mut unreadable).unwrap();
        assert_eq!(plain, serde_json::json!({"shell": "/bin/sh", "locked": null, "keys": {"net.ipv4": 1}}));
        assert_eq!(sources["users[0].shell"].at, "/etc/passwd:3");
        assert_eq!(sources["users[0].keys[\"net.ipv4\"]"].at, "/proc");
        assert_eq!(unreadable["users[0].uid"], "permission denied");

        let back: Sample = serde_json::from_value(plain).unwrap();
        assert_eq!(back.shell.value().map(String::as_str), Some("/bin/sh"));
        assert!(back.locked.is_absent());
        assert!(back.uid.is_unreadable());
    }

    #[test]
    fn every_element_that_could_not_be_read_keeps_its_reason() {
        let list = vec![
            Fact::unreadable("first"),
            Fact::unreadable("second"),
            Fact::known(1_u32),
            Fact::unreadable("third"),
        ];
        let (mut sources, mut unreadable) = (BTreeMap::new(), BTreeMap::new());
        let value = serde_json::to_value(&list).unwrap();
        assert_eq!(split(value, "keys", &mut sources, &mut unreadable).unwrap(), serde_json::json!([1]));
        let told: Vec<_> = unreadable.iter().map(|(path, why)| (path.as_str(), why.as_str())).collect();
        assert_eq!(told, [("keys[1]", "first"), ("keys[2]", "second"), ("keys[3]", "third")]);
    }
}
