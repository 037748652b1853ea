//! What was touched on a target.

use std::collections::BTreeSet;
use std::sync::Mutex;

/// One thing that was touched.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Touch {
    /// `read`, `list`, `stat`, `run` or `connect`.
    pub act: &'static str,
    /// The path, the command line or the address.
    pub object: String,
}

/// A record of everything that was touched, each thing once.
#[derive(Debug, Default)]
pub struct Trace {
    touched: Mutex<BTreeSet<Touch>>,
}

impl Trace {
    /// Records one touch.
    pub fn note(&self, act: &'static str, object: String) {
        if let Ok(mut touched) = self.touched.lock() {
            touched.insert(Touch { act, object });
        }
    }

    /// Everything touched so far, sorted.
    pub fn touched(&self) -> Vec<Touch> {
        self.touched.lock().map(|touched| touched.iter().cloned().collect()).unwrap_or_default()
    }
}
