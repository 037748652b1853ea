//! The pages: one layout, one visual language, no scripts needed.
