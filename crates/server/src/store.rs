//! The database: SQLite or PostgreSQL, one text of SQL.
