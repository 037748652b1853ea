//! Configuration of a CODESYS runtime.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| {
    assert!(probe::parsers::codesys(text) <= text.len());
});
