//! Property files, `.env` files and keystores.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    assert!(probe::parsers::properties(&text).len() <= text.len() + 1);
    assert!(probe::parsers::env_file(&text).len() <= text.len() + 1);
    if let Ok(contents) = probe::parsers::keystore(bytes, &["changeit".to_owned()]) {
        assert!(contents.certificates.len() <= bytes.len());
    }
});
