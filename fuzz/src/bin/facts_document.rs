//! A saved facts document, which another machine may have written.
#![no_main]

use std::collections::BTreeMap;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(document) = serde_json::from_slice::<model::FactsDocument>(bytes) {
        assert!(serde_json::to_vec(&document).is_ok());
    }
    if let Ok(value) = serde_json::from_slice(bytes) {
        let _ = model::split(value, "x", &mut BTreeMap::new(), &mut BTreeMap::new());
    }
});
