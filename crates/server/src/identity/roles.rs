//! Permissions, roles, and who holds them where.
