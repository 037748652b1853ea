//! A site's list of passwords that nobody may choose, and a password judged by it; no reason repeats it.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| server::fuzzing::passwords(text));
