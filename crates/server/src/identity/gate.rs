//! One gate before every credential: reserve an attempt, then verify.

/// The right to check one credential once. Only the gate hands it out.
#[derive(Debug)]
pub(crate) struct Attempt {
    _private: (),
}

impl Attempt {
    /// An attempt that no gate counted.
    #[cfg(test)]
    pub(crate) fn for_tests() -> Self {
        Self { _private: () }
    }
}
