//! Facts out of the engine's JSON. The engine may be another version, broken, or lying: a value of the wrong type is
//! unreadable with a reason, and never a default.

use std::collections::BTreeMap;

use model::Fact;
use serde_json::Value;

/// The most elements of one list: mounts, variables, labels of a container.
const LIST_LIMIT: usize = 4096;
/// The longest text that is kept; longer ones are cut.
const TEXT_LIMIT: usize = 1024;

/// A JSON document, or the reason why there is none.
#[derive(Clone, Copy, Debug)]
pub(super) struct Json<'a> {
    document: Result<&'a Value, &'a str>,
    place: &'a str,
}

impl<'a> Json<'a> {
    /// The document that was read at `place`.
    pub(super) fn new(document: Result<&'a Value, &'a str>, place: &'a str) -> Self {
        Self { document, place }
    }

    /// Where it was read.
    pub(super) fn place(&self) -> &'a str {
        self.place
    }

    /// What stands at `pointer`, `null` when nothing does.
    fn find(&self, pointer: &str) -> Result<&'a Value, String> {
        match self.document {
            Ok(document) => Ok(document.pointer(pointer).unwrap_or(&Value::Null)),
            Err(reason) => Err(reason.to_owned()),
        }
    }

    /// The value at `pointer` by `convert`; `null` or nothing there is absent, another type is unreadable.
    pub(super) fn get<T>(
        &self,
        pointer: &str,
        wanted: &str,
        convert: impl FnOnce(&'a Value) -> Option<T>,
    ) -> Fact<T> {
        match self.find(pointer) {
            Err(reason) => Fact::unreadable(reason),
            Ok(Value::Null) => Fact::Absent,
            Ok(value) => match convert(value) {
                Some(value) => Fact::known(value),
                None => Fact::unreadable(format!("{}: {pointer} is not {wanted}", self.place)),
            },
        }
    }

    /// Unreadable instead of absent: the engine always says this.
    pub(super) fn must<T>(&self, pointer: &str, fact: Fact<T>) -> Fact<T> {
        match fact {
            Fact::Absent => Fact::unreadable(format!("{} does not say {pointer}", self.place)),
            other => other,
        }
    }

    /// A flag that the engine always writes.
    pub(super) fn flag(&self, pointer: &str) -> Fact<bool> {
        self.must(pointer, self.get(pointer, "true or false", Value::as_bool))
    }

    /// A flag that the engine leaves out when it is `default`.
    pub(super) fn flag_or(&self, pointer: &str, default: bool) -> Fact<bool> {
        self.get(pointer, "true or false", Value::as_bool).or_default_value(default)
    }

    /// A text; an empty one is absent.
    pub(super) fn text(&self, pointer: &str) -> Fact<String> {
        self.get(pointer, "text", Value::as_str)
            .and_then(|text| if text.is_empty() { Fact::Absent } else { Fact::known(clip(text)) })
    }

    /// A time; the engine writes year 1 for never.
    pub(super) fn time(&self, pointer: &str) -> Fact<String> {
        self.text(pointer).and_then(|text| {
            if text.starts_with("0001-") {
                return Fact::Absent;
            }
            match text.parse::<model::Timestamp>() {
                Ok(time) => Fact::known(time.to_string()),
                Err(_) => Fact::unreadable(format!("{}: {pointer} is not a time", self.place)),
            }
        })
    }

    /// A number that is not negative; -1 stands for none.
    pub(super) fn count(&self, pointer: &str) -> Fact<u64> {
        match self.get(pointer, "a number", |value| value.as_i64().or_else(|| value.as_u64().map(|_| i64::MAX)))
        {
            Fact::Known(number, source) => match u64::try_from(number) {
                Ok(number) => Fact::Known(number, source),
                Err(_) => Fact::Absent,
            },
            Fact::Absent => Fact::Absent,
            Fact::Unreadable(reason) => Fact::Unreadable(reason),
        }
    }

    /// A number for which 0 means that nothing was asked for.
    pub(super) fn amount(&self, pointer: &str) -> Fact<u64> {
        self.count(pointer).and_then(|number| if number == 0 { Fact::Absent } else { Fact::known(number) })
    }

    /// The elements of a list; `null` or nothing there is an empty one.
    pub(super) fn items(&self, pointer: &str) -> Fact<Vec<&'a Value>> {
        self.get(pointer, "a list", Value::as_array)
            .map(|items| items.iter().collect())
            .and_then(|items: Vec<_>| {
                if items.len() > LIST_LIMIT {
                    Fact::unreadable(format!("{}: {pointer} has more than {LIST_LIMIT} elements", self.place))
                } else {
                    Fact::known(items)
                }
            })
            .or_default_value(Vec::new())
    }

    /// A list of texts; `null` or nothing there is an empty one.
    pub(super) fn texts(&self, pointer: &str) -> Fact<Vec<String>> {
        self.items(pointer).and_then(|items| {
            let texts: Option<Vec<_>> = items.into_iter().map(|item| item.as_str().map(clip)).collect();
            texts.map_or_else(
                || Fact::unreadable(format!("{}: {pointer} is not a list of texts", self.place)),
                Fact::known,
            )
        })
    }

    /// The entries of a map; `null` or nothing there is an empty one.
    pub(super) fn entries(&self, pointer: &str) -> Fact<BTreeMap<String, &'a Value>> {
        self.get(pointer, "a map", Value::as_object)
            .and_then(|map| {
                if map.len() > LIST_LIMIT {
                    Fact::unreadable(format!("{}: {pointer} has more than {LIST_LIMIT} entries", self.place))
                } else {
                    Fact::known(map.iter().map(|(key, value)| (clip(key), value)).collect())
                }
            })
            .or_default_value(BTreeMap::new())
    }

    /// A map of texts.
    pub(super) fn text_map(&self, pointer: &str) -> Fact<BTreeMap<String, String>> {
        self.entries(pointer).map(|map| {
            map.into_iter().map(|(key, value)| (key, value.as_str().map(clip).unwrap_or_default())).collect()
        })
    }
}

/// The text, cut when it is longer than any honest one.
pub(super) fn clip(text: &str) -> String {
    text.chars().take(TEXT_LIMIT).collect()
}

/// Both values, when both are known; else why not.
pub(super) fn both<A, B>(a: Fact<A>, b: Fact<B>) -> Fact<(A, B)> {
    a.and_then(|a| b.map(|b| (a, b)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_value_of_the_wrong_type_is_unreadable_and_never_a_default() {
        let document =
            json!({"a": "yes", "b": null, "t": "0001-01-01T00:00:00Z", "n": -1, "z": 0, "l": [1], "m": 3});
        let json = Json::new(Ok(&document), "docker inspect web");
        assert_eq!(json.flag("/a"), Fact::unreadable("docker inspect web: /a is not true or false"));
        assert_eq!(json.flag("/b"), Fact::unreadable("docker inspect web does not say /b"));
        assert!(json.flag_or("/a", false).is_unreadable());
        assert_eq!(json.flag_or("/missing", false), Fact::known(false));
        assert_eq!(json.time("/t"), Fact::Absent);
        assert!(json.time("/a").is_unreadable());
        assert_eq!((json.count("/n"), json.amount("/z")), (Fact::Absent, Fact::Absent));
        assert!(json.texts("/l").is_unreadable());
        assert!(json.entries("/m").is_unreadable());
        assert_eq!(json.texts("/missing"), Fact::known(vec![]));
        assert_eq!(Json::new(Err("timed out"), "x").text("/a"), Fact::unreadable("timed out"));
    }
}
