//! Archives of images, their layers, manifests and configurations, files searched for secrets, data of vulnerabilities.
#![no_main]

use std::sync::{Arc, LazyLock};

use host::{Door, Tree};

/// A machine without any file.
static DOOR: LazyLock<Door> = LazyLock::new(|| {
    let root = std::env::temp_dir().join("palisade-fuzz-empty");
    std::fs::create_dir_all(&root).expect("a folder for an empty machine");
    Door::new(Arc::new(Tree::new(&root).expect("an empty machine")))
});

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    for image in probe::parsers::image(&DOOR, bytes) {
        assert!(serde_json::to_vec(&image).is_ok());
    }
});
