//! The configuration: one TOML file, the environment, and where every value came from.
