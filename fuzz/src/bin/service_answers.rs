//! Answers of products' own interfaces.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(answer) = probe::parsers::service_answer(bytes) {
        probe::parsers::nerve_answer(answer);
    }
});
