//! What a mail server says before TLS; without its offer nothing goes on.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| server::fuzzing::mail_server(bytes));
