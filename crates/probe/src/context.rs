//! What a probe is given.

use std::sync::Arc;

use host::Door;

use crate::shared::Shared;

/// What a probe is given: its way to the target, and what probes share.
#[derive(Clone)]
pub struct Context {
    /// The way to the target, closing at the probe's deadline.
    pub door: Door,
    /// Readings that several probes want.
    pub(crate) shared: Arc<Shared>,
}

impl Context {
    /// The context of a probe that shares with no other.
    pub fn new(door: Door) -> Self {
        Self { door, shared: Arc::default() }
    }

    /// The same context with another door: one that closes at another probe's deadline.
    pub fn through(&self, door: Door) -> Self {
        Self { door, shared: Arc::clone(&self.shared) }
    }
}
