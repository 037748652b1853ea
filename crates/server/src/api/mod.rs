//! The JSON routes under /api/v1 and their description.
