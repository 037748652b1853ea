//! `palisade facts`.

use anyhow::{Result, bail};

use crate::args::Facts;
use crate::output::{Ending, say};
use crate::target::{self, Progress, Spec};

/// What is filled in on a Windows host.
const WINDOWS: &str = include_str!("windows.yaml");

/// Prints the facts document, the schema of facts, or a document to be filled in.
pub(crate) fn run(args: &Facts) -> Result<Ending> {
    if args.schema {
        say(&report::schema::facts())?;
        return Ok(Ending::Clean);
    }
    if let [word, kinds @ ..] = args.section.as_slice()
        && word == "template"
    {
        match kinds {
            [kind] if kind == "windows" => say(WINDOWS)?,
            _ => bail!("there is a template for `windows` only: palisade facts template windows"),
        }
        return Ok(Ending::Clean);
    }
    let credentials = args.target.credentials()?;
    let spec = args.target.spec.clone().unwrap_or(Spec::Local);
    let document = target::collect(&spec, &credentials, &args.section, args.trace, &Progress::new(1))?;
    say(&serde_json::to_string_pretty(&document)?)?;
    Ok(Ending::Clean)
}
