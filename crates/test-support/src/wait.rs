//! Waiting for what takes its time on a machine with much else to do.

use std::thread;
use std::time::{Duration, Instant};

/// How long between two looks.
const PAUSE: Duration = Duration::from_millis(20);

/// Looks again and again until there is an answer; the error says what is still missing.
///
/// # Panics
/// With the last error when there is no answer after `patience`.
pub fn until<T>(patience: Duration, mut look: impl FnMut() -> Result<T, String>) -> T {
    let begun = Instant::now();
    loop {
        match look() {
            Ok(answer) => return answer,
            Err(missing) => assert!(begun.elapsed() < patience, "{missing}"),
        }
        thread::sleep(PAUSE);
    }
}
