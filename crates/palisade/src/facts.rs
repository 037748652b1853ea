//! `palisade facts`.

use anyhow::Result;

use crate::args::Facts;
use crate::output::{Ending, say};
use crate::target;

/// Prints the facts document, or the schema of facts.
pub(crate) fn run(args: &Facts) -> Result<Ending> {
    if args.schema {
        say(&report::schema::facts())?;
        return Ok(Ending::Clean);
    }
    let document = target::collect(None, &args.section, args.trace)?;
    say(&serde_json::to_string_pretty(&document)?)?;
    Ok(Ending::Clean)
}
