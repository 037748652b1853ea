//! The facts document: what one run of the probes learned about one target.

use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::fact::{Source, split};
use crate::report::{ProbeRun, Target};

/// The version tag of [`FactsDocument`].
pub const FACTS_SCHEMA: &str = "palisade.facts/1";

/// Everything known about one target, as `palisade facts` prints it and `palisade audit --facts` reads it.
///
/// `facts` holds plain values: absent is `null`, what could not be read has no key and stands in `unreadable`.
/// Paths in `sources` and `unreadable` leave out the leading `facts.`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FactsDocument {
    /// Always [`FACTS_SCHEMA`].
    pub schema: String,
    /// What was looked at.
    pub target: Target,
    /// When the first probe started.
    pub collected_at: Timestamp,
    /// How each probe went.
    #[serde(default)]
    pub probes: Vec<ProbeRun>,
    /// The facts by section; the shape of each section is that of `palisade facts --schema`.
    pub facts: BTreeMap<String, Value>,
    /// Where facts were read, by path.
    #[serde(default)]
    pub sources: BTreeMap<String, Source>,
    /// Why facts could not be read, by path.
    #[serde(default)]
    pub unreadable: BTreeMap<String, String>,
}

impl FactsDocument {
    /// A document without facts.
    pub fn new(target: Target, collected_at: Timestamp) -> Self {
        Self {
            schema: FACTS_SCHEMA.to_owned(),
            target,
            collected_at,
            probes: Vec::new(),
            facts: BTreeMap::new(),
            sources: BTreeMap::new(),
            unreadable: BTreeMap::new(),
        }
    }

    /// Adds a probe's section, given as serialised [`Fact`](crate::Fact)s.
    pub fn insert_section(&mut self, name: &str, section: Value) {
        if let Some(plain) = split(section, name, &mut self.sources, &mut self.unreadable) {
            self.facts.insert(name.to_owned(), plain);
        }
    }

    /// The reason why `path` (without `facts.`) or something it stands in could not be read.
    pub fn reason_for(&self, path: &str) -> Option<(&str, &str)> {
        nearest(&self.unreadable, path).map(|(at, reason)| (at, reason.as_str()))
    }

    /// The source of `path` (without `facts.`) or of the nearest thing it stands in.
    pub fn source_of(&self, path: &str) -> Option<&Source> {
        nearest(&self.sources, path).map(|(_, source)| source)
    }
}

/// The entry for `path` or for its longest prefix that ends where a name or an index ends.
fn nearest<'a, T>(table: &'a BTreeMap<String, T>, path: &str) -> Option<(&'a str, &'a T)> {
    let mut path = path;
    loop {
        if let Some((key, value)) = table.get_key_value(path) {
            return Some((key, value));
        }
        path = &path[..path.rfind(['.', '['])?];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_reason_is_found_along_the_path() {
        let table = BTreeMap::from([("a.b".to_owned(), 1), ("a.b[2]".to_owned(), 2)]);
        assert_eq!(nearest(&table, "a.b[2].c").unwrap().1, &2);
        assert_eq!(nearest(&table, "a.b[3].c").unwrap().1, &1);
        assert_eq!(nearest(&table, "a.bc"), None);
    }
}
