//! What an OpenID provider tells of itself, its keys, a token; none is taken that nobody signed.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| server::fuzzing::provider(text));
