//! The JSON schemas of what Palisade writes, generated from the types.

use model::facts::Facts;
use model::{FactsDocument, Fleet, Report};
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Value, json};

/// The schema of a report, as `docs/report.schema.json` holds it.
pub fn report() -> String {
    let mut schema = generator().into_root_schema_for::<Report>().to_value();
    title(&mut schema, "palisade.report/1", "A report of palisade: findings of one target and its guides.");
    text(&schema)
}

/// The schema of the reports of several targets, as `docs/fleet.schema.json` holds it.
pub fn fleet() -> String {
    let mut schema = generator().into_root_schema_for::<Fleet>().to_value();
    title(&mut schema, "palisade.fleet/1", "The reports of several targets, and what they come to together.");
    text(&schema)
}

/// The schema of a facts document, as `docs/facts.schema.json` holds it: the envelope with every section's shape.
///
/// It is what `--facts` reads: a fact that could not be read has no key, so none is required.
pub fn facts() -> String {
    let mut generator = SchemaSettings::draft2020_12().for_deserialize().into_generator();
    let sections = Facts::json_schema(&mut generator).to_value();
    let mut schema = generator.into_root_schema_for::<FactsDocument>().to_value();
    title(&mut schema, "palisade.facts/1", "What palisade read of one target.");
    if let Some(Value::Object(properties)) = schema.get_mut("properties") {
        properties.insert("facts".to_owned(), sections);
    }
    text(&schema)
}

fn generator() -> SchemaGenerator {
    SchemaSettings::draft2020_12().for_serialize().into_generator()
}

fn title(schema: &mut Value, title: &str, about: &str) {
    if let Value::Object(map) = schema {
        map.insert("title".to_owned(), json!(title));
        map.insert("description".to_owned(), json!(about));
    }
}

fn text(schema: &Value) -> String {
    format!("{schema:#}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_that_could_not_be_read_may_be_missing() {
        let schema: Value = serde_json::from_str(&facts()).unwrap();
        assert_eq!(schema["$defs"]["Boot"]["properties"]["secure_boot"]["type"], json!(["boolean", "null"]));
        assert_eq!(schema["$defs"]["Boot"]["required"], Value::Null);
        assert_eq!(schema["properties"]["facts"]["required"], Value::Null);
        assert!(schema["required"].as_array().unwrap().contains(&json!("target")));
    }
}
