//! What an SSH target answers: SFTP messages, and how such a target is named.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    host::ssh::parsers::sftp_reply(bytes);
    if let Ok(text) = std::str::from_utf8(bytes) {
        host::ssh::parsers::destination(text);
    }
});
