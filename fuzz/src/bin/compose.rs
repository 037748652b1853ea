//! Compose files: the same text is what every included and extended file holds.
#![no_main]

use std::sync::{Arc, LazyLock};

use host::{Door, Tree};

/// A machine without any file.
static DOOR: LazyLock<Door> = LazyLock::new(|| {
    let root = std::env::temp_dir().join("palisade-fuzz-empty");
    std::fs::create_dir_all(&root).expect("a folder for an empty machine");
    Door::new(Arc::new(Tree::new(&root).expect("an empty machine")))
});

libfuzzer_sys::fuzz_target!(|text: &str| {
    let section = probe::parsers::compose(&DOOR, text);
    assert!(serde_json::to_vec(&section).is_ok());
});
