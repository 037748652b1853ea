//! Members of JSON documents, with the form of everything else kept.

use jsonc_parser::ParseOptions;
use jsonc_parser::cst::{CstInputValue, CstRootNode};
use serde_json::Value;

use super::EditError;

/// Gives the member at `path` the value that `value` spells.
pub(super) fn set(text: &str, path: &[String], value: &str) -> Result<String, EditError> {
    let malformed = |what: &str| EditError::Malformed(what.to_owned());
    let value: Value = serde_json::from_str(value).map_err(|_| malformed("a JSON value"))?;
    let text = if text.trim().is_empty() { "{}\n" } else { text };
    // The editor below forgives what the file's reader would not.
    serde_json::from_str::<Value>(text).map_err(|error| malformed(&format!("JSON: {error}")))?;
    let root = CstRootNode::parse(text, &ParseOptions::default())
        .map_err(|error| malformed(&format!("JSON: {error}")))?;
    let Some((name, outer)) = path.split_last() else { return Err(malformed("a member")) };
    let mut object = root.object_value_or_create().ok_or_else(|| malformed("a JSON object"))?;
    for step in outer {
        object = object.object_value_or_create(step).ok_or_else(|| malformed("made of JSON objects"))?;
    }
    let given = input(value);
    match object.get(name) {
        Some(member) => member.set_value(given),
        None => drop(object.append(name, given)),
    }
    Ok(root.to_string())
}

fn input(value: Value) -> CstInputValue {
    match value {
        Value::Null => CstInputValue::Null,
        Value::Bool(value) => CstInputValue::Bool(value),
        Value::Number(value) => CstInputValue::Number(value.to_string()),
        Value::String(value) => CstInputValue::String(value),
        Value::Array(items) => CstInputValue::Array(items.into_iter().map(input).collect()),
        Value::Object(members) => {
            CstInputValue::Object(members.into_iter().map(|(name, value)| (name, input(value))).collect())
        }
    }
}
