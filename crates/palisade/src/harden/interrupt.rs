//! Signals while a host is changed: none ends the program in the middle.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::{Context as _, Result};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGTSTP};

/// A flag that is set from now on by Ctrl-C, by `kill`, and by the end of the terminal or connection, which do nothing
/// else any more. Ctrl-Z does nothing at all: whoever stops in the middle would hold the lock.
pub(super) fn watch() -> Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    for (signal, flag) in [
        (SIGINT, Arc::clone(&stop)),
        (SIGTERM, Arc::clone(&stop)),
        (SIGHUP, Arc::clone(&stop)),
        (SIGTSTP, Arc::default()),
    ] {
        signal_hook::flag::register(signal, flag).context("cannot watch for signals")?;
    }
    Ok(stop)
}
