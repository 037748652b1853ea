//! `palisade facts`.

use anyhow::Result;

use crate::args::Facts;
use crate::output::{Ending, say};
use crate::target::{self, Progress, Spec};

/// Prints the facts document, or the schema of facts.
pub(crate) fn run(args: &Facts) -> Result<Ending> {
    if args.schema {
        say(&report::schema::facts())?;
        return Ok(Ending::Clean);
    }
    let credentials = args.target.credentials()?;
    let spec = args.target.spec.clone().unwrap_or(Spec::Local);
    let document = target::collect(&spec, &credentials, &args.section, args.trace, &Progress::new(1))?;
    say(&serde_json::to_string_pretty(&document)?)?;
    Ok(Ending::Clean)
}
