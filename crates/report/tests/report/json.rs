//! JSON: the model's own form, its schema, the committed schemas.

use model::Report;
use report::{Format, Options, write};
use serde_json::Value;

use crate::standard;

#[test]
fn json_is_the_model_as_it_serialises() {
    let report = standard::report();
    let text = write(Format::Json, &report, &Options::default()).unwrap();
    let value: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(value, serde_json::to_value(&report).unwrap());
    let back: Report = serde_json::from_str(&text).unwrap();
    assert_eq!(write(Format::Json, &back, &Options::default()).unwrap(), text);
}

#[test]
fn the_committed_schemas_are_current() {
    let docs = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs");
    let (report, fleet, facts) = (report::schema::report(), report::schema::fleet(), report::schema::facts());
    for (name, schema) in [("report", report), ("fleet", fleet), ("facts", facts)] {
        let path = format!("{docs}/{name}.schema.json");
        let committed = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(committed == schema, "docs/{name}.schema.json is stale: run `cargo xtask docs` and commit it");
    }
}

#[test]
fn every_field_is_documented() {
    let docs = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/report.md");
    let text = std::fs::read_to_string(docs).unwrap();
    let schema: Value = serde_json::from_str(&report::schema::report()).unwrap();
    let types = schema["$defs"].as_object().unwrap().values().chain([&schema]);
    let mut fields: Vec<&String> =
        types.filter_map(|schema| schema["properties"].as_object()).flat_map(|fields| fields.keys()).collect();
    fields.retain(|field| !text.contains(&format!("`{field}`")));
    assert_eq!(fields, [""; 0], "docs/report.md does not mention these fields");
}
