//! Answers of products' own interfaces.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    drop(probe::parsers::service_answer(bytes));
});
