//! Empty files, so that the walk of this host sees as many as the target asks for.

use std::fs::{self, File};
use std::path::PathBuf;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::run::{output, root};

/// How many files and directories the walk is to see.
pub(crate) const ENTRIES: u64 = 600_000;

/// More of them, as other programs remove files while the benchmark runs.
const MARGIN: u64 = 20_000;

/// Files in one directory.
const IN_ONE: u64 = 1000;

/// The files, removed when dropped.
pub(crate) struct Ballast {
    place: PathBuf,
}

impl Ballast {
    /// Makes as many files as `program`'s walk lacks, on the file system of the repository.
    pub(crate) fn make(program: &str) -> Result<Self> {
        let ballast = Self { place: root().join("target/bench/ballast") };
        // An interrupted run leaves them behind.
        ballast.remove();
        let seen = entries(&output(program, &["facts", "files"])?);
        for number in 0..(ENTRIES + MARGIN).saturating_sub(seen) {
            let directory = ballast.place.join((number / IN_ONE).to_string());
            if number % IN_ONE == 0 {
                fs::create_dir_all(&directory)
                    .with_context(|| format!("cannot make {}", directory.display()))?;
            }
            let file = directory.join(number.to_string());
            File::create(&file).with_context(|| format!("cannot make {}", file.display()))?;
        }
        Ok(ballast)
    }

    fn remove(&self) {
        // It may not be there; what cannot be removed is removed by the next run.
        drop(fs::remove_dir_all(&self.place));
    }
}

impl Drop for Ballast {
    fn drop(&mut self) {
        self.remove();
    }
}

/// How many entries a walk saw, from the section's JSON.
pub(crate) fn entries(facts: &str) -> u64 {
    let facts: Value = serde_json::from_str(facts).unwrap_or_default();
    let section = facts.pointer("/facts/files").unwrap_or(&facts);
    section.pointer("/walk/entries").and_then(Value::as_u64).unwrap_or(0)
}
