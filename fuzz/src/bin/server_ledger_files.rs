//! What the server keeps of its ledger in files: events that wait, and the heads that it saw last.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| server::fuzzing::ledger_files(bytes));
