//! Passwords: policy, strength, and hashes.
