//! One gate before every credential: reserve an attempt, then verify.

/// The right to check one credential once.
#[derive(Debug)]
pub(crate) struct Attempt {
    _private: (),
}

impl Attempt {
    #[cfg(test)]
    pub(crate) fn for_tests() -> Self {
        Self { _private: () }
    }
}
