//! The headers in which proxies say who asks; a stranger is never believed.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| server::fuzzing::forwarded(text));
