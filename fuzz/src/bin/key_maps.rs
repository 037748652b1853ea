//! Maps of names and values, of a Nerve Management System.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| {
    if let Ok(entries) = probe::parsers::key_map(text) {
        assert!(entries.len() <= text.len());
    }
});
