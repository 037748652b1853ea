//! What a probe is given.

use host::Door;

/// What a probe is given: its way to the target.
#[derive(Clone)]
pub struct Context {
    /// The way to the target, closing at the probe's deadline.
    pub door: Door,
}
