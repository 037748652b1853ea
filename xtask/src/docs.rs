//! Generated files of docs/: the JSON schemas. A test fails when one is stale.

use anyhow::{Context, Result};

use crate::run::root;

/// Writes every generated file.
pub(crate) fn run() -> Result<()> {
    let files = [
        ("report.schema.json", report::schema::report()),
        ("fleet.schema.json", report::schema::fleet()),
        ("facts.schema.json", report::schema::facts()),
    ];
    for (name, text) in files {
        let path = root().join("docs").join(name);
        std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        println!("wrote {}", path.display());
    }
    Ok(())
}
