//! Generated files of docs/: the JSON schemas, the parameters of the server, the events of the ledger. A test fails when one is stale.

use anyhow::{Context, Result};

use crate::run::{output, root};

/// Writes every generated file.
pub(crate) fn run() -> Result<()> {
    // The program prints it, so that xtask need not be built with the whole server.
    let parameters =
        output("cargo", &["run", "--quiet", "--package", "palisade", "--", "config", "reference"])?;
    let files = [
        ("configuration.md", parameters),
        ("events.md", ledger::catalogue()),
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
