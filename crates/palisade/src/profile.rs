//! `palisade profile init`.

use std::io::Write as _;

use anyhow::{Context, Result};

use crate::args::Profile;
use crate::output::{Ending, say, talk};
use crate::{input, target};

/// Writes a profile from what the host has now; never over an existing file.
pub(crate) fn run(args: &Profile) -> Result<Ending> {
    let Profile::Init { output, facts, content } = args;
    let (content, broken) = input::content_told(content)?;
    let document = match facts {
        Some(path) => input::facts(path)?,
        None => target::collect_all(None)?,
    };
    let text = policy::write_profile(&content, &document, target::now());
    match output {
        None => say(&text)?,
        Some(path) => {
            let mut file = std::fs::OpenOptions::new()
                .write(true)
                .create_new(true)
                .open(path)
                .with_context(|| format!("cannot create {}", path.display()))?;
            file.write_all(text.as_bytes()).with_context(|| format!("cannot write {}", path.display()))?;
            talk(&format!(
                "Wrote {}. Read it, strike what should not be there, then run: palisade audit --profile {}",
                path.display(),
                path.display()
            ));
        }
    }
    Ok(if broken { Ending::Incomplete } else { Ending::Clean })
}
