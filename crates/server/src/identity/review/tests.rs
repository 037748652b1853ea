//! Reviews on both databases.
