//! Certificates and keys: given ones, the own authority's, the server's.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| server::fuzzing::certificates(text));
