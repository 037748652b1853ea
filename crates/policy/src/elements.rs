//! The elements of the list a rule goes through, and what findings call them.

use std::collections::BTreeMap;

use model::report::Finding;
use serde_json::Value;

use crate::paths::{Path, Resolved, Step};
use crate::rules::EachPart;

/// One element of the list a rule goes through.
pub(crate) struct Element<'a> {
    pub(crate) value: &'a Value,
    /// Where it stands in the list.
    pub(crate) step: Step,
    pub(crate) each: &'a EachPart,
}

impl Element<'_> {
    /// A path of the element as a path of the facts.
    pub(crate) fn full(&self, path: &Path) -> Path {
        let mut full = self.each.path.clone().then(self.step.clone());
        full.steps.extend(path.steps.iter().cloned());
        full
    }

    /// What a finding calls it: what the rule says, else its name, path, id or source, else its key or number.
    pub(crate) fn subject(&self) -> String {
        let named = self.each.subject.as_ref().and_then(|path| match path.resolve(self.value) {
            Resolved::Value(value) => plain(value),
            _ => None,
        });
        named
            .or_else(|| match &self.step {
                Step::Key(key) => Some(key.clone()),
                _ => None,
            })
            .or_else(|| {
                ["name", "path", "id", "source"].iter().find_map(|key| self.value.get(key).and_then(plain))
            })
            .or_else(|| plain(self.value))
            .unwrap_or_else(|| self.each.path.clone().then(self.step.clone()).to_string())
    }
}

/// The elements of a list or a map; none of anything else.
pub(crate) fn elements<'a>(list: &'a Value, each: &'a EachPart) -> Vec<Element<'a>> {
    let element = |(step, value)| Element { value, step, each };
    match list {
        Value::Array(items) => {
            items.iter().enumerate().map(|(index, value)| element((Step::Index(index), value))).collect()
        }
        Value::Object(map) => map.iter().map(|(key, value)| element((Step::Key(key.clone()), value))).collect(),
        _ => Vec::new(),
    }
}

/// Numbers the findings on elements that are called alike: rule and subject tell a finding from every other.
pub(crate) fn tell_apart(findings: &mut [Finding]) {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for finding in findings {
        let count = seen.entry(finding.subject.clone()).or_default();
        *count += 1;
        if *count > 1 {
            finding.subject = format!("{} ({count})", finding.subject);
        }
    }
}

/// A text that is not empty, or a number, as text.
pub(crate) fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}
