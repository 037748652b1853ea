//! Recovery codes: each opens once.
