//! API tokens: scoped, expiring, hashed.
