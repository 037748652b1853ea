//! One gate before every credential: reserve an attempt, then verify.
