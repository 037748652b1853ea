//! Palisade side by side with its peers.

use anyhow::{Result, bail};

/// Runs the benchmark.
pub(crate) fn run() -> Result<()> {
    bail!("not yet")
}
