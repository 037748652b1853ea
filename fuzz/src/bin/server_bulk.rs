//! What OpenSearch, or whoever stands in its place, answers to a request of many entries.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| server::fuzzing::bulk_answer(bytes));
