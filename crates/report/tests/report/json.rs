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
    for (name, schema) in [("report", report::schema::report()), ("facts", report::schema::facts())] {
        let path = format!("{docs}/{name}.schema.json");
        let committed = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(committed == schema, "docs/{name}.schema.json is stale: run `cargo xtask docs` and commit it");
    }
}
