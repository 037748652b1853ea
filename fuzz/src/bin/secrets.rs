//! The first bytes of files that may hold private keys or encrypted archives.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = probe::parsers::sniff(bytes);
    let _ = probe::parsers::encrypted_whole(bytes);
});
