//! Sealed secrets, codes that people type, stored hashes, names of new users; what is sealed opens for its context alone.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| server::fuzzing::secrets(text));
