//! Dockerfiles.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| {
    let _ = probe::parsers::dockerfile(text);
});
