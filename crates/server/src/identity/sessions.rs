//! Sessions: opaque, hashed at rest, with idle and absolute limits.
