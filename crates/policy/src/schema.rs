//! The shape of facts: whether a path can exist, and what kinds of value stand there.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::paths::{Path, Step};

/// The JSON schema of the facts, walked along paths.
pub struct Schema {
    root: Value,
}

/// A path that the schema does not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NoSuchPath {
    /// The part up to and with the first wrong step.
    pub(crate) upto: String,
    /// The name that is wrong.
    pub(crate) name: String,
    /// Names that would be right there.
    pub(crate) known: Vec<String>,
}

impl Schema {
    /// The schema of this version's facts.
    pub fn facts() -> Self {
        Self { root: model::facts::schema() }
    }

    /// Kinds of value (`string`, `number`, `boolean`, `null`, `array`, `object`) at a path that begins at `facts`;
    /// empty when anything may stand there.
    pub(crate) fn kinds(&self, path: &Path) -> Result<BTreeSet<&'static str>, NoSuchPath> {
        let mut nodes = vec![&self.root];
        for (index, step) in path.steps.iter().enumerate() {
            let mut next = Vec::new();
            let mut known = BTreeSet::new();
            let mut anything = false;
            for node in nodes.iter().flat_map(|node| self.alternatives(node)) {
                match step {
                    Step::Field(name) | Step::Key(name) => {
                        let properties = node.get("properties").and_then(Value::as_object);
                        known.extend(properties.into_iter().flat_map(|map| map.keys().cloned()));
                        match properties.and_then(|map| map.get(name)) {
                            Some(property) => next.push(property),
                            None => match node.get("additionalProperties") {
                                Some(Value::Bool(true)) => anything = true,
                                Some(schema @ Value::Object(_)) => next.push(schema),
                                _ => anything |= node.as_bool() == Some(true),
                            },
                        }
                    }
                    Step::Index(_) => next.extend(node.get("items")),
                    Step::Any => {
                        next.extend(node.get("items"));
                        // A comprehension over a map ranges over its keys.
                        anything |= node.get("additionalProperties").is_some();
                    }
                }
            }
            if anything {
                return Ok(BTreeSet::new());
            }
            if next.is_empty() {
                let name = match step {
                    Step::Field(name) | Step::Key(name) => name.clone(),
                    Step::Index(number) => format!("[{number}]"),
                    Step::Any => "[*]".to_owned(),
                };
                let upto = path.prefix(index + 1).to_string();
                return Err(NoSuchPath { upto, name, known: known.into_iter().collect() });
            }
            nodes = next;
        }
        Ok(nodes.iter().flat_map(|node| self.alternatives(node)).flat_map(kinds_of).collect())
    }

    /// Whether `value` has the shape of the path `path`; the first part that has not otherwise.
    pub(crate) fn misfit(&self, path: &Path, value: &Value) -> Option<NoSuchPath> {
        match value {
            Value::Object(map) => map.iter().find_map(|(key, value)| {
                let below = path.clone().then(Step::Field(key.clone()));
                self.kinds(&below).err().or_else(|| self.misfit(&below, value))
            }),
            Value::Array(items) => items.iter().find_map(|item| {
                let below = path.clone().then(Step::Index(0));
                self.kinds(&below).err().or_else(|| self.misfit(&below, item))
            }),
            scalar => {
                let kinds = self.kinds(path).ok()?;
                let kind = kind_of(scalar);
                let fits = kinds.is_empty() || kinds.contains(kind);
                (!fits).then(|| NoSuchPath {
                    upto: path.to_string(),
                    name: format!("a {kind}"),
                    known: kinds.into_iter().map(str::to_owned).collect(),
                })
            }
        }
    }

    /// The schemas that a node may be: references followed, `anyOf`, `oneOf` and `allOf` opened.
    fn alternatives<'a>(&'a self, node: &'a Value) -> Vec<&'a Value> {
        let mut open = vec![node];
        let mut found = Vec::new();
        // A schema of ours is not deeper than this; the bound keeps a circular one from running for ever.
        for _ in 0..64 {
            let Some(node) = open.pop() else { break };
            if let Some(reference) = node.get("$ref").and_then(Value::as_str) {
                open.extend(reference.strip_prefix('#').and_then(|pointer| self.root.pointer(pointer)));
            }
            for key in ["anyOf", "oneOf", "allOf"] {
                open.extend(node.get(key).and_then(Value::as_array).into_iter().flatten());
            }
            found.push(node);
        }
        found
    }
}

fn kinds_of(node: &Value) -> Vec<&'static str> {
    let names: Vec<&str> = match node.get("type") {
        Some(Value::String(name)) => vec![name.as_str()],
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
        _ if node.get("const").is_some() || node.get("enum").is_some() => vec!["string"],
        _ => Vec::new(),
    };
    names
        .into_iter()
        .filter_map(|name| {
            Some(match name {
                "string" => "string",
                "integer" | "number" => "number",
                "boolean" => "boolean",
                "null" => "null",
                "array" => "array",
                "object" => "object",
                _ => return None,
            })
        })
        .collect()
}

/// The kind of a JSON value.
pub(crate) fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}
