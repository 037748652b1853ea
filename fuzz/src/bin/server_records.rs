//! Records of access reviews, well signed and not; reports as they are kept; addresses of databases.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| server::fuzzing::records(text));
